"""A submitted notebook, read without trusting it, and put back into the shape in which it was released.

Students' editors write notebooks that are not quite valid, and some are written to mislead. Of a cell
only its type, its source and its grade_id are taken; everything that decides about points comes from
the gradebook's master copy.
"""

from __future__ import annotations

import base64
import json
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import nbformat
from nbformat.corpus.words import generate_corpus_id
from nbformat.notebooknode import NotebookNode, from_dict
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

from autograder.nbgrader_plugin.stray_work import NOTEBOOKS, named
from autograder.student.handed_out import CHANGED, as_ordinary, is_changed, kept_code
from autograder.student.plain_text import writable

SHOWN_IMAGES = ("image/png", "image/jpeg")
MAX_NOTEBOOK_MIB = 256
"""Nearly all of a large notebook is outputs, which are left behind."""
MAX_VALUES = 5_000_000
"""Values in a notebook's JSON: each takes up to some 200 bytes of memory when it is read."""
MAX_FILES_MIB = 512
MAX_FILES = 10_000
MAX_PATH = 1000
"""Bytes in the path of a file within a submission: it gets longer where the file is copied."""
MAX_CELLS = 12_000
MAX_DEPTH = 20
MAX_NESTED = 100
"""Values within each other that are read of a file that has more than Python can; a notebook's own are 10 deep."""
TOKEN = re.compile(r'"[^"\\]*+(?:\\(?:.|\Z)[^"\\]*+)*+(?:"|\Z)|[\[\]{}]', re.DOTALL)
"""A text or a bracket of JSON; a text that does not end goes on to the end."""

RESTORED = "This cell was missing from the submission and has been put back."
SALVAGED = "The file is damaged ({problem}). Complete cells in it: {count}. They were graded; everything else is lost."
UNREADABLE = "Cells whose text cannot be read: {count}. The others were graded."
NESTED = (
    f"The file holds data of more than {MAX_NESTED} values within each other, as no notebook does; it was left out, and all cells "
    "were graded."
)
MAX_DAMAGES = 100
"""Places of a damaged file after which a whole cell is looked for: to look takes as long as what is left of the file."""
FIRST_CELL = re.compile(r'"cells"\s*:\s*\[')
END_OF_CELLS = re.compile(r"\s*\]")
NEXT_CELL = re.compile(r"[\s,]*(?=\{)")
A_CELL = re.compile(r'\{\s*"(?:attachments|cell_type|id)"\s*:')
"""How a cell begins; within a text its quotes have backslashes before them."""
LONGEST_NUMBER = 20


class SubmissionError(Exception):
    """The submitted notebook cannot be graded as it is; the message says why, for a student."""


@dataclass(frozen=True)
class MasterCell:
    """A cell that nbgrader knows: everything but the position of it."""

    grade_id: str
    cell_type: str
    source: str
    checksum: str
    locked: bool
    grade: bool
    solution: bool
    points: float

    def metadata(self) -> dict[str, Any]:
        values = {
            "schema_version": 3,
            "grade_id": self.grade_id,
            "cell_type": self.cell_type,
            "checksum": self.checksum,
            "locked": self.locked,
            "grade": self.grade,
            "solution": self.solution,
            "task": False,
        }
        return values | ({"points": self.points} if self.grade else {})


def handed_in_as(path: Path) -> Path:
    """The file that was handed in for a notebook: itself, or the one in its folder that can be meant; itself where none is."""
    if os.path.lexists(path):
        return path
    files = [one.name for one in path.parent.glob("*") if one.is_file()]
    return path.with_name(copy_of(path.stem, files) or path.name)


def copy_of(notebook: str, files: Iterable[str]) -> str:
    """The file that a notebook was handed in as; none, where two compete.

    Browsers and learning platforms rename, and some put .txt or .json behind the name. The only notebook is meant, whatever it is
    called; of several, the one whose name is the notebook's, else the only one that has the notebook's name within its own.

    >>> copy_of("ps1-attribution", ["Copy of PS1 attribution (2).ipynb", "notes.ipynb", "cat.png"])
    'Copy of PS1 attribution (2).ipynb'
    >>> copy_of("ps1-attribution", ["ps1-attribution.ipynb.txt", "notes.ipynb", "notes.txt"])
    'ps1-attribution.ipynb.txt'
    >>> copy_of("ps1-attribution", ["ps1-attribution-1.ipynb", "ps1-attribution-2.ipynb"])
    ''
    """
    notebooks = [name for name in files if name.lower().endswith(NOTEBOOKS)]
    if f"{notebook}.ipynb" in notebooks:
        return f"{notebook}.ipynb"
    of_the_name = [name for name in notebooks if _letters(notebook) in _letters(name)]
    return next((found[0] for found in (notebooks, of_the_name) if len(found) == 1), "")


def _letters(name: str) -> str:
    """What stays of a name when it is copied."""
    return re.sub(r"[\W_]", "", name.casefold())


def read_notebook(path: Path) -> NotebookNode:
    """Read the cells of a submitted notebook; outputs and everything else are left behind.

    Of a file that breaks off, or is damaged somewhere, the whole cells are read; `metadata["salvaged"]` says so.

    Raises:
        SubmissionError: it is missing, a link, too large, not JSON, or not a notebook.
    """
    name = named([path.name])
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        others = sorted(other.name for other in _entries(path.parent)) if path.parent.is_dir() else []
        others = [name for name in others if name != "timestamp.txt"]
        found = (
            f"; the folder has {named(sorted(others, key=lambda name: not name.lower().endswith(NOTEBOOKS)))}"
            if others
            else ""
        )
        raise SubmissionError(f"There is no {path.name} in the submission{found}.") from None
    except OSError as error:
        raise SubmissionError(f"{name} cannot be opened ({error.strerror}); is it a link?") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise SubmissionError(f"{name} is not a plain file.")
    with os.fdopen(descriptor, "rb") as file:
        if status.st_size > MAX_NOTEBOOK_MIB * 2**20:
            size = status.st_size / 2**20
            raise SubmissionError(f"{name} has {size:.0f} MiB; expected at most {MAX_NOTEBOOK_MIB} MiB.")
        content = file.read()
    values = sum(content.count(sign) for sign in (b",", b"[", b"{"))
    if values > MAX_VALUES:
        raise SubmissionError(f"{name} holds {values:,} values; expected at most {MAX_VALUES:,}.")
    notebook = new_notebook()
    try:
        text = content.decode(json.detect_encoding(content))
        try:
            read = DECODER.decode(text)
        except RecursionError:
            read = DECODER.decode(_shallow(text))
            notebook.metadata["salvaged"] = NESTED
    except (ValueError, RecursionError, MemoryError) as error:
        cells = _whole_cells(content)
        if not cells:
            raise SubmissionError(f"{name} is not readable as JSON: {error}.") from None
        notebook.metadata["salvaged"] = SALVAGED.format(problem=error, count=len(cells))
        read = {"cells": cells}
    cells = _cells(read, name)
    if unreadable := sum(not _is_readable(cell) for cell in cells):
        notebook.metadata.setdefault("salvaged", UNREADABLE.format(count=unreadable))
    notebook.cells = [_clean(cell) for cell in cells]
    return notebook


def _shallow(text: str) -> str:
    """JSON without what is nested too deep to be read: null stands for it."""
    kept, start, depth = [], 0, 0
    for found in TOKEN.finditer(text):
        if found[0] in ("[", "{"):
            depth += 1
            if depth == MAX_NESTED + 1:
                kept += [text[start : found.start()], "null"]
        elif found[0] in ("]", "}"):
            if depth == MAX_NESTED + 1:
                start = found.end()
            depth -= 1
    return "".join([*kept, text[start:]] if depth <= MAX_NESTED else kept)


def _number(digits: str) -> int:
    """No number of a notebook is read, and Python refuses some that are longer than any."""
    return int(digits) if len(digits) <= LONGEST_NUMBER else 0


DECODER = json.JSONDecoder(parse_int=_number)


def _whole_cells(content: bytes) -> list[dict[str, Any]]:
    """The cells of a notebook's file that breaks off or is damaged: those at its start, and those after what is damaged."""
    text = _shallow(content.decode(json.detect_encoding(content), errors="replace"))
    start = FIRST_CELL.search(text)
    place: int | None = start.end() if start else _cell_after(text, 0)
    cells: list[dict[str, Any]] = []
    damages = 0
    while place is not None and len(cells) <= MAX_CELLS:
        if following := NEXT_CELL.match(text, place):
            try:
                cell, place = DECODER.raw_decode(text, following.end())
            except (ValueError, RecursionError, MemoryError):
                pass
            else:
                if not damages or "source" in cell:
                    cells.append(cell)
                continue
        elif END_OF_CELLS.match(text, place):
            break
        place = _cell_after(text, following.end() + 1 if following else place) if damages < MAX_DAMAGES else None
        damages += 1
    return cells


def _cell_after(text: str, place: int) -> int | None:
    found = A_CELL.search(text, place)
    return found.start() if found else None


def _is_readable(cell: Any) -> bool:
    source = cell.get("source") if isinstance(cell, dict) else 0
    return (
        source is None
        or isinstance(source, str)
        or (isinstance(source, list) and all(isinstance(line, str) for line in source))
    )


def restore(notebook: NotebookNode, master: list[MasterCell]) -> NotebookNode:
    """Put every master cell back to what was released: metadata always, source where it is locked.

    Missing setup cells go to the start, missing graded cells to the end, where everything they need has run.
    Of several cells with one id the last one counts, as in nbgrader. What stood in a locked cell is kept in one before it:
    text, and code that defines something.
    """
    known = {cell.grade_id: cell for cell in master}
    present: set[str] = set()
    kept: dict[int, NotebookNode] = {}
    for cell in reversed(notebook.cells):
        grade_id = cell.metadata.pop("grade_id", None)
        original = known.get(grade_id)
        if original is None:
            continue
        if grade_id in present:
            if original.locked:
                cell.source = as_ordinary(grade_id, cell.source)
            continue
        present.add(grade_id)
        if original.locked and (changed := _kept(cell, original)):
            kept[id(cell)] = changed
        _reset(cell, original)
    missing = [cell for cell in master if cell.grade_id not in present]
    setup = [_put_back(cell) for cell in missing if cell.locked and not cell.grade]
    graded = [_put_back(cell) for cell in missing if cell.grade]
    cells = [one for cell in notebook.cells for one in (*filter(None, [kept.get(id(cell))]), cell)]
    notebook.cells = setup + cells + graded
    return notebook


def _kept(cell: NotebookNode, original: MasterCell) -> NotebookNode | None:
    """A cell with what a student wrote into a locked one, where that may be work."""
    if cell.cell_type == "code":
        code = kept_code(original.grade_id, cell.source, original.source)
        return new_code_cell(code) if code else None
    if not cell.source.split() or not is_changed(cell.source, original.source):
        return None
    return new_markdown_cell(f"*{CHANGED.format(original.grade_id)}*\n\n{cell.source}")


@dataclass(frozen=True)
class Files:
    """What a submission's folder holds: plain readable files, and what is left out, links, pipes and the like.

    `problem` says, for a student, why there are more than can be handled; then the rest was not looked at.
    """

    plain: list[Path]
    left_out: list[Path]
    problem: str = ""


def files_of(folder: Path) -> Files:
    """Look through a submission without following a link, however deep it is."""
    plain, left_out, pending, size = [], [], [(folder, 0)], 0
    while pending:
        place, depth = pending.pop()
        for entry in _entries(place):
            if len(plain) + len(left_out) + len(pending) > MAX_FILES:
                return Files(plain, left_out, f"The submission has more than {MAX_FILES:,} files.")
            if len(os.fsencode(entry.relative_to(folder))) > MAX_PATH:
                left_out.append(entry)
                continue
            status = entry.lstat()
            mode = status.st_mode
            if stat.S_ISDIR(mode) and depth == MAX_DEPTH:
                left_out.append(entry)
                return Files(plain, left_out, f"The submission has more than {MAX_DEPTH} folders within each other.")
            if stat.S_ISDIR(mode) and mode & stat.S_IRUSR and mode & stat.S_IXUSR:
                pending.append((entry, depth + 1))
            elif stat.S_ISREG(mode) and mode & stat.S_IRUSR:
                size += status.st_size
                if size > MAX_FILES_MIB * 2**20:
                    left_out.append(entry)
                    return Files(plain, left_out, f"The submission has more than {MAX_FILES_MIB} MiB of files.")
                plain.append(entry)
            else:
                left_out.append(entry)
    return Files(plain, left_out)


def _entries(place: Path) -> list[Path]:
    """What a folder holds, in order; of far too many only as many as tell that they are."""
    with os.scandir(place) as entries:
        return sorted(Path(entry.path) for entry in islice(entries, MAX_FILES + 2))


def _cells(content: Any, name: str) -> list[Any]:
    if not isinstance(content, dict):
        raise SubmissionError(f"{name} is not a notebook: it holds a {type(content).__name__}.")
    if content.get("nbformat") in (2, 3):
        try:
            content = nbformat.convert(from_dict(_old_cells(content)), 4)
        except Exception as error:
            raise SubmissionError(
                f"{name} is an old notebook that cannot be converted ({type(error).__name__})."
            ) from None
    cells = content.get("cells")
    if not isinstance(cells, list):
        raise SubmissionError(f"{name} is not a notebook: it has no list of cells.")
    if len(cells) > MAX_CELLS:
        raise SubmissionError(f"{name} has {len(cells)} cells; expected at most {MAX_CELLS}.")
    return cells


def _old_cells(content: dict[str, Any]) -> dict[str, Any]:
    """An old notebook with what is read of it: no outputs, which may be nested deep, and headings of a level from 1 to 6.

    A level becomes so many signs: a billion, if it says so.
    """
    cells = [cell for sheet in _dictionaries(content.get("worksheets")) for cell in _dictionaries(sheet.get("cells"))]
    if not isinstance(content.get("worksheets"), list):
        return {}
    kept = [
        {key: _text(cell[key]) for key in ("cell_type", "source", "input", "language") if key in cell}
        | {"metadata": {"nbgrader": {"grade_id": _grade_id(cell)}}}
        | ({"outputs": []} if cell.get("cell_type") == "code" else {})
        | ({"level": level if type(level) is int and 1 <= level <= 6 else 1} if "level" in cell else {})
        for cell in cells
        for level in [cell.get("level")]
    ]
    return {"nbformat": content["nbformat"], "nbformat_minor": 0, "metadata": {}, "worksheets": [{"cells": kept}]}


def _dictionaries(values: Any) -> list[dict[str, Any]]:
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []


def _clean(cell: Any) -> NotebookNode:
    cell = cell if isinstance(cell, dict) else {}
    kind = str(cell.get("cell_type"))[:20]
    clean = _new_cell(kind if kind in EMPTY else "raw", _text(cell.get("source")))
    if grade_id := _grade_id(cell):
        clean.metadata["grade_id"] = grade_id
    if clean.cell_type == "markdown" and (attachments := plain_pictures(cell.get("attachments"))):
        clean["attachments"] = attachments
    return clean


def _text(source: Any) -> str:
    """A source, which may be a list of lines, as text that can be written again."""
    if isinstance(source, list):
        source = "".join(line for line in source if isinstance(line, str))
    return writable(source) if isinstance(source, str) else ""


def _grade_id(cell: dict[str, Any]) -> str:
    """The id by which nbgrader knows a cell; empty where it has none."""
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    grade_id = nbgrader.get("grade_id") if isinstance(nbgrader, dict) else None
    return writable(grade_id) if isinstance(grade_id, str) else ""


def plain_pictures(attachments: Any) -> dict[str, dict[str, str]]:
    """The attachments of a markdown cell that are pictures and nothing but pictures."""
    found = {}
    for name, data in attachments.items() if isinstance(attachments, dict) else ():
        pictures = (
            {kind: value for kind, value in data.items() if is_picture(kind, value)} if isinstance(data, dict) else {}
        )
        if pictures and isinstance(name, str) and re.fullmatch(r"[\w .,()%+-]{1,100}", name):
            found[name] = pictures
    return found


def is_picture(kind: object, content: object) -> bool:
    """Whether content of a MIME type is a picture in base64, and nothing but base64."""
    if kind not in SHOWN_IMAGES or not isinstance(content, str):
        return False
    try:
        return bool(base64.b64decode("".join(content.split()), validate=True))
    except ValueError:
        return False


def _reset(cell: NotebookNode, original: MasterCell) -> None:
    if cell.cell_type != original.cell_type:
        fresh = _new_cell(original.cell_type, cell.source)
        cell.clear()
        cell.update(fresh)
    if original.locked:
        cell.source = original.source
    cell.metadata["nbgrader"] = original.metadata()


def _put_back(original: MasterCell) -> NotebookNode:
    # The source is the master's to the letter: the answer to a missing question counts as untouched.
    cell = _new_cell(original.cell_type, original.source)
    cell.metadata["nbgrader"] = original.metadata()
    cell.metadata["restored"] = RESTORED
    return cell


EMPTY = {"code": new_code_cell(), "markdown": new_markdown_cell(), "raw": new_raw_cell()}
"""nbformat compares each cell that it makes with its schema, which takes a millisecond; it does so again when it writes them."""


def _new_cell(cell_type: str, source: str) -> NotebookNode:
    return from_dict(EMPTY[cell_type] | {"id": generate_corpus_id(), "source": source})


def read_or_why_not(folder: Path, notebook: Path) -> tuple[NotebookNode, str]:
    """A submission's notebook; an empty one, and why the submission cannot be graded as it is, where it cannot."""
    try:
        read, problem = read_notebook(notebook), files_of(folder).problem
    except SubmissionError as error:
        read, problem = new_notebook(), str(error)
    return (new_notebook() if problem else read), problem
