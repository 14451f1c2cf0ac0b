"""nbgrader's Validate, as students press it in Jupyter Lab: what they read is the feedback, whatever state the notebook is in."""

import html

import nbformat
import pytest
from nbgrader.validator import Validator
from traitlets.config import Config

from autograder import submit
from autograder.course.demo import GRADIENT, INTEGRATED
from autograder.problem_sets import PROBLEM_SETS, TASKS
from autograder.student.submit import EVIDENCE_FOLDER, VALIDATE_COLUMNS, VALIDATING
from tests.kit_copy import KIT

NOT_WRITTEN = "this exercise is not written yet"
WITHOUT_FACTOR = INTEGRATED.replace("(x - baseline) * total", "total")


def cells_of(assignment: str) -> list[nbformat.NotebookNode]:
    """The code of a released notebook. At the end everything is forgotten, so that the next set finds nothing defined."""
    notebook = nbformat.read(KIT / "assignments" / assignment / f"{assignment}.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.id = f"{assignment[:3]}-{cell.id}"
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    return [*code, nbformat.v4.new_code_cell("%reset -f")]


def answered() -> list[nbformat.NotebookNode]:
    """Part 1 of ps1 written rightly, part 2 without its factor; the cells' sources say which they are."""
    answers = {"ps1-input-gradient-answer": GRADIENT, "ps1-integrated-gradients-answer": WITHOUT_FACTOR}
    cells = [
        cell for cell in cells_of("ps1-attribution") if "gradient" in name_of(cell) or name_of(cell) == "ps1-setup"
    ]
    for cell in cells:
        cell.source = answers.get(name_of(cell), cell.source) + "\n# answered"
        cell.id += "-answered"
        cell.metadata.nbgrader.grade_id += "-answered"
    return cells


def name_of(cell: nbformat.NotebookNode) -> str:
    return cell.metadata.get("nbgrader", {}).get("grade_id", "")


@pytest.fixture(scope="module")
def said(tmp_path_factory) -> dict[str, str]:
    """What Validate says of each cell that fails, by its source: of every set as it is released, and of two answers.

    All in one kernel, since starting one and importing torch would be most of what it takes.
    """
    path = tmp_path_factory.mktemp("validated") / "notebook.ipynb"
    cells = [cell for name in PROBLEM_SETS for cell in cells_of(name)]
    nbformat.write(nbformat.v4.new_notebook(cells=[*cells, *answered()]), path)
    validator = Validator(config=Config({"Execute": {"timeout": 300}}))
    validator.ignore_checksums = True
    return {cell["source"].strip(): html.unescape(cell["error"]) for cell in validator.validate(str(path))["failed"]}


def test_untouched_notebooks_fail_with_a_sentence_in_each_cell_and_no_error(said):
    for task in (task for task in TASKS.values() if task.automatic):
        (text,) = (text for source, text in said.items() if f'"{task.id}"' in source and "# answered" not in source)
        assert f"{task.title}: 0 of" in text and NOT_WRITTEN in text, text
        assert "Error" not in text and "Traceback" not in text, text


def test_a_right_answer_passes_and_a_wrong_one_is_told_its_cause(said):
    ((source, text),) = ((source, text) for source, text in said.items() if "# answered" in source)
    assert '"ps1-integrated-gradients"' in source and "Likely cause: the result is not multiplied by x - x'." in text
    assert max(map(len, text.splitlines())) <= VALIDATE_COLUMNS


def test_outside_of_validate_nothing_is_printed_beside_the_verdict(capfd, monkeypatch):
    monkeypatch.delenv(VALIDATING, raising=False)
    verdict = submit("ps1-photo", model="efficientnet_lite0", image=..., target=3)
    assert NOT_WRITTEN in verdict.cause and verdict.notes[0].startswith("Still `...`: image. Write the cell above")
    assert capfd.readouterr() == ("", "")


def test_what_is_not_written_leaves_no_evidence_while_it_is_graded(tmp_path, monkeypatch):
    monkeypatch.setenv(EVIDENCE_FOLDER, str(tmp_path))
    with pytest.raises(NotImplementedError, match=r"Still `\.\.\.`: image, target\."):
        submit("ps1-photo", model="efficientnet_lite0", image=..., target=...)
    assert not [*tmp_path.iterdir()]
