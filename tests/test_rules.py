"""Each reason for which points can be lost is announced before a student meets it: docs/rules.md shows where."""

import json
from pathlib import Path

import pytest

from autograder.course.release import TABLE, faults_table, properties_table
from autograder.judge.mistakes import ANNOUNCED, Mistake
from autograder.problem_sets import TASKS

KIT = Path(__file__).resolve().parent.parent
PROPERTIES = [(f"{task.id} {one.name}", one.announced) for task in TASKS.values() for one in task.properties]
FAULTS = [(", ".join(mistakes), said) for said, mistakes in ANNOUNCED.items()]


def told(page: str) -> str:
    """What a student reads there, on one line."""
    if page == "students":
        return " ".join((KIT / "docs" / "students.md").read_text().split())
    cells = json.loads((KIT / "assignments" / page / f"{page}.ipynb").read_text())["cells"]
    return " ".join(" ".join("".join(cell["source"]) for cell in cells).split())


def test_no_property_is_missing():
    assert [name for name, said in PROPERTIES if said is None] == []


def test_each_fault_is_there_once():
    assert sorted(mistake for mistakes in ANNOUNCED.values() for mistake in mistakes) == sorted(Mistake)


@pytest.mark.parametrize(
    ("name", "said"), [*PROPERTIES, *FAULTS], ids=lambda value: value[:60] if isinstance(value, str) else ""
)
def test_the_sentence_is_there(name, said):
    assert said.words in told(said.page), name


def test_the_page_shows_them():
    page = (KIT / "docs" / "rules.md").read_text()
    assert [found[1] for found in TABLE.finditer(page)] == ["properties", "faults"]
    assert properties_table() in page and faults_table() in page, "docs/rules.md is made by make assignments"
