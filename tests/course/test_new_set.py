"""Another problem set, from its skeleton to grades: made in a copy of the kit, released, handed in, graded by nbgrader."""

import json
import subprocess
import sys

import nbformat
import pytest

from autograder.course.commands import GradingError
from autograder.course.new_set import new_set
from tests.kit_copy import KIT, KitCopy

NAME = "ps5-saliency"
ENTRIES = """
import tempfile
from pathlib import Path
from tests.calibration.judged import hand_in
from corpus import SETS, corpus
assert SETS["ps5"] == "ps5-saliency"
for entry in corpus():
    if entry.set == "ps5":
        assert hand_in(entry).as_expected, entry.name
"""


class Kit(KitCopy):
    """A copy of the kit that hands in work for the new set, and reads what became of it."""

    def submit(self, student, change):
        """Hand in the release with its answer cell changed by `change(source of the solution)`."""
        released = nbformat.read(self.folder / "assignments" / NAME / f"{NAME}.ipynb", as_version=4)
        solved = nbformat.read(self.folder / "solutions" / NAME / f"{NAME}.ipynb", as_version=4)
        (answer,) = (cell for cell in released.cells if cell.id.endswith("-answer"))
        (solution,) = (cell.source for cell in solved.cells if cell.id == answer.id)
        answer.source = change(solution)
        target = self.folder / "submitted" / student / NAME / f"{NAME}.ipynb"
        target.parent.mkdir(parents=True)
        nbformat.write(released, target)

    def verdict(self, student):
        record = json.loads((self.folder / "autograded" / student / NAME / "verdicts.json").read_text())
        (verdict,) = record["verdicts"]
        return verdict


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    kit = Kit(tmp_path_factory.mktemp("kit"))
    kit.run("-m", "autograder", "new-set", NAME, "--title", "Saliency")
    return kit


def test_a_new_set_is_released_and_graded_at_once(kit):
    kit.run("-m", "nbgrader", "generate_assignment", NAME)
    kit.submit("ada", lambda solution: solution)
    kit.submit("ben", lambda solution: solution.replace("[0, target]", "[0].max()"))
    kit.run("-m", "autograder", "grade", NAME, "--workers", "1")
    assert kit.verdict("ada")["points"] == kit.verdict("ada")["max_points"] == 10
    assert [one["name"] for one in kit.verdict("ben")["findings"] if not one["holds"]] == ["target"]


def test_a_new_set_s_corpus_entries_get_their_verdicts(kit):
    kit.run("-c", ENTRIES)


def test_a_new_set_keeps_to_the_house_style(kit):
    written = [kit.folder / part for part in ("autograder/problem_sets/ps5", "corpus/ps5", "solutions")]
    configuration = ["--config", str(KIT / "pyproject.toml")]
    for arguments in (("check",), ("format", "--check")):
        subprocess.run([sys.executable, "-m", "ruff", *arguments, *configuration, *written], check=True)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("saliency", "cannot name"),
        ("ps5", "cannot name"),
        ("ps5-A b", "cannot name"),
        ("ps1-again", "is there already"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(name, says):
    with pytest.raises(GradingError, match=says):
        new_set(name)
