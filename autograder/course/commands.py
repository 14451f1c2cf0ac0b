"""nbgrader's own commands in a course folder, for what the kit does not do itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


class GradingError(Exception):
    """What was asked for could not be done; the message says why, and what to do."""


class InterruptedGradingError(GradingError):
    """Someone stopped the grading; the message says what is done and how to go on."""


def nbgrader(course: Path, *arguments: str) -> None:
    """Run one of nbgrader's commands in a course folder; what it prints goes to the course's grading.log.

    Raises:
        GradingError: the command failed; the message ends with the last lines that it printed.
    """
    command = [sys.executable, "-m", "nbgrader", *arguments]
    ended = subprocess.run(
        command, cwd=course, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    with (course / "grading.log").open("a") as log:
        log.write(ended.stdout)
    if ended.returncode:
        said = "\n".join(ended.stdout.splitlines()[-12:])
        raise GradingError(f"nbgrader {' '.join(arguments)} ended with status {ended.returncode}:\n{said}")
