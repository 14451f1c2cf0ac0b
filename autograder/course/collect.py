"""Collecting what a learning-management system hands over: Canvas' and Moodle's archives of submissions.

    python -m autograder collect ps1 submissions.zip

nbgrader's own `zip_collect` takes one pattern for all names and stops at the first that does not fit; here each file is
recognised by itself, and what is not is said and left.

Canvas names a file `doejane_LATE_12345_678910_ps1-attribution-1.ipynb`: the login or the name, LATE where it was, the ids of the
student and of the submission, and the file's own name, with -1, -2 for later attempts. Moodle has a folder for each student,
`Jane Doe_1234567_assignsubmission_file_/ps1-attribution.ipynb`, or the same with the file's name behind it in place of the folder.
There may be one more folder at the top, as where somebody packed a downloaded folder again.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from autograder.course.commands import GradingError
from autograder.course.folder import Course
from autograder.nbgrader_plugin.converter import write_whole
from autograder.nbgrader_plugin.submitted_notebook import MAX_FILES, MAX_FILES_MIB, copy_of

MOODLE = re.compile(
    r"(?:(?!\.{1,2}/)[^/]+/)*?(?P<student>[^/]+?)_(?P<number>\d+)_assignsubmission_file_?/?(?P<file>.*)", re.DOTALL
)
CANVAS = re.compile(r"(?P<student>[^/]+?)_(?P<late>LATE_)?(?P<number>\d+)_(?P<attempt>\d+)_(?P<file>[^/]+)")
MAX_NAME = 200
"""Bytes in the name of a file or a student; a folder takes 255, and nbgrader puts words behind them."""
NOT_HANDED_IN = ("__MACOSX/", ".DS_Store")
"""What macOS adds where it packs a folder: a second file beside each, and how its windows look."""
UNDATED = "collected without a time, so it counts as on time: the date that the archive gives is none"
ATTEMPT = re.compile(r"(?P<name>.+)-(?P<attempt>\d+)(?P<suffix>\.\w+)")


@dataclass(frozen=True)
class Handed:
    """One file of an archive: whose it is, its own name, which attempt it belongs to, and whether the system calls it late."""

    student: str
    name: str
    attempt: tuple[int, ...]
    late: bool
    entry: zipfile.ZipInfo


@dataclass
class Collected:
    """What came of an archive.

    Attributes:
        students: those whose work is in the course now.
        late: those of them whom the system calls late.
        left: the files that are not named as a submission.
        failed: why nothing was collected of a student, by student.
        remarks: what to know of a student's work that was collected, by student.
    """

    students: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, str] = field(default_factory=dict)


def collect(course: Course, name: str, archive: Path) -> Collected:
    """Put the latest attempt of each student in an archive where nbgrader looks for it.

    Raises:
        GradingError: the file is no archive, or nothing in it is a submission.
    """
    assignment = course.assignment(name)
    collected = Collected()
    try:
        with zipfile.ZipFile(archive) as opened:
            by_student = _by_student(opened.infolist(), assignment, collected)
            if not by_student:
                raise GradingError(
                    f"Nothing in {archive} is named as Canvas or Moodle name submissions, for example "
                    f"doejane_12345_678910_{assignment}.ipynb or Jane Doe_1234567_assignsubmission_file_/{assignment}.ipynb."
                )
            for student, files in sorted(by_student.items()):
                if problem := _put(course, assignment, student, files, opened):
                    collected.failed[student] = problem
                    continue
                collected.students.append(student)
                if not _handed_in(files):
                    collected.remarks[student] = UNDATED
                if any(one.late for one in files):
                    collected.late.append(student)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:  # of its table of contents
        raise GradingError(f"{archive} cannot be read as a zip archive: {error}") from None
    return collected


def recognise(entry: zipfile.ZipInfo, assignment: str) -> Handed | None:
    """Whose file an entry is; None where it is not named as either system names one."""
    path = entry.filename
    if found := MOODLE.fullmatch(path):
        name = PurePosixPath(found["file"] or "").name
        # The student's own name may be another's, too; the number is not.
        handed = Handed(f"{found['student']}_{found['number']}", name, (0,), False, entry)
        return handed if name not in ("", ".", "..") else None
    if found := CANVAS.fullmatch(PurePosixPath(path).name):
        name, attempt = found["file"], 0
        again = ATTEMPT.fullmatch(name)
        if again and (again["name"] + again["suffix"] == f"{assignment}.ipynb" or not name.endswith(".ipynb")):
            name, attempt = again["name"] + again["suffix"], int(again["attempt"])
        student = f"{found['student']}_{found['number']}"
        return Handed(student, name, (attempt, int(found["attempt"])), bool(found["late"]), entry)
    return None


def _by_student(entries: Iterable[zipfile.ZipInfo], assignment: str, collected: Collected) -> dict[str, list[Handed]]:
    """The files of each student, one of each name: that of the latest attempt."""
    latest: dict[tuple[str, str], Handed] = {}
    for entry in entries:
        if entry.is_dir() or entry.filename.startswith(NOT_HANDED_IN[0]) or entry.filename.endswith(NOT_HANDED_IN[1]):
            continue
        handed = recognise(entry, assignment)
        if handed is None or stat.S_ISLNK(entry.external_attr >> 16):
            collected.left.append(entry.filename)
            continue
        key = handed.student, handed.name
        if key not in latest or (handed.attempt, entry.date_time) > (latest[key].attempt, latest[key].entry.date_time):
            latest[key] = handed
    by_student: dict[str, list[Handed]] = {}
    for (student, _), handed in latest.items():
        by_student.setdefault(student, []).append(handed)
    return by_student


def _put(course: Course, assignment: str, student: str, files: list[Handed], archive: zipfile.ZipFile) -> str:
    """Put a student's files in place; what is wrong with them where nothing is put. One student's archive stops nobody else's."""
    if any(len(os.fsencode(name)) > MAX_NAME for name in (student, *(one.name for one in files))):
        return f"a name of more than {MAX_NAME} bytes"
    size = sum(one.entry.file_size for one in files) / 2**20
    if size > MAX_FILES_MIB or len(files) > MAX_FILES:
        return f"{len(files)} files of {size:.0f} MiB, expected at most {MAX_FILES:,} of {MAX_FILES_MIB} MiB"
    try:
        contents = [archive.read(one.entry) for one in files]
    except Exception as error:  # what unpacking raises depends on how the file was packed
        return f"cannot be unpacked ({error or type(error).__name__})"
    folder = Path(course.directory.format_path(course.directory.submitted_directory, student, assignment))
    was_there = folder.parent.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one, content in zip(files, contents, strict=True):
            write_whole(folder / _name_in_the_course(one.name, assignment, files), content)
        (folder / "timestamp.txt").unlink(missing_ok=True)
        if handed_in := _handed_in(files):
            write_whole(folder / "timestamp.txt", f"{handed_in:%Y-%m-%d %H:%M:%S} UTC\n".encode())
    except (OSError, ValueError) as error:
        if not was_there:
            shutil.rmtree(folder.parent, ignore_errors=True)
        return f"cannot be written ({error})"
    return ""


def _handed_in(files: list[Handed]) -> datetime | None:
    """When the newest of a student's files was handed in; None where the archive has a date for none of them."""
    return max(filter(None, map(_date, files)), default=None)


def _date(one: Handed) -> datetime | None:
    """The date of a file. Who packs while the file still comes in may write none, which is read as month 0 of 1980."""
    year, month, day, hour, minute, second = one.entry.date_time
    try:
        return datetime(year, month, day, hour, minute, min(second, 59), tzinfo=UTC)  # a leap second may be 60
    except ValueError:
        return None


def _name_in_the_course(name: str, assignment: str, files: list[Handed]) -> str:
    """The notebook gets its own name, whatever a browser has made of it, where only one can be meant.

    What ends as a text or as data does keeps its name: it is graded with a remark.
    """
    meant = copy_of(assignment, [one.name for one in files])
    return f"{assignment}.ipynb" if name == meant and name.lower().endswith(".ipynb") else name
