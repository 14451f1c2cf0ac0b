"""The locked cells as they were handed out: a graded run puts them back, so what a student changes there is seen nowhere else.

In the student kit's wheel they lie beside this module; in a clone they are those of assignments/.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path

LOCKED_CELLS = Path(__file__).with_suffix(".json")
RELEASES = Path(__file__).resolve().parents[2] / "assignments"

NOT_AS_HANDED_OUT = (
    "This cell is not as it was handed out. When your work is graded, the one that was handed out runs in its place: what you "
    "changed in it counts for nothing, and your points may be others than these."
)
SETUP_CHANGED = (
    "The cell {} was not run as it was handed out. When your work is graded, it is put back: what you changed in it counts for "
    "nothing."
)


@cache
def locked_cells() -> dict[str, dict[str, str]]:
    """The code of each problem set's locked cells, by their ids; nothing where no release is at hand."""
    if LOCKED_CELLS.is_file():
        return json.loads(LOCKED_CELLS.read_text(encoding="utf-8"))
    return read_locked_cells(RELEASES)


def read_locked_cells(releases: Path) -> dict[str, dict[str, str]]:
    """The same, from a folder of releases."""
    return {
        path.stem: {
            nbgrader["grade_id"]: "".join(cell["source"])
            for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]
            if cell["cell_type"] == "code" and (nbgrader := cell["metadata"].get("nbgrader", {})).get("locked")
        }
        for path in sorted(releases.glob("*/*.ipynb"))
        if path.stem == path.parent.name
    }


def is_changed(source: str, original: str) -> bool:
    """Whether more than white space is different."""
    return source.split() != original.split()


def told_of_changes(task: str) -> tuple[str, ...]:
    """What to say of the locked cells that this session has run, where `submit` is called for a task; nothing elsewhere."""
    ran = _cells_of_this_session()
    of_set = next((cells for cells in locked_cells().values() if task in cells), {})
    if not of_set or not ran or "submit" not in ran[-1]:
        return ()
    told = [NOT_AS_HANDED_OUT] if is_changed(ran[-1], of_set[task]) else []
    setup = [name for name, source in of_set.items() if "submit(" not in source]
    told += [SETUP_CHANGED.format(name) for name in setup if all(is_changed(cell, of_set[name]) for cell in ran)]
    return tuple(told)


def _cells_of_this_session() -> list[str]:
    """The cells that were run, the last one is running; nothing where this is no session of IPython."""
    if "IPython" not in sys.modules:
        return []
    shell = sys.modules["IPython"].get_ipython()
    return list(shell.history_manager.input_hist_raw) if shell is not None else []
