"""Each reason for which points can be lost is announced before a student meets it: docs/rules.md says where."""

import json
from pathlib import Path

import pytest

from autograder.judge.mistakes import Mistake
from autograder.problem_sets import TASKS

KIT = Path(__file__).resolve().parent.parent
PROPERTIES, FAULTS = (
    [
        tuple(cell.strip() for cell in line.strip("|").split("|"))
        for line in part.splitlines()
        if line.startswith("| ") and not line.startswith(("| task", "| fault"))
    ]
    for part in (KIT / "docs" / "rules.md").read_text().split("## By what went wrong")
)


def told(where: str) -> str:
    """What a student reads there, on one line."""
    if where == "students":
        return " ".join((KIT / "docs" / "students.md").read_text().split())
    cells = json.loads((KIT / "assignments" / where / f"{where}.ipynb").read_text())["cells"]
    return " ".join(" ".join("".join(cell["source"]) for cell in cells).split())


def test_no_property_is_missing():
    expected = [(task.id, one.name) for task in TASKS.values() for one in task.properties]
    assert [row[:2] for row in PROPERTIES] == expected


def test_no_fault_is_missing():
    expected = [(mistake.value, mistake.cause.replace("|", "&#124;")) for mistake in Mistake]
    assert [row[:2] for row in FAULTS] == expected


@pytest.mark.parametrize("row", [*PROPERTIES, *FAULTS], ids=lambda row: f"{row[0]} {row[1]}"[:60])
def test_the_sentence_is_there(row):
    _, _, where, sentence = row
    assert sentence in told(where)
