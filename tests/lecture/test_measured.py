"""The numbers that are kept are those of a run, and docs/report.md and the slides tell them."""

import pytest

import igref
from lecture import measured
from lecture.build import LECTURE
from lecture.measured import measure, page


@pytest.fixture(scope="module")
def kept():
    return measured.kept()


@pytest.fixture(scope="module")
def model():
    return igref.load_model()


@pytest.fixture(scope="module")
def photos():
    return {photo.name: photo.pixels for photo in igref.load_photos()}


def test_docs_report_is_what_was_measured(kept):
    wanted = "docs/report.md is generated: python -m lecture.measured"
    assert page.FILE.read_text(encoding="utf-8") == page.page(kept), wanted


def test_no_number_of_the_report_that_was_found_is_typed():
    """What the template says in digits is what was asked for, not what came out."""
    typed = {word.strip("|*,.;()") for word in page.TEMPLATE.read_text(encoding="utf-8").split()}
    assert not {word for word in typed if word.replace(".", "", 1).isdigit() and 0 < float(word) < 1}


def test_sums_come_out_again(kept, model, photos):
    (again,) = measure.sums(model, photos, ["coffee"])
    (row,) = (row for row in kept["sums"] if row["photo"] == "coffee")
    assert again["label"] == row["label"]
    for name in ("rise", "ig", "gradient"):
        assert again[name] == pytest.approx(row[name], abs=5e-3)


def test_a_row_of_the_steps_comes_out_again(kept, model, photos):
    counts = (5, 10, 20)  # report.ipynb runs them up to 50
    again = measure.steps(model, photos["chelsea"], "chelsea", "black", counts)
    (row,) = (row for row in kept["steps"] if (row["photo"], row["baseline"]) == ("chelsea", "black"))
    for n in map(str, counts):
        assert again["gap"][n] == pytest.approx(row["gap"][n], abs=5e-3)


def test_the_last_column_of_the_steps_is_that_of_the_table(kept):
    for row in kept["steps"]:
        within = {int(n): gap <= measure.TOLERANCE for n, gap in row["gap"].items()}
        assert all(ok for n, ok in within.items() if n >= row["within"])
        before = max(n for n in within if n < row["within"])
        assert not within[before]
    hardest = max(kept["steps"], key=lambda row: row["within"])
    assert hardest == min(kept["steps"], key=lambda row: row["rise"]), "docs/report.md says so"


def test_a_sweep_is_a_row_for_each_pair(kept):
    found = measured.sweep(("coffee", "black"), ("chelsea", "uniform"))
    rows = {(row["photo"], row["baseline"]): row for row in kept["steps"]}
    assert found.relative_gap.shape == found.map_error.shape == (len(found.steps), 2)
    for k, n in enumerate(found.steps):
        assert float(found.relative_gap[k, 0]) == rows["coffee", "black"]["gap"][str(n)]
        assert float(found.map_error[k, 1]) == rows["chelsea", "uniform"]["map_error"][str(n)]
    with pytest.raises(ValueError, match=r"china.*white"):
        measured.sweep(("china", "white"))


def test_slides_and_report_tell_the_one_story_of_the_steps(built_lecture, kept):
    *most, last = measured.enough(kept["steps"])
    story = f"{most[0]} to {most[-1]}"
    for name in ("slides.ipynb", "report.ipynb"):
        said = "".join(
            output.get("data", {}).get("text/markdown", "")
            for cell in built_lecture.executed[LECTURE / name].cells
            for output in cell.get("outputs", [])
        )
        assert story in said, name
        assert str(last) in said, name


def test_the_documentation_of_igref_tells_it_too(kept):
    *most, last = measured.enough(kept["steps"])
    words = " ".join((LECTURE.parent / "docs" / "igref.md").read_text(encoding="utf-8").split())
    assert f"from {most[0]} to {most[-1]} steps on for nine of ten pairs" in words
    assert len(most) == 9
    assert f"from {last} on for the last" in words
