"""What the pages say is so: examples run, tables are those of the code, links lead somewhere."""

import contextlib
import io
import json
import re
from pathlib import Path

import pytest

from autograder.course.release import TABLE
from autograder.judge.mistakes import Mistake
from autograder.problem_sets import points_table
from benchmarks import report
from igref.attribution import quadrature

KIT = Path(__file__).resolve().parent.parent
PAGES = sorted([*KIT.glob("*.md"), *KIT.glob("docs/*.md"), *KIT.glob("benchmarks/*.md"), *KIT.glob("lecture/*.md")])


def test_the_example_in_the_readme_prints_what_stands_below_it():
    text = (KIT / "README.md").read_text()
    code, printed = re.search(r"```python\n(.*?)```\s+```text\n(.*?)```", text, re.DOTALL).groups()
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(code, "README.md", "exec"), {})
    assert output.getvalue() == printed


def test_the_examples_of_igref_print_what_their_comments_say():
    blocks = re.findall(r"```python\n(.*?)```", (KIT / "docs" / "igref.md").read_text(), re.DOTALL)
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile("".join(blocks), "docs/igref.md", "exec"), {})
    said = [line.rpartition("  # ")[2] for block in blocks for line in block.splitlines() if line.startswith("print(")]
    assert said
    assert output.getvalue().splitlines() == said


@pytest.mark.parametrize("page", ["students", "instructors"])
def test_the_tables_of_graded_cells_are_up_to_date(page):
    """It fails? Run `make assignments` and commit what it writes."""
    text = (KIT / "docs" / f"{page}.md").read_text()
    assert points_table() in TABLE.search(text)[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(KIT)))
def test_links_within_the_kit_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text()):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(KIT)))
def test_anchors_lead_to_a_heading(page):
    for target, anchor in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", page.read_text()):
        headings = re.findall(r"^#+ (.*)$", (page.parent / target if target else page).read_text(), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
        assert anchor in anchors, f"{target}#{anchor}; there are {', '.join(sorted(anchors))}"


PATH = re.compile(r"`((?:autograder|igref|corpus|solutions|assignments|lecture|tests|benchmarks|docs)/[^`\s]*)`")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(KIT)))
def test_paths_that_a_page_names_are_there(page):
    """Written in backticks, from the kit's folder. psN stands for any set, and a * for what it stands for in a shell."""
    for named in PATH.findall(page.read_text()):
        if "ps5" not in named and not named.startswith("lecture/built"):  # a new set's, and what is built
            assert list(KIT.glob(named.replace("psN", "ps[0-9]*").rstrip("/"))), f"{page.name} names {named}"


def test_the_measured_tables_are_those_of_the_results():
    """It fails? Run `python -m benchmarks.report` and commit what it writes."""
    assert report.between_marks(report.README) == report.sections()
    assert report.between_marks(report.DOCS) == report.rows_of_the_adaptive_mode()


def test_what_is_said_of_accelerators_is_what_was_measured():
    kept = json.loads((report.RESULTS / "accelerator.json").read_text())["results"]
    page, log = ((KIT / name).read_text() for name in ("docs/igref.md", "CHANGELOG.md"))
    for dtype, below in (("float32", "1e-6"), ("float64", "1e-14")):
        assert f"{below} in\n{dtype}" in page or f"{below} in {dtype}" in page
        assert max(found for _, of, found in kept["agreement"] if of == dtype) < float(below)
    photo = kept["fixed steps"]["1 pairs, 200 steps"]
    ours, small = photo["igref"], photo["igref, chunks of 64"]
    assert f"{small['ms'] / ours['ms']:.2f} times" in page and 0.23 < small["MiB"] / ours["MiB"] < 0.27
    for steps, said in ((50, "at 50 steps takes {:.2f} of Captum's best time"), (200, "at 200 steps {:.2f}")):
        took = {name: one["ms"] for name, one in kept["fixed steps"][f"1 pairs, {steps} steps"].items()}
        assert said.format(took["igref"] / min(ms for name, ms in took.items() if "captum" in name)) in log
    fifty = {name: one["ms"] for name, one in kept["equal map error"]["within 5%"].items()}
    gauss, trapezoid = (fifty["adaptive"] / fifty[f"igref, {rule}"] for rule in ("gauss_legendre", "trapezoid"))
    assert f"takes {gauss:.2f} of the time that Gauss-Legendre takes and {trapezoid:.2f} of the" in page
    for name, off in kept["precision"].items():
        row = next(line for line in page.splitlines() if name.split(",")[0] in line and line[0] in "|f")
        assert f"{100 * off['median']:.{1 if 'from' in name else 0}f} %" in row
    pairs = report.by_model(json.loads((report.RESULTS / "map_error.json").read_text())["results"])[
        "efficientnet_lite0"
    ]
    mean = sum(one["adaptive"]["0.05"]["gradients"] for one in pairs) / len(pairs)
    gauss, trapezoid = (mean / report.count_within(pairs, rule, 0.05) for rule in ("gauss_legendre", "trapezoid"))
    assert f"takes {gauss:.2f} of Gauss-Legendre's gradients and about {trapezoid:.2f} of the trapezoid's" in log


def test_the_numbers_in_the_readme_s_comparison_are_those_that_were_measured():
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in (KIT / "README.md").read_text().splitlines()
    ]
    compared = {row[0]: row[1:] for row in rows if len(row) == 3}
    measured = [
        tuple(cell.strip() for cell in line.split("|")[1:-1])
        for line in report.between_marks(report.README).splitlines()
    ]

    def of(*beginning):
        """The cells after these in a measured table."""
        (row,) = (row[len(beginning) :] for row in measured if row[: len(beginning)] == beginning)
        return row

    counts = (5, 10, 20, 50, 100, 200)
    weights = sum(quadrature.nodes_and_weights("trapezoid", 20)[1].tolist())
    assert compared["the trapezoid rule's weights at 20 steps add up to"] == [f"{19 / 20:g}", f"{weights:g}"]
    assert compared["gradients for maps at 5, 10, 20, 50, 100 and 200 steps"] == [
        str(sum(counts)),
        str(max(counts) + 1),
    ]
    theirs, ours = compared["peak memory of a photo's map at 50 steps, by default"]
    assert theirs.startswith(f"{of('captum, defaults', '50')[0]} GiB") and of("captum, defaults", "100")[1] > "1.5"
    assert ours.startswith(f"{of('igref', '50')[0]} GiB") and 0.9 <= float(of("igref", "1000")[1]) <= 1.1
    assert compared["time of that map, with batches tuned, against this kit"] == [
        of("IG, 50 steps", "captum, tuned")[1],
        "1",
    ]
    assert len(Mistake) > 100


def test_the_sizes_of_the_environments_are_those_that_were_measured():
    """It fails? Run `python -m benchmarks.environments --seconds`, and write into docs/instructors.md what it prints."""
    measured = json.loads((report.RESULTS / "environments.json").read_text())
    text = " ".join((KIT / "docs" / "instructors.md").read_text().split())
    for reader in ("igref alone", "student", "instructor", "developer"):
        packages, size = (str(measured[reader][name]) for name in ("packages", "mib"))
        assert re.search(rf"\b{packages}\b[^.]*\({size} MiB", text), (reader, packages, size)
    ratios = measured["cpu_ratio"]
    assert f"installing `igref` alone takes {ratios['igref alone']} of the processor" in text
    assert f"the student wheel {ratios['student']}, everything {ratios['developer']} (" in text


def test_every_target_that_the_pages_name_is_in_the_makefile():
    targets = set(re.findall(r"^([a-z-]+):", (KIT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"(?:^|`)make ([a-z-]+)", page.read_text(), re.MULTILINE))
        assert named <= targets, page.name
