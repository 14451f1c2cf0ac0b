"""Every damaged notebook is read or refused in a sentence, keeps its answers, and costs nobody a written answer unseen."""

import json
import os
import resource

import nbformat
import pytest

from autograder.course.demo import _answers
from autograder.course.release import KIT
from autograder.nbgrader_plugin.stray_work import LOOK, own_texts, send_a_person
from autograder.nbgrader_plugin.submitted_notebook import MasterCell, SubmissionError, read_notebook, restore
from tests.hostile.damage import READ_OR_REFUSED, REFUSED, SALVAGED, SHOWN, WHOLE, WRITTEN, Damaged, corpus, grade_id

NAME = "ps1-attribution"
EVERY = 1 if os.environ.get("HOSTILE") else 7
"""`make hostile` takes all; the suite one of so many."""
ESSAY = "The ears and the stripes count, the background does not."


def _released() -> dict:
    return json.loads((KIT / "assignments" / NAME / f"{NAME}.ipynb").read_text())


def _whole() -> dict:
    answers = _answers(KIT / "solutions" / NAME / f"{NAME}.ipynb")
    notebook = _released()
    for cell in notebook["cells"]:
        cell["source"] = answers.get(grade_id(cell), cell["source"]) if cell["cell_type"] == "code" else cell["source"]
        if grade_id(cell) == WRITTEN:
            cell["source"] = ESSAY
    return notebook


def _master() -> list[MasterCell]:
    kept = ("grade_id", "cell_type", "checksum", "locked", "grade", "solution")
    cells = [cell for cell in _released()["cells"] if grade_id(cell)]
    return [
        MasterCell(**{name: cell["metadata"]["nbgrader"][name] for name in kept}, source="".join(cell["source"]),
                   points=cell["metadata"]["nbgrader"].get("points", 0.0))
        for cell in cells
    ]  # fmt: skip


MASTER, RELEASED = _master(), ["".join(cell["source"]) for cell in _released()["cells"]]
SOURCES = ["".join(cell["source"]) for cell in _whole()["cells"]]
TEXTS = [json.dumps(cell, ensure_ascii=False).encode() for cell in _whole()["cells"]]
DAMAGED = list(corpus(_whole()))
CHOSEN = [one for k, one in enumerate(DAMAGED) if one.name.startswith(("hands", "place")) or k % EVERY == 0]


def test_there_are_three_hundred_of_them():
    assert len(DAMAGED) >= 300 and len({one.name for one in DAMAGED}) == len(DAMAGED)


@pytest.mark.parametrize("damaged", CHOSEN, ids=lambda one: one.name)
def test_what_was_undamaged_is_there(damaged: Damaged, tmp_path):
    path = tmp_path / f"{NAME}.ipynb"
    path.write_bytes(damaged.content)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        read = read_notebook(path)
    except SubmissionError as error:
        assert damaged.outcome in (REFUSED, READ_OR_REFUSED, SALVAGED) and path.name in str(error)
        assert not damaged.whole_cells
        return
    if damaged.outcome == SALVAGED:
        assert [cell.source for cell in read.cells] == SOURCES[: damaged.whole_cells]
        assert f"Complete cells in it: {damaged.whole_cells}." in read.metadata.pop("salvaged")
    kept = [cell.source for cell in read.cells]
    assert [
        source for source, text in zip(SOURCES, TEXTS, strict=True) if text in damaged.content and source not in kept
    ] == []
    notebook = restore(read, MASTER)
    assert damaged.outcome != REFUSED
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # KiB
    if texts := own_texts(notebook, RELEASED):
        send_a_person(
            notebook, {cell.grade_id: cell.source for cell in MASTER if cell.grade and cell.solution}, "found"
        )
    nbformat.validate(nbformat.from_dict(notebook))
    cells = {cell.metadata.nbgrader.grade_id: cell for cell in notebook.cells if "nbgrader" in cell.metadata}
    needed = {cell.grade_id for cell in MASTER if cell.locked or cell.grade}
    assert needed <= cells.keys()
    assert all(cells[one.grade_id].source == one.source for one in MASTER if one.locked)
    assert all(cells[one.grade_id].metadata.nbgrader == one.metadata() for one in MASTER if one.grade_id in cells)
    if damaged.outcome == WHOLE:
        assert cells[WRITTEN].source.split() == ESSAY.split()
        assert "def integrated_gradients" in cells["ps1-integrated-gradients-answer"].source
    if damaged.outcome == SHOWN:
        assert texts and LOOK[:30] in cells[WRITTEN].source
        assert any("def integrated_gradients" in cell.source for cell in notebook.cells)


def test_who_wrote_nothing_gets_zero_without_a_person(tmp_path):
    path = tmp_path / f"{NAME}.ipynb"
    path.write_text(json.dumps(_released()))
    assert own_texts(restore(read_notebook(path), MASTER), RELEASED) == []
