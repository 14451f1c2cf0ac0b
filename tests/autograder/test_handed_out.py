"""Who changes a locked cell sees points that no graded run gives: feedback says so beside them."""

import importlib.util
import shutil
from pathlib import Path
from types import SimpleNamespace

import IPython
import pytest

from autograder import submit
from autograder.problem_sets import PROBLEM_SETS
from autograder.student import handed_out
from autograder.student.handed_out import NOT_AS_HANDED_OUT, SETUP_CHANGED, locked_cells, told_of_changes

CELLS = locked_cells()["ps1-attribution"]
SETUP, GRADED, PHOTO = (CELLS[name] for name in ("ps1-setup", "ps1-input-gradient", "ps1-photo"))


@pytest.fixture
def session(monkeypatch):
    """A session of IPython that has run these cells; the last one is running."""

    def session(*cells):
        shell = SimpleNamespace(history_manager=SimpleNamespace(input_hist_raw=["", *cells]))
        monkeypatch.setattr(IPython, "get_ipython", lambda: shell)

    return session


def test_every_graded_cell_and_every_setup_is_known():
    for problem_set in PROBLEM_SETS.values():
        graded = {task.id for task in problem_set.tasks if task.automatic}
        assert {*locked_cells()[problem_set.id]} == {*graded, f"{problem_set.id.split('-')[0]}-setup"}


@pytest.mark.parametrize("ran", [(SETUP, GRADED), (SETUP, "x = 1", GRADED + "\n\n"), ("x = 1", SETUP, SETUP, GRADED)])
def test_what_runs_as_it_was_handed_out_is_not_spoken_of(session, ran):
    session(*ran)
    assert told_of_changes("ps1-input-gradient") == ()


@pytest.mark.parametrize(
    ("ran", "task", "told"),
    [
        (
            (SETUP, PHOTO.replace("image=image", 'scores="logits", image=image')),
            "ps1-photo",
            NOT_AS_HANDED_OUT.format("ps1-photo"),
        ),
        # A cell of the student's own, of which nothing was handed out.
        (
            (SETUP, 'submit("ps1-input-gradient", other)'),
            "ps1-input-gradient",
            NOT_AS_HANDED_OUT.format("ps1-input-gradient"),
        ),
        ((SETUP + "\nload_model = mine", GRADED), "ps1-input-gradient", SETUP_CHANGED.format("ps1-setup")),
    ],
)
def test_what_does_not_is(session, ran, task, told):
    session(*ran)
    assert told_of_changes(task) == (told,)


def test_feedback_says_it_beside_the_points(session, monkeypatch):
    monkeypatch.delenv("AUTOGRADER_EVIDENCE", raising=False)
    session(SETUP, 'submit("ps1-photo", scores="logits")')
    verdict = submit("ps1-photo", scores="logits")
    told = "The locked cell ps1-photo is not what ran here."
    assert told in verdict._repr_html_() and told in verdict.as_text()


def test_a_notebook_in_assignments_is_not_what_it_is_compared_with(session, tmp_path):
    """In a clone students work there: one damaged notebook had stopped every `submit`, and a changed one was its own original."""
    package = Path(handed_out.__file__)
    shutil.copytree(package.parent, tmp_path / "autograder" / "student", ignore=shutil.ignore_patterns("__pycache__"))
    damaged = tmp_path / "assignments" / "ps1-attribution" / "ps1-attribution.ipynb"
    damaged.parent.mkdir(parents=True)
    damaged.write_text("{")
    specification = importlib.util.spec_from_file_location(
        "in_a_clone", tmp_path / "autograder" / "student" / package.name
    )
    in_a_clone = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(in_a_clone)
    session(SETUP, "submit(one)")
    assert in_a_clone.locked_cells() == locked_cells()
    assert in_a_clone.told_of_changes("ps1-photo") == told_of_changes("ps1-photo") != ()
    in_a_clone.LOCKED_CELLS.unlink()
    in_a_clone.locked_cells.cache_clear()
    assert in_a_clone.told_of_changes("ps1-photo") == ()


def test_outside_a_notebook_and_for_a_set_of_one_s_own_nothing_is_said(session):
    assert told_of_changes("ps1-input-gradient") == ()
    session("import other", 'submit("ps9-own", f)')
    assert told_of_changes("ps9-own") == ()
    session(SETUP, "run_all()")  # which calls it from elsewhere
    assert told_of_changes("ps1-input-gradient") == ()
