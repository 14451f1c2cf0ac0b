"""Work that stands where it should not: kept, and shown to a person before it costs anybody points.

nbgrader gives an untouched written answer zero by itself. That is certain only where the submission holds no text of the
student's own and nothing else that might be the answer; else the answer's cell says so, and waits for a person.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from pathlib import Path

from nbformat.notebooknode import NotebookNode

from autograder.student.plain_text import printable

NOTEBOOKS = (".ipynb", ".ipynb.txt", ".ipynb.json")
"""How a notebook's name ends; browsers that take it for text or data put a second ending behind it."""
OTHER_WORK = (*NOTEBOOKS, ".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar")
DOCUMENTS = (".doc", ".docx", ".odt", ".pdf", ".rtf", ".md", ".txt", ".html", ".htm", ".tex", ".png", ".jpg", ".jpeg")
MAX_NAMED = 5
LEAST_WORDS = 8
"""Of a code cell that holds comments or strings alone: with fewer it is no answer."""

LOOK = (
    "**Left as it was handed out, but not given zero automatically: {why}. If you grade this, please check whether it is the "
    "answer.**"
)
RENAMED = "Handed in as {found}, the only notebook that can be meant; graded as `{expected}`."
OTHERS = "Also handed in, but not graded automatically: {names}."


def other_work(plain: Iterable[Path], folder: Path, notebook: str) -> list[str]:
    """The other notebooks and the archives of a submission, by their paths in it."""
    return sorted(_within(plain, folder, OTHER_WORK) - {notebook})


def documents(plain: Iterable[Path], folder: Path) -> list[str]:
    """The files of a submission that may hold a written answer. nbgrader's timestamp.txt is none of the student's."""
    return sorted(_within(plain, folder, DOCUMENTS) - _within(plain, folder, OTHER_WORK) - {"timestamp.txt"})


def named(names: list[str]) -> str:
    """A few of the names, and how many more there are, in one line, as code: no name can look like a text of the grader's."""
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return ", ".join(f"`{printable(name[:100]).replace('`', chr(39))}`" for name in names[:MAX_NAMED]) + more


def own_texts(notebook: NotebookNode, released: Iterable[str]) -> list[str]:
    """Texts that are the student's own: of cells that neither count by themselves nor were handed out as they are."""
    known = {_normal(source) for source in released}
    texts = (cell.source for cell in notebook.cells if "nbgrader" not in cell.metadata and _is_text(cell))
    return [text for text in texts if _normal(text) and _normal(text) not in known]


def send_a_person(notebook: NotebookNode, untouched: dict[str, str], why: str) -> None:
    """Mark each written answer that is as it was handed out, so that nbgrader waits for a person.

    Args:
        untouched: the sources of the written answers as they were handed out, by grade_id.
        why: what was found that may be the answer.
    """
    for cell in notebook.cells:
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in untouched and _normal(cell.source) in ("", _normal(untouched[grade_id])):
            cell.source = f"{cell.source}\n\n{LOOK.format(why=why)}"


def _is_text(cell: NotebookNode) -> bool:
    """Whether a cell holds text; prose in a code cell is text as well: no Python, comments alone, or nothing but strings."""
    if cell.cell_type != "code":
        return True
    try:
        statements = ast.parse(cell.source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return not cell.source.lstrip().startswith(("%", "!"))
    return len(cell.source.split()) >= LEAST_WORDS and all(map(_is_string, statements))


def _is_string(statement: ast.stmt) -> bool:
    """Whether a statement is a string, or prints some."""
    if not isinstance(statement, ast.Expr):
        return False
    value = statement.value
    prints = isinstance(value, ast.Call) and isinstance(value.func, ast.Name) and value.func.id == "print"
    parts = value.args if isinstance(value, ast.Call) and prints else [value]
    return all(isinstance(part, ast.Constant) and isinstance(part.value, str) for part in parts)


def _normal(source: str) -> str:
    return " ".join(source.split())


def _within(plain: Iterable[Path], folder: Path, endings: tuple[str, ...]) -> set[str]:
    inside = [path.relative_to(folder) for path in plain if path.name.lower().endswith(endings)]
    return {str(path) for path in inside if ".ipynb_checkpoints" not in path.parts}
