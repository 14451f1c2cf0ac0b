"""assignments/ comes out of solutions/, byte for byte, and gives nothing away."""

import json
import re
import shutil

import pytest

from autograder.course.commands import GradingError
from autograder.course.release import HANDED_OUT, KIT, MARKS, leaks, locked_cells_of, release, write_locked_cells
from autograder.problem_sets import PROBLEM_SETS


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    release(KIT, folder)
    return folder


def test_the_release_in_the_tree_is_the_one_that_the_sources_give(fresh):
    """It fails? Run `make assignments` and commit what it writes."""
    assert files(fresh) == files(KIT / "assignments")


def test_the_locked_cells_beside_the_package_are_those_of_the_release(fresh):
    """It fails? Run `make assignments` and commit what it writes."""
    assert (KIT / HANDED_OUT).read_text(encoding="utf-8") == locked_cells_of(fresh)


def test_every_assignment_has_a_release(fresh):
    for assignment in PROBLEM_SETS:
        assert (fresh / assignment / f"{assignment}.ipynb").is_file()


def test_no_release_holds_a_mark_a_solution_or_an_output():
    for assignment in PROBLEM_SETS:
        assert leaks(KIT, assignment) == []


def test_sources_hold_no_outputs():
    for path in (KIT / "solutions").rglob("*.ipynb"):
        for cell in json.loads(path.read_text())["cells"]:
            assert not cell.get("outputs"), path


def copy_of_the_kit(tmp_path):
    for name in ("solutions", "assignments"):
        shutil.copytree(KIT / name, tmp_path / name)
    shutil.copy(KIT / "nbgrader_config.py", tmp_path)
    return tmp_path


def test_the_locked_cells_are_written_with_a_release(tmp_path):
    kit = copy_of_the_kit(tmp_path)
    (kit / HANDED_OUT).parent.mkdir(parents=True)
    assert write_locked_cells(kit) == kit / HANDED_OUT
    assert (kit / HANDED_OUT).read_bytes() == (KIT / HANDED_OUT).read_bytes()


@pytest.mark.parametrize("what", ["solution", "mark", "output"])
def test_a_release_that_shows_something_is_noticed(tmp_path, what):
    kit = copy_of_the_kit(tmp_path)
    assignment = next(iter(PROBLEM_SETS))
    path = kit / "assignments" / assignment / f"{assignment}.ipynb"
    notebook = json.loads(path.read_text())
    cell = next(cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    if what == "solution":
        cell["source"].insert(0, "    score = forward(point)[0, target]\n")
    elif what == "mark":
        cell["source"].insert(0, f"### {MARKS[0]}\n")
    else:
        cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["42"]}]
    path.write_text(json.dumps(notebook))
    assert leaks(kit, assignment)


def test_a_stray_file_beside_a_source_is_refused(tmp_path):
    kit = copy_of_the_kit(tmp_path)
    assignment = next(iter(PROBLEM_SETS))
    (kit / "solutions" / assignment / "solution.py").write_text("answer = 42")
    with pytest.raises(GradingError, match=r"solution\.py has no place in a release"):
        release(kit, tmp_path / "out")


def test_every_stub_names_its_task():
    for assignment in PROBLEM_SETS.values():
        path = KIT / "assignments" / assignment.id / f"{assignment.id}.ipynb"
        cells = json.loads(path.read_text())["cells"]
        for cell in cells:
            nbgrader = cell["metadata"].get("nbgrader", {})
            if nbgrader.get("solution") and cell["cell_type"] == "code":
                stub = re.search(r'raise NotImplementedError\("Task (\S+) is still to be done', "".join(cell["source"]))
                assert stub, nbgrader["grade_id"]
                assert nbgrader["grade_id"].startswith(stub[1]) and stub[1] in {task.id for task in assignment.tasks}
