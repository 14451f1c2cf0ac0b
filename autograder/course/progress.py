"""How far the grading of a class is: a bar in a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from autograder.student.plain_text import printable

SHOWN_RUNNING = 4


class ClassProgress:
    """Says what is done, running and failed, the seconds of each, and the time that is left."""

    def __init__(self, console: Console, assignment: str, total: int) -> None:
        self.console, self.total = console, total
        self.done = self.failures = 0
        self.started = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(
            *columns, TextColumn("{task.fields[left]}"), console=console, disable=not console.is_terminal
        )
        self._task = self._bar.add_task(f"Grading {assignment}", total=total, left="")

    def __enter__(self) -> ClassProgress:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._bar.stop()

    def running(self, students: list[str]) -> None:
        shown = ", ".join(students[:SHOWN_RUNNING]) + (" ..." if len(students) > SHOWN_RUNNING else "")
        self._bar.update(
            self._task, left=Text(printable(f"{self._left()} running: {shown}" if shown else self._left()))
        )

    def graded(self, student: str, seconds: float) -> None:
        self.done += 1
        self._say(f"graded {self._count()}: {student}, {seconds:.0f} s")

    def failed(self, student: str, why: str) -> None:
        self.failures += 1
        self._say(f"NOT graded {self._count()}: {student}: {why}")

    def _count(self) -> str:
        return f"{self.done + self.failures} of {self.total}"

    def _say(self, line: str) -> None:
        self._bar.update(self._task, completed=self.done + self.failures)
        left = "" if self.console.is_terminal else self._left()
        self.console.print(Text(printable(f"  {line}; {left}" if left else f"  {line}")))

    def _left(self) -> str:
        finished = self.done + self.failures
        if not finished or finished == self.total:
            return ""
        seconds = (time.monotonic() - self.started) / finished * (self.total - finished)
        minutes, seconds = divmod(round(seconds), 60)
        return f"about {minutes} min {seconds:02d} s left" if minutes else f"about {seconds} s left"
