"""What the pages say is so: examples run, tables are those of the code, links lead somewhere."""

import contextlib
import io
import re
from pathlib import Path

import pytest

from autograder.course.release import TABLE
from autograder.problem_sets import points_table

KIT = Path(__file__).resolve().parent.parent
PAGES = sorted([*KIT.glob("*.md"), *KIT.glob("docs/*.md"), *KIT.glob("benchmarks/*.md"), *KIT.glob("lecture/*.md")])


def test_the_example_in_the_readme_prints_what_stands_below_it():
    text = (KIT / "README.md").read_text()
    code, printed = re.search(r"```python\n(.*?)```\s+```text\n(.*?)```", text, re.DOTALL).groups()
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(code, "README.md", "exec"), {})
    assert output.getvalue() == printed


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


def test_every_target_that_the_pages_name_is_in_the_makefile():
    targets = set(re.findall(r"^([a-z]+):", (KIT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        named = set(re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE))
        assert named <= targets, page.name
