"""When a submission was handed in, as its timestamp.txt says: a student's file, where it did not come through the exchange."""

from __future__ import annotations

import os
import re
import stat
from datetime import datetime
from pathlib import Path

from nbgrader.apps.api import NbGraderAPI
from nbgrader.utils import parse_utc

TIMESTAMP = "timestamp.txt"
MAX_BYTES = 200
DATE = re.compile(r"[\w:.,+ -]+(?:(?<=\w)/[\w+-]+){0,2}", re.ASCII)
"""A date, and the name of a time zone, which would be opened if it were a path."""
YEARS = range(1970, 9000)
"""Time zones and late penalties are reckoned with it, and there is no year 0 or 10000."""


def handed_in_at(folder: Path) -> datetime | None:
    """The date in UTC; None where there is none, or a pipe, a link, or a text that is none."""
    try:
        descriptor = os.open(folder / TIMESTAMP, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        plain = stat.S_ISREG(os.fstat(descriptor).st_mode)
        text = os.read(descriptor, MAX_BYTES + 1).decode().strip() if plain else ""
        date = parse_utc(text) if len(text) <= MAX_BYTES and DATE.fullmatch(text) else None
    except Exception:  # dateutil raises many kinds for what is no date
        return None
    finally:
        os.close(descriptor)
    return date if date and date.year in YEARS else None


def no_date_in(folder: Path) -> bool:
    """Whether there is a timestamp.txt, and no date in it."""
    return os.path.lexists(folder / TIMESTAMP) and handed_in_at(folder) is None


def submitted_at(api: NbGraderAPI, assignment: str, student: str) -> datetime | None:
    """What formgrader asks of each submission that it lists; nbgrader's own waits at a pipe and stops at what is no date."""
    return handed_in_at(Path(api.coursedir.format_path(api.coursedir.submitted_directory, student, assignment)))
