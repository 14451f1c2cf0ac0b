"""A student's own check of a whole notebook: points by exercise, what to fix first, clear words where there is nothing to check."""

import copy
import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import nbformat
import psutil
import pytest

from autograder import check
from autograder.__main__ import main
from autograder.check import Checked, NotebookError
from autograder.course.demo import GRADIENT, INTEGRATED
from autograder.judge.verdict import verdict_of
from autograder.nbgrader_plugin.submitted_notebook import MasterCell, read_notebook, restore
from autograder.problem_sets import PROBLEM_SETS, TASKS
from autograder.problem_sets.checking import nothing_to_judge
from autograder.student.submit import EVIDENCE_FOLDER
from tests.kit_copy import KIT

PS1 = "ps1-attribution"
LEARNED = 'submit("ps1-input-gradient", lambda forward, x, target: 0 * x)'
ANSWERS = {
    "ps1-integrated-gradients-answer": INTEGRATED.replace("(x - baseline) * total", "total"),
    "ps1-photo-answer": "import igref\nigref.integrated_gradients(model.probabilities, photo, photo, 0)",
}


@pytest.fixture(scope="module")
def checked(tmp_path_factory):
    """A renamed notebook with a right function, one without its factor, and a photo that asks igref for the withheld part."""
    notebook = nbformat.read(KIT / "assignments" / PS1 / f"{PS1}.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.source = ANSWERS.get(cell.metadata.get("nbgrader", {}).get("grade_id"), cell.source)
        # A graded run puts the cell back, and keeps the function that is defined in it.
        cell.source = cell.source.replace('submit("ps1-input-gradient", input_gradient)', GRADIENT + LEARNED)
    path = tmp_path_factory.mktemp("mine") / "my copy.ipynb"
    nbformat.write(notebook, path)
    before = path.read_bytes()
    result = check.check(path, quiet=True)
    assert path.read_bytes() == before and [*path.parent.iterdir()] == [path]
    return result


def test_the_points_are_those_of_the_grader(checked):
    assert {task: verdict.points for task, verdict in checked.verdicts.items()} == {
        "ps1-input-gradient": 4,
        "ps1-integrated-gradients": 0,
        "ps1-photo": 0,
    }
    assert "     4 of 4  the input gradient\n     0 of 8  integrated gradients\n" in str(checked)
    assert "4 of 16 automatic points." in str(checked)


def test_the_first_exercise_that_lacks_points_is_to_be_fixed_first(checked):
    assert "Fix first: integrated gradients.\nLikely cause: the result is not multiplied by x - x'.\n" in str(checked)


def test_what_is_withheld_while_work_is_graded_is_withheld_here(checked):
    assert "igref.attribution is withheld here" in checked.verdicts["ps1-photo"].notes[0]


def test_another_name_of_the_file_is_no_obstacle_but_is_named(checked):
    assert checked.problem_set is PROBLEM_SETS[PS1]
    assert checked.advice[1:] == (
        f"Hand it in as {PS1}.ipynb: next to another notebook, my copy.ipynb may not be recognised.",
    )


def test_a_locked_cell_that_was_changed_is_put_back_as_the_grader_does_and_that_is_said(checked):
    # of the function that is defined in the changed cell, and not of what that hands in
    assert checked.verdicts["ps1-input-gradient"].points == 4
    assert checked.advice[0] == f"{check.PUT_BACK.format('ps1-input-gradient')} {check.RAN_BEFORE}"


def name_of(cell):
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


def changed(name, **values):
    def change(cells):
        next(cell for cell in cells if name_of(cell) == name).update(values)

    return change


def indented(name):
    def change(cells):
        cell = next(cell for cell in cells if name_of(cell) == name)
        cell.source = textwrap.indent(cell.source, "  ")  # no Python, if it is not put back

    return change


def twice(name, source):
    def change(cells):
        place = next(k for k, cell in enumerate(cells) if name_of(cell) == name)
        earlier = copy.deepcopy(cells[place])
        earlier.update(source=source, id="another")
        cells.insert(place, earlier)

    return change


OF_LOCKED_CELLS = {
    "a function in the setup": changed("ps1-setup", source="def load_model(): pass"),
    "a class in a graded cell": changed("ps1-photo", source="class Mine: pass"),
    "other code in it": changed("ps1-photo", source='submit("ps1-photo", scores="logits")'),
    "text in it": changed("ps1-photo", cell_type="markdown", source="def f(): pass"),
    "it is Markdown": changed("ps1-photo", cell_type="markdown"),
    "the setup is raw": changed("ps1-setup", cell_type="raw"),
}
CHANGES = {
    **OF_LOCKED_CELLS,
    "none": lambda cells: None,
    "white space": indented("ps1-photo"),
    "an answer in Markdown": changed("ps1-photo-answer", cell_type="markdown", source="x = 1"),
    "a written answer in code": changed("ps1-discussion", cell_type="code", source="x = 1", outputs=[]),
    "a graded cell twice": twice("ps1-photo", "x = 1"),
    "one with a function twice": twice("ps1-photo", "def f(): pass"),
    "an answer twice": twice("ps1-photo-answer", "x = 1"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_code_that_runs_is_that_of_a_graded_run(tmp_path, change):
    path = KIT / "assignments" / PS1 / f"{PS1}.ipynb"
    released = nbformat.read(path, as_version=4)
    known = [(cell, cell.metadata.nbgrader) for cell in released.cells if name_of(cell)]
    master = [
        MasterCell(
            one.grade_id, cell.cell_type, cell.source, "", one.locked, one.grade, one.solution, one.get("points")
        )
        for cell, one in copy.deepcopy(known)
    ]
    CHANGES[change](released.cells)
    mine = tmp_path / path.name
    mine.write_text(json.dumps(released))  # as an editor may leave it, valid or not
    notebook = check._read(mine)
    count = len(notebook.cells)
    told = check._put_back(notebook, PROBLEM_SETS[PS1])
    graded = restore(read_notebook(mine), master)
    runs = [
        [(name_of(cell), cell.source) for cell in one.cells if cell.cell_type == "code"] for one in (notebook, graded)
    ]
    assert runs[0] == runs[1]
    numbers = [cell.metadata[check.NUMBER] for cell in notebook.cells]
    assert numbers == sorted(numbers) and {*numbers} == {*range(1, count + 1)}  # those of the student's own notebook
    assert bool(told) == (change in OF_LOCKED_CELLS)


def test_whatever_ends_the_notebook_early_is_said(tmp_path):
    assert EVIDENCE_FOLDER == "AUTOGRADER_EVIDENCE"
    released = nbformat.read(KIT / "assignments" / PS1 / f"{PS1}.ipynb", as_version=4)
    released.cells = [cell for cell in released.cells if cell.get("id") in ("ps1-photo-answer", "ps1-photo")]
    released.cells[0].source = "import os; os._exit(1)"
    nbformat.write(released, tmp_path / f"{PS1}.ipynb")
    said = str(check.check(tmp_path / f"{PS1}.ipynb", quiet=True))
    assert "The kernel's process ended in cell 1." in said
    assert "The notebook has no cell ps1-setup" in said and "The notebook has no cell ps1-input-gradient" in said


@pytest.mark.parametrize(
    ("sent", "status", "word"),
    [(signal.SIGINT, 130, "Stopped."), (signal.SIGTERM, 143, "Ended from outside, before the notebook was checked.")],
)
def test_a_signal_ends_it_and_its_kernel_with_a_word(tmp_path, sent, status, word):
    waits = "import os, time; open('kernel', 'w').write(str(os.getpid())); time.sleep(300)"
    cells = [
        nbformat.v4.new_code_cell(waits),
        nbformat.v4.new_code_cell(metadata={"nbgrader": {"grade_id": "ps1-photo"}}),
    ]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / f"{PS1}.ipynb")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    command = [sys.executable, "-m", "autograder", "check", f"{PS1}.ipynb"]
    environment = os.environ | {"TMPDIR": str(temporary)}
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    try:
        while not ((kernel := tmp_path / "kernel").exists() and kernel.read_text()):
            assert process.poll() is None
            time.sleep(0.1)
        process.send_signal(sent)
        said = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode == status and said.splitlines()[-1].endswith(word) and "Traceback" not in said
    assert not psutil.pid_exists(int(kernel.read_text())) and not [*temporary.iterdir()]


def test_work_without_a_fault_needs_no_advice():
    automatic = [task for task in PROBLEM_SETS[PS1].tasks if task.automatic]
    whole = {task.id: verdict_of(task, dict.fromkeys((one.name for one in task.properties), "")) for task in automatic}
    said = str(Checked(PROBLEM_SETS[PS1], whole))
    assert said.endswith("16 of 16 automatic points.") and "what the two maps show: graded by hand" in said


def test_what_a_terminal_would_obey_is_not_printed():
    verdict = nothing_to_judge("ps1-photo", "not_reached", "stopped with \x1b[31m\nred")
    assert "\x1b" not in str(Checked(PROBLEM_SETS[PS1], {"ps1-photo": verdict}))


def test_a_remark_that_costs_nothing_is_said():
    task = TASKS["ps3-study"]
    remark = "rule says trapezoid; with few steps the maps are those of another rule: midpoint."
    verdict = verdict_of(task, {one.name: "" for one in task.properties}, notes=[remark])
    assert remark in str(Checked(PROBLEM_SETS["ps3-steps"], {"ps3-study": verdict}))


NOT_A_NOTEBOOK = {
    "missing.ipynb": (None, "There is no {}; in {folder} there is other.ipynb"),
    "text.ipynb": ("# Title", "{} is no notebook, which is a file of JSON"),
    "list.ipynb": ("[]", "{} is no notebook: it has no list of cells"),
    "future.ipynb": ('{"cells": [], "nbformat": 99}', "{} cannot be read as a notebook"),
    "lecture.ipynb": (json.dumps(nbformat.v4.new_notebook()), "{} has no graded cell of a problem set; expected"),
}


@pytest.mark.parametrize("name", NOT_A_NOTEBOOK)
def test_what_cannot_be_checked_is_said_in_one_line(name, tmp_path, capsys):
    content, says = NOT_A_NOTEBOOK[name]
    (tmp_path / "other.ipynb").touch()
    if content is not None:
        (tmp_path / name).write_text(content)
    assert main(["check", str(tmp_path / name)]) == 1
    said = capsys.readouterr()
    assert said.err.startswith(says.format(tmp_path / name, folder=tmp_path)) and said.err.count("\n") == 1
    assert not said.out


def test_a_folder_is_no_notebook_but_may_hold_one(tmp_path):
    with pytest.raises(NotebookError, match=r"is a folder; expected a notebook\."):
        check.check(tmp_path)
    (tmp_path / "mine.ipynb").touch()
    with pytest.raises(NotebookError, match=r"expected a notebook: .*mine\.ipynb"):
        check.check(tmp_path)
