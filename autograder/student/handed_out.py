"""The locked cells as they were handed out: a graded run puts them back, and `check` does.

Of what a student wrote into one, code that defines a function or a class runs before it, and other code is left out. They lie
beside this module, where `python -m autograder release` writes them: in a clone, assignments/ is where students work.
"""

from __future__ import annotations

import ast
import json
import sys
from functools import cache
from pathlib import Path

LOCKED_CELLS = Path(__file__).with_suffix(".json")

NOT_AS_HANDED_OUT = (
    "The locked cell {} is not what ran here. When your work is graded, it runs as it was handed out, and your points may differ "
    "from these."
)
SETUP_CHANGED = (
    "The cell {} was not run as it was handed out. When your work is graded, it is put back; code that you wrote into it runs "
    "before it if it defines a function or a class, and is left out otherwise."
)
CHANGED = "The cell {} may not be changed and has been put back; this is what it contained."
REPEATED = "A second cell with the id {} was in the submission; it is kept as an ordinary cell."


@cache
def locked_cells() -> dict[str, dict[str, str]]:
    """The code of each problem set's locked cells, by their ids; nothing where the file is missing."""
    return json.loads(LOCKED_CELLS.read_text(encoding="utf-8")) if LOCKED_CELLS.is_file() else {}


def is_changed(source: str, original: str) -> bool:
    """Whether more than white space is different."""
    return source.split() != original.split()


def defines(source: str) -> bool:
    """Whether code defines a function or a class at its top level."""
    try:
        return any(isinstance(node, ast.FunctionDef | ast.ClassDef) for node in ast.parse(source).body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def kept_code(grade_id: str, source: str, original: str) -> str:
    """The code of a cell that runs before a locked one, for what stood in that; empty where none of it is kept."""
    if not is_changed(source, original) or not defines(source):
        return ""
    return f"# {CHANGED.format(grade_id)}\n{source}"


def as_ordinary(grade_id: str, source: str) -> str:
    """What becomes of the code of a locked cell that another with its id follows."""
    return f"# {REPEATED.format(grade_id)}\n{source}"


def told_of_changes(task: str) -> tuple[str, ...]:
    """What to say of the locked cells that this session has run, where `submit` is called for a task; nothing elsewhere."""
    ran = _cells_of_this_session()
    of_set = next((cells for cells in locked_cells().values() if task in cells), {})
    if not of_set or not ran or "submit" not in ran[-1]:
        return ()
    told = [NOT_AS_HANDED_OUT.format(task)] if is_changed(ran[-1], of_set[task]) else []
    setup = [name for name, source in of_set.items() if "submit(" not in source]
    told += [SETUP_CHANGED.format(name) for name in setup if all(is_changed(cell, of_set[name]) for cell in ran)]
    return tuple(told)


def _cells_of_this_session() -> list[str]:
    """The cells that were run, the last one is running; nothing where this is no session of IPython."""
    if "IPython" not in sys.modules:
        return []
    shell = sys.modules["IPython"].get_ipython()
    return list(shell.history_manager.input_hist_raw) if shell is not None else []
