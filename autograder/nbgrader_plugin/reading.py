"""What was handed in as a notebook, in the shape of its release. It is read in a process with limits, whatever it holds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook

from autograder.nbgrader_plugin.stray_work import (
    OTHERS,
    RENAMED,
    documents,
    named,
    other_work,
    own_texts,
    send_a_person,
)
from autograder.nbgrader_plugin.submitted_notebook import (
    Files,
    MasterCell,
    files_of,
    handed_in_as,
    read_or_why_not,
    restore,
)
from autograder.sandbox.bounded import OverLimitError, in_bounds
from autograder.sandbox.limits import ONE_NOTEBOOK
from autograder.student.plain_text import writable

ENDED = "Reading it was ended: {}."


@dataclass(frozen=True)
class Reading:
    """A submitted notebook in the shape of the release.

    Attributes:
        problem: why it cannot be run; empty where it can. The notebook is then an empty one, with a note.
        remarks: what its first cells say of the submission.
    """

    notebook: NotebookNode
    remarks: list[str]
    problem: str


def read(folder: Path, name: str, master: list[MasterCell], released: list[str], problem: str = "") -> Reading:
    """Read the notebook called `name` of a submission's folder, in a process with limits. Whatever it holds, this returns.

    Args:
        master: the notebook's cells as they were released.
        released: the texts of the release.
        problem: why it is not to be read; then the reading says so.
    """
    if not problem:
        try:
            return in_bounds(ONE_NOTEBOOK, in_shape, folder, name, master, released, "")
        except OverLimitError as error:
            problem = ENDED.format(error)
        except Exception as error:
            problem = failure(error)
    return in_shape(folder, name, master, released, problem)


def in_shape(folder: Path, name: str, master: list[MasterCell], released: list[str], problem: str) -> Reading:
    """What `read` returns, worked out here; of a submission with a problem only the names of its files are looked at."""
    path = folder / f"{name}.ipynb"
    found = handed_in_as(path)
    notebook, problem = (new_notebook(), problem) if problem else read_or_why_not(folder, found)
    if problem:
        notebook.cells = [new_markdown_cell(f"**This submission could not be read.** {problem}")]
    salvaged = notebook.metadata.pop("salvaged", "")
    handed_out = {cell.grade_id for cell in master}
    foreign = not any(cell.metadata.get("grade_id") in handed_out for cell in notebook.cells)
    notebook = restore(notebook, master)
    others = _look_elsewhere(notebook, master, released, folder, problem or salvaged, found.name, foreign=foreign)
    renamed = "" if found == path else RENAMED.format(found=named([found.name]), expected=path.name)
    remarks = [writable(one) for one in (renamed, salvaged, others) if one]
    notebook.cells[:0] = [new_markdown_cell(f"**{remark}**") for remark in remarks]
    for cell in notebook.cells:  # what is said of the submission may name files whose names are no text
        cell.source = writable(cell.source)
    return Reading(notebook, remarks, problem)


def failure(error: Exception) -> str:
    """What the record says where grading failed on what was handed in."""
    return f"Grading it failed ({type(error).__name__}); please tell your instructor."


def _look_elsewhere(
    notebook: NotebookNode,
    master: list[MasterCell],
    released: list[str],
    folder: Path,
    problem: str,
    graded: str,
    *,
    foreign: bool,
) -> str:
    """What to say of other work; a person is sent where an untouched written answer may stand elsewhere.

    `foreign`: none of the cells that were handed out is in the notebook.
    """
    files = files_of(folder) if folder.is_dir() else Files([], [])
    plain = files.plain
    others = other_work(plain, folder, graded)
    texts = own_texts(notebook, [*(cell.source for cell in master), *released])
    found = {
        "the submission could not be read, or not whole": bool(problem) and bool(plain or files.problem),
        f"it also holds {named(others)}": bool(others),
        f"it also holds {named(documents(plain, folder))}": bool(documents(plain, folder)),
        "there is text in other cells": bool(texts),
        "a picture is attached to a cell": any(cell.get("attachments") for cell in notebook.cells),
        "it has none of the cells that were handed out": foreign and not problem,
    }
    if why := [words for words, holds in found.items() if holds]:
        written = {cell.grade_id: cell.source for cell in master if cell.grade and cell.solution}
        send_a_person(notebook, written, "; ".join(why))
    return OTHERS.format(names=named(others)) if others else ""
