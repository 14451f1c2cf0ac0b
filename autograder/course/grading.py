"""Grading a class: every submission of a course folder, on many workers, with one writer to the gradebook.

    python -m autograder grade ps1-attribution

Workers get bytes and give back record and evidence. This process alone writes, one submission at a time and through
nbgrader's own converter; a submission's record comes last, so that whatever is interrupted goes on where it was.
"""

from __future__ import annotations

import errno
import secrets
import signal
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from distributed import Client, Future, wait
from nbgrader.converters.base import NbGraderException
from rich.console import Console
from rich.text import Text
from sqlalchemy.exc import OperationalError

from autograder.course.commands import GradingError, InterruptedGradingError
from autograder.course.engine import workers
from autograder.course.folder import Course
from autograder.course.progress import ClassProgress
from autograder.course.worker import SETTINGS, Assigned, Outcome, grade_submission
from autograder.nbgrader_plugin import handed_in
from autograder.nbgrader_plugin.converter import SubmissionChangedError
from autograder.nbgrader_plugin.feedback_pages import CourseFeedback
from autograder.nbgrader_plugin.handed_in import HandedIn
from autograder.nbgrader_plugin.reading import Reading
from autograder.student.plain_text import printable

SECONDS_WITHOUT_WORKERS = 300
"""Dask starts a worker again that was lost, which takes a busy machine minutes; where none comes back for so long, none will."""
SECONDS_BETWEEN_LOOKS = 2.0
"""How often the scheduler is asked how many workers there are."""
BUSY_TRIES = 3
"""How often a submission that the machine kept waiting is run in all; from the second time on, nothing else runs beside it."""
IN_FLIGHT = 2
"""Submissions for each worker that are on their way or being run: the next one is there when one is done."""


@dataclass
class Graded:
    """What one run of the grader did to an assignment, by student.

    `without_page`: no feedback page shows what the gradebook has, and why.
    """

    assignment: str
    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    without_page: dict[str, str] = field(default_factory=dict)


def grade(
    course: Course,
    names: list[str],
    console: Console,
    *,
    count: int,
    students: list[str] | None = None,
    again: bool = False,
    scheduler: str = "",
) -> list[Graded]:
    """Grade what is new or changed of some assignments, or with `again` everything.

    Raises:
        GradingError: the course is not as it has to be, someone else grades it, or the run was interrupted.
    """
    assignments = [course.assignment(name) for name in names]
    with course.alone(), _stop_signal() as stop:
        due = [_what_is_due(course, assignment, students, again) for assignment in assignments]
        for graded, waiting in due:
            if graded.skipped:
                console.print(
                    f"{graded.assignment}: {len(graded.skipped)} of {len(graded.skipped) + len(waiting)} submissions are "
                    "graded already and have not changed (--again grades them again)."
                )
        if any(waiting for _, waiting in due):
            largest = max(len(waiting) for _, waiting in due)
            console.print(Text("Starting the workers ..."))
            with workers(max(1, min(count, largest)), scheduler) as client:
                for graded, waiting in due:
                    if waiting:
                        _Run(course, graded, waiting, client, console, stop).run()
        return [graded for graded, _ in due]


def write_pages(course: Course, graded: Graded, console: Console) -> None:
    """Make the feedback pages that do not show what the gradebook has now: new grades, points and comments given by hand."""
    pages = CourseFeedback(coursedir=course.directory, parent=course.app)
    students = sorted([*graded.done, *graded.skipped])
    old = [student for student in students if not pages.is_up_to_date(graded.assignment, student)]
    if old:
        console.print(f"Writing {len(old)} feedback pages ...")
    for student in old:
        try:
            pages.write(graded.assignment, student)
        except Exception as error:  # one page that fails must not cost the others theirs
            course.app.log.exception("The page of %r", student)
            graded.without_page[student] = _first_line(error)
            console.print(Text(printable(f"  no feedback page for {student}: {_first_line(error)}")))


def _what_is_due(
    course: Course, assignment: str, students: list[str] | None, again: bool
) -> tuple[Graded, dict[str, Path]]:
    submissions = course.submissions(assignment)
    if students is not None:
        if unknown := [student for student in students if student not in submissions]:
            raise GradingError(f"Nothing was handed in for {assignment} by: {', '.join(map(repr, unknown))}.")
        submissions = {student: submissions[student] for student in students}
    with course.gradebook() as gradebook:
        known = {submission.student_id for submission in gradebook.assignment_submissions(assignment)}
    graded, waiting = Graded(assignment), {}
    for student, folder in submissions.items():
        record = course.record(assignment, student)
        if not again and student in known and record and record.get("submission") == course.digest(folder):
            graded.skipped.append(student)
        else:
            waiting[student] = folder
    return graded, waiting


@dataclass(frozen=True)
class _Sent:
    """What a worker has: whose submission, its checksum, and how its notebooks were read, by name."""

    student: str
    digest: str
    readings: dict[str, Reading]


class _Run:
    """One assignment, from the first submission to the last."""

    def __init__(
        self,
        course: Course,
        graded: Graded,
        waiting: dict[str, Path],
        client: Client,
        console: Console,
        stop: _Stop,
    ) -> None:
        self.course, self.graded, self.client, self.console, self.stop = course, graded, client, console, stop
        self.folders = waiting
        self.queue = deque(waiting)
        self.tries = dict.fromkeys(waiting, 0)
        self.waiting_for_quiet: deque[str] = deque()
        self.running: dict[Future, _Sent] = {}
        self.last_seen, self.last_look, self.threads = time.monotonic(), -SECONDS_BETWEEN_LOOKS, 1
        self.converter = course.converter

    def run(self) -> None:
        try:
            self.converter.open(self.graded.assignment)
        except NbGraderException as error:
            raise GradingError(str(error)) from None
        self._prepare()
        with ClassProgress(self.console, self.graded.assignment, len(self.folders)) as self.progress:
            while self.queue or self.running or self.waiting_for_quiet:
                if self.stop.asked:
                    raise self._interrupted()
                self._look_at_workers()
                self._send()
                self.progress.running(sorted(sent.student for sent in self.running.values())[: self.threads])
                for future in self._finished():
                    self._receive(self.running.pop(future), future)

    def _prepare(self) -> None:
        """What is the same for all students is read once."""
        course, assignment = self.course, self.graded.assignment
        with course.gradebook() as gradebook:
            notebooks = [notebook.name for notebook in gradebook.find_assignment(assignment).notebooks]
        self.notebooks = notebooks
        source = Path(course.directory.format_path(course.directory.source_directory, ".", assignment))
        files = handed_in.read(source, [*course.directory.ignore, "*.ipynb"]).files if source.is_dir() else {}
        kept = self.converter.exclude_overwriting.get(assignment, [])
        self.given = HandedIn({name: content for name, content in files.items() if name not in kept})
        self.settings = {name: dict(self.converter.config.get(name, {})) for name in SETTINGS}
        self.settings["SandboxedExecute"]["key"] = self.settings["SandboxedExecute"].get("key") or secrets.token_hex(32)

    def _look_at_workers(self) -> None:
        """Count their threads, now and then. Raises GradingError where for a while nobody has been there to grade."""
        if time.monotonic() - self.last_look < SECONDS_BETWEEN_LOOKS:
            return
        self.last_look, found = time.monotonic(), sum(self.client.nthreads().values())
        self.threads = max(1, found)
        if found:
            self.last_seen = time.monotonic()
        elif time.monotonic() - self.last_seen > SECONDS_WITHOUT_WORKERS:
            raise GradingError(
                f"No worker has been there for {SECONDS_WITHOUT_WORKERS} seconds. {self._so_far()} Run the same command "
                "again: it goes on from there."
            )

    def _send(self) -> None:
        """Keep the workers busy; what the machine kept waiting runs alone, when all else is done."""
        room = IN_FLIGHT * self.threads
        while self.queue and len(self.running) < room:
            self._submit(self.queue.popleft())
        if self.waiting_for_quiet and not self.queue and not self.running:
            self._submit(self.waiting_for_quiet.popleft())

    def _submit(self, student: str) -> None:
        folder, ignored = self.folders[student], self.course.directory.ignore
        assignment = self.graded.assignment
        readings = {name: self.converter.reading(assignment, student, name) for name in self.notebooks}
        notebooks = {name: reading.notebook for name, reading in readings.items()}
        problems = {name: reading.problem for name, reading in readings.items() if reading.problem}
        handed = HandedIn({}) if len(problems) == len(readings) else handed_in.read(folder, ignored)
        digest = handed.digest if handed.files else self.course.digest(folder)
        assigned = Assigned(assignment, student, handed, self.given, notebooks, problems, self.settings)
        self.tries[student] += 1
        # A submission that its worker was lost with runs again on another one; a result is used once.
        future = self.client.submit(grade_submission, assigned, pure=False)
        self.running[future] = _Sent(student, digest, readings)

    def _finished(self) -> list[Future]:
        try:
            return list(wait(list(self.running), timeout=0.5, return_when="FIRST_COMPLETED").done)
        except TimeoutError:
            return []

    def _receive(self, sent: _Sent, future: Future) -> None:
        student = sent.student
        if future.status != "finished":
            self._failed(student, f"the worker was lost ({future.exception()!s:.200})")
            return
        outcome: Outcome = future.result()
        self._write_log(student, outcome)
        if outcome.busy and self.tries[student] < BUSY_TRIES:
            self.console.print(
                Text(printable(f"  {student}: the machine was busy; it runs again when the others are done"))
            )
            self.waiting_for_quiet.append(student)
        elif outcome.busy:
            self._failed(student, f"not graded: the machine was busy. {outcome.busy}")
        elif outcome.failed:
            self._failed(student, outcome.failed)
        else:
            self._write(sent, outcome)

    def _write(self, sent: _Sent, outcome: Outcome) -> None:
        student = sent.student
        try:
            self.converter.write(student, sent.digest, outcome.runs, sent.readings)
        except SubmissionChangedError:
            self.queue.append(student)
        except (OSError, OperationalError) as error:
            if _is_full(error):
                raise GradingError(
                    f"There is no room left to write ({_first_line(error)}). {self._so_far()} Free some and run the "
                    "same command: it goes on from there."
                ) from None
            self._failed(student, f"{type(error).__name__}: {_first_line(error)}")
        except Exception as error:
            self.course.app.log.exception("Writing %r", student)
            self._failed(student, f"{type(error).__name__}: {_first_line(error)}")
        else:
            self.graded.done.append(student)
            seconds = sum(given.run.seconds for given in outcome.runs.values())
            self.progress.graded(student, seconds)

    def _failed(self, student: str, why: str) -> None:
        self.graded.failed[student] = why
        self.progress.failed(student, why)

    def _write_log(self, student: str, outcome: Outcome) -> None:
        path = self.course.log_of(self.graded.assignment, student)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"{time.strftime('%Y-%m-%d %H:%M:%S')} CPU seconds: the verdicts {outcome.judging:.2f}, "
            f"the worker itself {outcome.own:.2f}\n{outcome.log}",
            errors="backslashreplace",
        )

    def _interrupted(self) -> InterruptedGradingError:
        for future in self.running:
            future.cancel()
        return InterruptedGradingError(f"Stopped. {self._so_far()} The same command goes on from there.")

    def _so_far(self) -> str:
        total = len(self.graded.skipped) + len(self.folders)
        done = len(self.graded.skipped) + len(self.graded.done)
        return f"{done} of {total} submissions of {self.graded.assignment} are graded and saved."


class _Stop:
    """Whether someone asked to stop: looked at between two submissions, so that none is written by half."""

    asked = False


@contextmanager
def _stop_signal() -> Iterator[_Stop]:
    stop = _Stop()

    def ask(number: int, frame: object) -> None:
        stop.asked = True

    try:
        before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    except ValueError:  # not the main thread: nobody sends signals there
        before = {}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_full(error: Exception) -> bool:
    return getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "disk is full" in str(error)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
