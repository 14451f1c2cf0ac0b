"""The whole corpus: right and wrong work for every problem set, with what the grader has to say of it.

A set's entries are what `entries` of `corpus/SET/hand_ins.py` yields; a folder with that file is found by itself.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from autograder.problem_sets import FOLDERS
from corpus.entries import Entry

WITH_ENTRIES = {path.parent.name for path in Path(__file__).parent.glob("*/hand_ins.py")}
SETS = {folder: name for name, folder in FOLDERS.items() if folder in WITH_ENTRIES}
"""The problem set's id of each folder that has entries."""


def corpus() -> list[Entry]:
    """All entries, in the order of the sets."""
    return [entry for folder in SETS for entry in import_module(f"corpus.{folder}.hand_ins").entries()]
