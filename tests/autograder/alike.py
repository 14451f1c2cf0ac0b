"""What two gradings of the same submission have in common: all but what is by the clock or by chance."""

import json
import re
from pathlib import Path
from typing import Any

BY_THE_CLOCK = {"seconds", "cpu_seconds", "evidence"}
"""Of a record. The evidence's checksum counts the seconds, too."""
DRAWN = re.compile(r'id="cell-id=\w+"|<!-- grades \w+ -->')
"""Of a page: the ids of cells that were handed in without one, and a checksum of the record, which counts the seconds."""


def record_of(course: Path, student: str, problem_set: str) -> dict[str, Any]:
    """The whole record."""
    return json.loads((course / "autograded" / student / problem_set / "verdicts.json").read_text())


def alike(course: Path, student: str, problem_set: str) -> tuple[dict[str, Any], str]:
    """The record and the page that any other grading of the same submission with the same seed has, too."""
    record = record_of(course, student, problem_set)
    page = (course / "feedback" / student / problem_set / f"{problem_set}.html").read_text()
    return {name: record[name] for name in record.keys() - BY_THE_CLOCK}, DRAWN.sub("", page)
