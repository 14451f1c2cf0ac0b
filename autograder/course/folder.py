"""A course folder as nbgrader's configuration describes it: what was handed in, what is graded, and who may write."""

from __future__ import annotations

import glob
import json
import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from nbgrader.api import Gradebook
from nbgrader.apps import AutogradeApp
from sqlalchemy.exc import SAWarning, SQLAlchemyError

from autograder.course.commands import GradingError
from autograder.nbgrader_plugin.converter import ClassAutograde
from autograder.nbgrader_plugin.handed_in import digest_of
from autograder.nbgrader_plugin.judging import RECORD
from autograder.student.plain_text import printable

LOCK = ".grading.lock"
LOGS = "grading_logs"


class Course:
    """A course folder, by nbgrader's own configuration of it.

    Raises:
        GradingError: there is no nbgrader_config.py of this kit.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        if not (self.folder / "nbgrader_config.py").is_file():
            raise GradingError(
                f"There is no nbgrader_config.py in {self.folder}. Run this in the course's folder, or name it: "
                "--course FOLDER"
            )
        with chdir(self.folder):
            self.app = AutogradeApp()
            self.app.initialize([])
        self.directory = self.app.coursedir
        self.root = Path(self.directory.root)
        self._log_to(self.root / "grading.log")

    @cached_property
    def converter(self) -> ClassAutograde:
        return ClassAutograde(coursedir=self.directory, parent=self.app)

    def gradebook(self) -> Gradebook:
        """The course's gradebook, wherever the configuration says that it is.

        Raises:
            GradingError: it cannot be opened.
        """
        try:
            return Gradebook(self.directory.db_url, self.directory.course_id)
        except (SQLAlchemyError, ImportError) as error:
            said = str(error).splitlines()[0]
            raise GradingError(
                f"The gradebook cannot be opened ({said}). It is set by c.CourseDirectory.db_url."
            ) from None

    def assignment(self, name: str) -> str:
        """The assignment that a name or the beginning of one stands for, as in ps1 for ps1-attribution.

        Raises:
            GradingError: the gradebook knows none of that name, or several.
        """
        with self.gradebook() as gradebook:
            known = [assignment.name for assignment in gradebook.assignments]
        found = [name] if name in known else [one for one in known if one.startswith(f"{name}-")]
        if len(found) == 1:
            return found[0]
        if found:
            raise GradingError(f"{name} may be {' or '.join(found)}: which one?")
        raise GradingError(
            f"The gradebook does not know {name}; it knows {', '.join(known) or 'no assignment'}. "
            f"Run: nbgrader generate_assignment {name} --force"
        )

    def submissions(self, assignment: str) -> dict[str, Path]:
        """The folders that were handed in, by student, without those that the configuration leaves out."""
        pattern = self.directory.format_path(self.directory.submitted_directory, "*", assignment)
        named = self.directory.format_path(
            self.directory.submitted_directory, "(?P<student>.*)", re.escape(assignment), escape=True
        )
        wanted = glob.glob(  # noqa: PTH207
            self.directory.format_path(self.directory.submitted_directory, self.directory.student_id, assignment)
        )
        left_out = self.directory.student_id_exclude.split(",")
        found = {}
        for folder in sorted(glob.glob(pattern)):  # noqa: PTH207
            student = re.fullmatch(named, folder, re.DOTALL)["student"]
            if folder in wanted and student not in left_out and Path(folder).is_dir():
                found[student] = Path(folder)
        if not found:
            raise GradingError(
                f"There is nothing in {Path(pattern).parent.parent} for {assignment}. Collect the submissions first: "
                f"submitted/STUDENT/{assignment}/{assignment}.ipynb, by nbgrader collect, python -m autograder collect "
                "or by hand."
            )
        return found

    def digest(self, submission: Path) -> str:
        return digest_of(submission, self.directory.ignore)

    def graded_folder(self, assignment: str, student: str) -> Path:
        return Path(self.directory.format_path(self.directory.autograded_directory, student, assignment))

    def feedback_folder(self, assignment: str, student: str) -> Path:
        return Path(self.directory.format_path(self.directory.feedback_directory, student, assignment))

    def record(self, assignment: str, student: str) -> dict[str, Any]:
        """The record of a graded submission; empty where there is none, or none that is whole."""
        try:
            record = json.loads((self.graded_folder(assignment, student) / RECORD).read_bytes())
        except (OSError, ValueError):
            return {}
        return record if isinstance(record, dict) and record.get("student") == student else {}

    def log_of(self, assignment: str, student: str) -> Path:
        return self.root / LOGS / assignment / student / "grading.log"

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else grades this course meanwhile.

        Raises:
            GradingError: someone does.
        """
        lock = FileLock(self.root / LOCK, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            raise GradingError(
                f"{self.root} is being graded by another process; wait for its end. (It holds {LOCK}; the lock goes "
                "with the process, however that ends.)"
            ) from None
        try:
            yield
        finally:
            lock.release()

    def _log_to(self, path: Path) -> None:
        """What nbgrader says goes to a file: the screen is for progress."""
        log = self.app.log
        for handler in list(log.handlers):
            log.removeHandler(handler)
        warnings.filterwarnings("ignore", category=SAWarning)  # of nbgrader's own use of its database
        handler = logging.FileHandler(path, delay=True, errors="backslashreplace")
        handler.setLevel(logging.INFO)
        handler.setFormatter(_Lines("%(asctime)s [%(levelname)s] %(message)s"))
        log.addHandler(handler)
        log.propagate = False


class _Lines(logging.Formatter):
    """Names of students and their files look like no other line of the log: what goes on in another line is moved in."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the parent's name)
        return "\n    ".join(printable(line) for line in super().formatMessage(record).splitlines())
