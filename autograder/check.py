"""A student's own check of a whole notebook: `python -m autograder.check ps1-attribution.ipynb`.

The notebook is run from its top in a kernel of its own, without what is withheld while it is graded, and judged as the
grader judges it. It is no sandbox, and nobody's gradebook hears of it: it is for those who wrote the notebook.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import signal
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell
from tqdm import tqdm

from autograder.judge.likeness import ATTRIBUTION_LIBRARIES
from autograder.judge.probes import write_questions
from autograder.judge.slides import PAGE
from autograder.judge.verdict import Verdict
from autograder.problem_sets import PROBLEM_SETS
from autograder.problem_sets.checking import Run, judge, why_nothing
from autograder.sandbox.limits import Limits
from autograder.student import evidence
from autograder.student.evidence import EvidenceError
from autograder.student.handed_out import as_ordinary, is_changed, kept_code, locked_cells
from autograder.student.plain_text import printable
from autograder.student.questions import QUESTIONS_FOLDER
from autograder.student.submit import EVIDENCE_FOLDER
from autograder.task import ProblemSet

PUT_BACK = "The cell {} is locked and was changed: the grader runs it as it was handed out, and so did this check."
RAN_BEFORE = "What you wrote in it ran before it, as it defines a function or a class."
MISSING = "The notebook has no cell {}, which the grader adds and this check does not: take it from a new copy of the notebook."

NUMBER = "number"
"""Under this name a cell's metadata have its place in the student's own notebook, counted from 1."""


class NotebookError(Exception):
    """There is nothing that could be checked; the message says what was expected, and what to do."""


@dataclass(frozen=True)
class Checked:
    """What the grader would say of a notebook: a verdict on each task that is graded automatically.

    `advice` is what to know beside the points: the name to hand it in under, cells that take too long.
    """

    problem_set: ProblemSet
    verdicts: dict[str, Verdict]
    advice: tuple[str, ...] = ()

    def __str__(self) -> str:
        texts = [*self._points(), *self._first(), *self.advice]
        return "\n".join(printable(line) for text in texts for line in text.splitlines() or [""])

    def _points(self) -> list[str]:
        lines = [f"{self.problem_set.id}: {self.problem_set.title}"]
        for task in self.problem_set.tasks:
            if verdict := self.verdicts.get(task.id):
                lines.append(f"{verdict.points:6g} of {verdict.max_points:g}  {task.title}")
                lines += [f"{'':12}✗ {fault}" for fault in verdict.faults()]
                if verdict.points == verdict.max_points:
                    lines += [f"{'':12}{note}" for note in verdict.notes]
            else:
                lines.append(f"{'':6} of {task.points:g}  {task.title}: graded by hand")
        points, most = (sum(getattr(one, name) for one in self.verdicts.values()) for name in ("points", "max_points"))
        return [*lines, f"{points:g} of {most:g} automatic points."]

    def _first(self) -> list[str]:
        lost = [verdict for verdict in self.verdicts.values() if verdict.points < verdict.max_points]
        if not lost:
            return []
        return ["", f"Fix first: {lost[0].title}.", *lost[0].advice()]


class Terminated(KeyboardInterrupt):  # as for an interrupt, nothing in between may take it for an error
    """The process was asked to end by SIGTERM."""


class _Client(NotebookClient):
    """Runs a notebook until a signal. nbclient's own handler of signals ends the kernel, and the run goes on without it."""

    stopped: KeyboardInterrupt | None = None

    async def async_start_new_kernel(self, **kwargs: Any) -> None:
        run = asyncio.current_task()

        def stop(reason: type[KeyboardInterrupt]) -> None:
            self.stopped, self.shutdown_kernel = reason(), "immediate"
            if run is not None:
                run.cancel()

        with suppress(
            RuntimeError, NotImplementedError
        ):  # where the loop takes no handlers, they are raised as everywhere
            asyncio.get_running_loop().add_signal_handler(signal.SIGINT, stop, KeyboardInterrupt)
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop, Terminated)
        await super().async_start_new_kernel(**kwargs)


def check(path: Path, *, quiet: bool = False) -> Checked:
    """Run a notebook from its top and judge it, as the grader would but for the sandbox.

    Raises:
        NotebookError: it is not there, is no notebook, or belongs to no problem set.
        KeyboardInterrupt: it was interrupted, or terminated; the kernel has ended.
    """
    notebook = _read(path)
    problem_set = _set_of(path, notebook)
    tasks = [task for task in problem_set.tasks if task.automatic]
    put_back = _put_back(notebook, problem_set)
    run = Run(secrets.randbits(48))
    with (
        tempfile.TemporaryDirectory() as asked,
        tempfile.TemporaryDirectory() as left,
        tqdm(total=len(notebook.cells) + len(tasks), leave=False, disable=quiet) as progress,
    ):
        for task in tasks:
            write_questions(Path(asked), task, run.seed)
        environment = {EVIDENCE_FOLDER: left, QUESTIONS_FOLDER: asked}
        slow = _execute(notebook, path, problem_set, environment, run, progress)
        verdicts = {}
        for task in tasks:
            progress.set_description_str(f"judging {task.id}")
            verdicts[task.id] = replace(_verdict(task.id, run, Path(left)), slides_at=_slides_at(path))
            progress.update()
    expected = dict.fromkeys([*locked_cells().get(problem_set.id, ()), *(task.id for task in tasks)])
    advice = [*put_back, *(MISSING.format(cell) for cell in expected if cell not in _cell_ids(notebook))]
    if path.name != f"{problem_set.id}.ipynb":
        advice.append(
            f"Hand it in as {problem_set.id}.ipynb: next to another notebook, {path.name} may not be recognised."
        )
    return Checked(problem_set, verdicts, (*advice, *slow))


def _read(path: Path) -> NotebookNode:
    if not path.exists():
        near = sorted(one.name for one in path.parent.glob("*.ipynb")) if path.parent.is_dir() else []
        there = f"in {path.parent} there is {', '.join(near)}" if near else f"no notebook is in {path.parent}"
        raise NotebookError(f"There is no {path}; {there}.")
    if not path.is_file():
        inside = sorted(str(one) for one in path.glob("*.ipynb"))
        raise NotebookError(f"{path} is a folder; expected a notebook" + (f": {inside[0]}" if inside else "."))
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise NotebookError(
            f"{path} is no notebook, which is a file of JSON: {error}. Save it in Jupyter once more, or take a new copy."
        ) from None
    if not isinstance(content, dict) or not isinstance(content.get("cells"), list):
        raise NotebookError(f"{path} is no notebook: it has no list of cells. Expected an .ipynb file of version 4.")
    try:
        return nbformat.reads(json.dumps(content), as_version=4)
    except Exception as error:  # of a version that nobody knows
        raise NotebookError(f"{path} cannot be read as a notebook: {error}.") from None


def _set_of(path: Path, notebook: NotebookNode) -> ProblemSet:
    """The set that a notebook belongs to, by its graded cells: a file may have been renamed."""
    ids = _cell_ids(notebook)
    shared = {one.id: sum(task.id in ids for task in one.tasks) for one in PROBLEM_SETS.values()}
    best = max(shared, key=lambda name: (shared[name], name == path.stem))
    if not shared[best]:
        raise NotebookError(
            f"{path} has no graded cell of a problem set; expected the notebook of one of {', '.join(PROBLEM_SETS)}, "
            "as it was handed out, with your answers in its cells."
        )
    return PROBLEM_SETS[best]


def _cell_ids(notebook: NotebookNode) -> set[str]:
    return {_cell_id(cell) for cell in notebook.cells} - {""}


def _cell_id(cell: NotebookNode) -> str:
    return cell.get("metadata", {}).get("nbgrader", {}).get("grade_id", "")


def _put_back(notebook: NotebookNode, problem_set: ProblemSet) -> list[str]:
    """Give locked cells the code that was handed out, as the grader does; what to say of those that were changed.

    Of several cells with one id the last one counts. Code that stood in a locked cell runs before it where it defines something.
    Each cell has the type that it was handed out with.
    """
    handed_out = locked_cells().get(problem_set.id, {})
    told: list[str] = []
    cells: list[NotebookNode] = []
    present: set[str] = set()
    for number, cell in reversed([*enumerate(notebook.cells, 1)]):
        cell.metadata[NUMBER] = number
        cells.append(cell)
        original = handed_out.get(name := _cell_id(cell))
        if name in present:
            del cell.metadata["nbgrader"]
            cell.source = cell.source if original is None else as_ordinary(name, cell.source)
            continue
        present |= {name} - {""}
        if original is not None:
            code = cell.source if cell.cell_type == "code" else ""
            if kept := kept_code(name, code, original):
                cells.append(new_code_cell(kept, metadata={NUMBER: number}))
            if is_changed(code, original):
                told.append(" ".join(filter(None, [PUT_BACK.format(name), kept and RAN_BEFORE])))
            cell.update(cell_type="code", source=original, outputs=[], execution_count=None)
        elif name and (kind := cell.metadata["nbgrader"].get("cell_type")) in ("code", "markdown"):
            cell.update(cell_type=kind, outputs=[], execution_count=None)
    notebook.cells = cells[::-1]
    return told[::-1]


def _slides_at(notebook: Path) -> str:
    """The address of the page of slides that the student kit has beside the notebooks' folders; empty where there is none."""
    places = (folder / PAGE for folder in notebook.resolve().parents[:2])
    return next((place.as_uri() for place in places if place.is_file()), "")


def _execute(
    notebook: NotebookNode, path: Path, problem_set: ProblemSet, environment: dict[str, str], run: Run, progress: tqdm
) -> list[str]:
    """Run all cells, note errors and the reason of an early end in `run`; what to say of cells that take too long."""
    started: dict[int, float] = {}
    slow: list[str] = []

    def begins(cell: NotebookNode, cell_index: int, **_: Any) -> None:
        started[cell_index] = time.monotonic()
        progress.set_description_str(f"running cell {cell.metadata[NUMBER]}")

    def ends(cell: NotebookNode, cell_index: int, **_: Any) -> None:
        progress.update(cell_index + 1 - progress.n)
        seconds = time.monotonic() - started[cell_index]
        if seconds > Limits().cell_seconds:
            slow.append(
                f"Cell {cell.metadata[NUMBER]} took {seconds:.0f} s; the grader stops it after {Limits().cell_seconds}."
            )

    def last() -> int:
        return notebook.cells[max(started)].metadata[NUMBER]

    client = _Client(
        notebook,
        timeout=Limits().cell_seconds * Limits().wall_factor,
        allow_errors=True,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR", f"--IPKernelApp.exec_lines={_withholding(problem_set)}"],
        resources={"metadata": {"path": str(path.resolve().parent)}},
        on_cell_execute=begins,
        on_cell_complete=ends,
    )
    before = signal.getsignal(signal.SIGTERM)
    try:
        client.execute(env=os.environ | environment)
    except CellTimeoutError:
        run.ended, run.detail = "out_of_time", f"Cell {last()} had not ended after {client.timeout} seconds."
    except DeadKernelError:
        if client.stopped:
            raise client.stopped from None
        run.ended, run.detail = "kernel_died", f"The kernel's process ended in cell {last()}."
    except asyncio.CancelledError:
        raise (client.stopped or KeyboardInterrupt()) from None
    finally:
        _handle_terminations(before)  # a loop that ends leaves the operating system's own
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error" and _cell_id(cell):
                run.errors[_cell_id(cell)] = (output.ename, output.evalue)
    return slow


def _withholding(problem_set: ProblemSet) -> str:
    """A line that makes imports fail which fail while work is graded."""
    names = [f"igref.{problem_set.withholds}", *ATTRIBUTION_LIBRARIES]
    return f"import sys; sys.modules.update(dict.fromkeys({names!r}))"


def _verdict(task: str, run: Run, left: Path) -> Verdict:
    try:
        run.evidence[task] = evidence.read(left, task)
    except EvidenceError as error:
        run.damaged[task] = str(error)
        return why_nothing(task, run)
    return judge(task, run.evidence[task], run.seed)


def main(arguments: list[str] | None = None) -> int:
    """The command line; the exit status is 1 where there was nothing to check."""
    parser = argparse.ArgumentParser(
        prog="python -m autograder.check",
        description="Run a notebook as the grader would, and say what it would get and what to fix first.",
    )
    parser.add_argument("notebook", type=Path)
    notebook = parser.parse_args(arguments).notebook
    before = signal.getsignal(signal.SIGTERM)
    try:
        _handle_terminations(_raise_terminated)
        print(check(notebook))
    except NotebookError as error:
        print(error, file=sys.stderr)
        return 1
    except Terminated:
        print("Ended from outside, before the notebook was checked.", file=sys.stderr)
        return 128 + signal.SIGTERM
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        return 130
    finally:
        _handle_terminations(before)
    return 0


def _raise_terminated(*_: Any) -> None:
    raise Terminated


def _handle_terminations(handler: Any) -> None:
    with suppress(
        ValueError, TypeError
    ):  # another thread than the main one may not, and None is a handler that is not Python's
        signal.signal(signal.SIGTERM, handler)


if __name__ == "__main__":
    sys.exit(main())
