"""What a worker does: run one submission in the sandbox, and judge it. Bytes come in, record and evidence go out.

A worker needs the kit and nothing of the course: no gradebook, no common folder, no solution.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import nbformat
from distributed import get_worker
from nbformat.notebooknode import NotebookNode
from nbgrader.converters.base import NbGraderException
from traitlets.config import Config

from autograder.nbgrader_plugin.execution import MachineBusyError, SandboxedExecute
from autograder.nbgrader_plugin.graded_run import PLACE, PROBLEM, RUN, GivenRun, Place
from autograder.nbgrader_plugin.handed_in import HandedIn
from autograder.nbgrader_plugin.judging import judge_run
from autograder.nbgrader_plugin.reading import failure
from autograder.problem_sets.checking import Run
from autograder.sandbox.bubblewrap import SandboxUnavailableError

SETTINGS = ("Execute", "ExecutePreprocessor", "NotebookClient", "SandboxedExecute")
"""The sections of nbgrader's configuration that say how a notebook is run."""
SHARED_GRADIENTS = "AUTOGRADER_SHARED_GRADIENTS"
"""The variable that names the folder in which all workers of this machine keep gradients, where they have one together."""


DAEMON = (
    "the Dask worker is a daemon, which may not start the processes that judge: start it with --no-nanny, or with "
    "DASK_DISTRIBUTED__WORKER__DAEMON=False in its environment"
)


@dataclass(frozen=True)
class Assigned:
    """What travels to a worker.

    Attributes:
        files: what was handed in.
        given: what the release puts beside it, in place of files of the same name.
        notebooks: each notebook by its name, in the shape of the release.
        problems: why a notebook cannot be run, where it cannot.
        settings: the sections of the configuration named in SETTINGS; the key of the probes is always among them.
    """

    assignment: str
    student: str
    files: HandedIn
    given: HandedIn
    notebooks: dict[str, NotebookNode]
    problems: dict[str, str]
    settings: dict[str, dict[str, Any]]


@dataclass
class Outcome:
    """What comes back: the run of each notebook, or why there is none.

    `busy` says that the machine kept the submission waiting; `failed` says what else kept it from being graded.
    `log` is what the steps had to say. `judging` counts the CPU seconds of the verdicts, `own` those of the worker itself.
    """

    student: str
    runs: dict[str, GivenRun] = field(default_factory=dict)
    busy: str = ""
    failed: str = ""
    log: str = ""
    judging: float = 0.0
    own: float = 0.0


def grade_submission(assigned: Assigned) -> Outcome:
    """Run and judge one submission. Whatever happens is in the outcome."""
    outcome = Outcome(assigned.student)
    if multiprocessing.current_process().daemon:
        outcome.failed = DAEMON
        return outcome
    started = time.process_time()
    with _log(outcome) as log:
        for notebook in sorted(assigned.notebooks):
            try:
                outcome.runs[notebook] = _run_or_record_why_not(assigned, notebook, outcome, log)
            except MachineBusyError as error:
                outcome.busy = str(error)
            except Exception as error:  # the machine's fault: nobody gets a grade for it
                log.exception("Grading %s", notebook)
                outcome.failed = f"{type(error).__name__}: {error}"
    outcome.own = time.process_time() - started
    return outcome


def _run_or_record_why_not(assigned: Assigned, notebook: str, outcome: Outcome, log: logging.Logger) -> GivenRun:
    """Run a notebook; where that fails on what was handed in, the run says so, and there is a record all the same."""
    problem = assigned.problems.get(notebook, "")
    try:
        return _run(assigned, notebook, problem, outcome, log)
    except (NbGraderException, SandboxUnavailableError):
        raise
    except Exception as error:
        log.exception("Grading %s", notebook)
        return _run(assigned, notebook, failure(error), outcome, log)


def _run(assigned: Assigned, notebook: str, problem: str, outcome: Outcome, log: logging.Logger) -> GivenRun:
    resources: dict[str, Any] = {
        "nbgrader": {"student": assigned.student, "assignment": assigned.assignment, "notebook": notebook},
        PROBLEM: problem,
    }
    with _folder() as folder:
        submission = folder / "submission"
        submission.mkdir()
        assigned.files.write(submission, [*assigned.given.files, f"{notebook}.ipynb"])
        nb = deepcopy(assigned.notebooks[notebook])
        assigned.given.write(submission)
        nbformat.write(nb, submission / f"{notebook}.ipynb")
        resources[PLACE] = Place(submission, (folder,))
        nb, resources = SandboxedExecute(config=_config(assigned.settings), log=log).preprocess(nb, resources)
    run: Run = resources[RUN]
    outcome.judging += judge_run(nb, run, assigned.assignment, log, assigned.files.files, kept_gradients())
    return GivenRun([cell.source for cell in nb.cells], [_outputs(cell) for cell in nb.cells], run)


def kept_gradients() -> Path | None:
    """The folder for gradients that several verdicts need: of all workers of this run, or this one's own. None outside of one."""
    if shared := os.environ.get(SHARED_GRADIENTS):
        return Path(shared)
    try:
        folder = Path(get_worker().local_directory) / "gradients"
    except ValueError:  # called by hand
        return None
    folder.mkdir(exist_ok=True)
    return folder


def _outputs(cell: NotebookNode) -> list[dict[str, Any]]:
    return [dict(output) for output in cell.get("outputs", [])]


def _config(settings: dict[str, dict[str, Any]]) -> Config:
    return Config({name: Config(section) for name, section in settings.items()})


@contextmanager
def _folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="ig-work-"))
    try:
        yield path
    finally:
        subprocess.run(["rm", "-rf", "--", str(path)], check=False)


@contextmanager
def _log(outcome: Outcome) -> Iterator[logging.Logger]:
    """A log of its own for each submission, which travels back with the outcome."""
    said = StringIO()
    log = logging.Logger(f"grading {outcome.student}", logging.INFO)
    handler = logging.StreamHandler(said)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    try:
        yield log
    finally:
        outcome.log = said.getvalue()
