"""docs/limits.md is what the code declares, and every limit names an option that sets it and a test that is there."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from autograder.nbgrader_plugin.execution import SandboxedExecute
from autograder.sandbox.limits import ONE_NOTEBOOK, Limits, OwnLimits, limits_table

TESTS = Path(__file__).parent
PAGE = (TESTS.parents[1] / "docs" / "limits.md").read_text()
DECLARED = {field.name: field.default for field in fields(Limits)}
DECLARED |= {f"OwnLimits.{field.name}": field.default for field in fields(OwnLimits)}
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")]


def test_the_page_shows_every_limit():
    assert limits_table() in PAGE, "the table in docs/limits.md is made by make assignments"
    assert [row[0].strip("`") for row in ROWS] == list(DECLARED)


def test_an_option_is_the_one_that_sets_it():
    options = {row[0].strip("`"): row[2].strip("`") for row in ROWS if row[2]}
    of_the_kit = {name for name in DECLARED if name in SandboxedExecute.class_own_traits(config=True)}
    assert options == {"cell_seconds": "Execute.timeout"} | {name: f"SandboxedExecute.{name}" for name in of_the_kit}


def test_every_row_names_who_keeps_it_and_what_happens():
    assert [row[0] for row in ROWS if len(row) != 6 or not (row[3] and row[4])] == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_the_test_of_a_limit_is_there(row):
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", row[5])
    assert named and all(test in names_in(file) for file, test in named)


def test_what_one_notebook_may_take_of_the_grader_is_said():
    assert f"{ONE_NOTEBOOK.cpu_seconds} s of the processor, {ONE_NOTEBOOK.memory} MiB, in a process of its own" in PAGE


def test_the_tests_of_the_trusted_side_are_there():
    named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", PAGE)
    assert [one for one in named if one[1] not in names_in(one[0])] == [] and len(named) > len(ROWS) + 8


def names_in(file: str) -> set[str]:
    return {node.name for node in ast.walk(ast.parse((TESTS / file).read_text())) if isinstance(node, ast.FunctionDef)}
