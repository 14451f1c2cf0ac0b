"""Each reason for which points can be lost is announced before a student meets it: docs/rules.md says where."""

import json
from pathlib import Path

import pytest

from autograder.problem_sets import TASKS

KIT = Path(__file__).resolve().parent.parent
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in (KIT / "docs" / "rules.md").read_text().splitlines()
    if line.startswith("| ps")
]


def told(where: str) -> str:
    """What a student reads there, on one line."""
    if where == "students":
        return " ".join((KIT / "docs" / "students.md").read_text().split())
    cells = json.loads((KIT / "assignments" / where / f"{where}.ipynb").read_text())["cells"]
    return " ".join(" ".join("".join(cell["source"]) for cell in cells).split())


def test_no_property_is_missing():
    expected = [(task.id, one.name) for task in TASKS.values() for one in task.properties]
    assert [row[:2] for row in ROWS] == expected


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]}")
def test_the_sentence_is_there(row):
    _, _, where, sentence = row
    assert sentence in told(where)
