"""The step that runs a submitted notebook in the sandbox and collects its evidence."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import subprocess
import tempfile
import time
from collections import ChainMap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.manager import AsyncKernelManager
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat.notebooknode import NotebookNode, from_dict
from nbformat.v4 import new_output
from nbgrader.converters.base import NbGraderException
from nbgrader.preprocessors import Execute
from traitlets import Bool, Integer, Unicode

from autograder.judge.probes import write_questions
from autograder.judge.probes.functions import keyed_seed
from autograder.nbgrader_plugin.graded_run import GIVEN, PLACE, PROBLEM, RUN, GivenRun, Place
from autograder.nbgrader_plugin.submitted_notebook import SHOWN_IMAGES
from autograder.problem_sets import PROBLEM_SETS, TASKS
from autograder.problem_sets.checking import Run
from autograder.sandbox.bounded import OverLimitError, in_bounds
from autograder.sandbox.bubblewrap import Sandbox
from autograder.sandbox.kernel import WATCH_SECONDS, SandboxedKernelManager, Watch
from autograder.sandbox.limits import MIB, ONE_NOTEBOOK, Limits
from autograder.student.evidence import Evidence, read_all
from autograder.student.plain_text import writable
from autograder.student.questions import QUESTIONS_FOLDER
from autograder.student.submit import EVIDENCE_FOLDER

SHOWN = ("text/plain", *SHOWN_IMAGES)
AT_ONCE = 0.001
"""The seconds that nbclient is told to wait for a cell that has no more time: it then does what it does after its timeout."""
BUSY = "The machine was too busy to run it: in {:.0f} seconds its processes could compute for {:.0f}. Grade it again."


class MachineBusyError(NbGraderException):
    """The submission ran into a bound in wall time because the machine kept it waiting: that is nobody's zero."""


class SandboxedExecute(Execute):
    """Runs a notebook in the sandbox and collects its evidence. Whatever the student's code does, it returns.

    Raises only what is the machine's fault or the course's: MachineBusyError, NbGraderException, SandboxUnavailableError.
    """

    run_student_code_unprotected = Bool(
        False, help="Run students' code without a sandbox, with everything the instructor may do."
    ).tag(config=True)
    notebook_seconds = Integer(
        Limits().notebook_seconds, help="Seconds that a whole notebook may compute, as Execute.timeout are for a cell."
    ).tag(config=True)
    wall_factor = Integer(
        Limits().wall_factor, help="By the wall clock, a cell and a notebook may take this many times as long."
    ).tag(config=True)
    memory = Integer(Limits().memory, help="MiB of memory for all processes of a submission.").tag(config=True)
    processes = Integer(Limits().processes, help="Processes that a submission may have at once.").tag(config=True)
    warm_start = Bool(
        True,
        help="Fork kernels from a process that has imported torch, each into a sandbox of its own; else each starts cold.",
    ).tag(config=True)
    key = Unicode(help="The key that probes are drawn with; by default a new one for each run.").tag(config=True)

    store_widget_state = False
    _manager: SandboxedKernelManager | None = None

    def preprocess(
        self, nb: NotebookNode, resources: dict[str, Any], retries: int | None = None
    ) -> tuple[NotebookNode, dict[str, Any]]:
        if given := resources.get(GIVEN):
            resources[RUN] = _take(given, nb)
            return nb, resources
        names = resources["nbgrader"]
        seed = keyed_seed(_run_key(self.key), names["assignment"], names["notebook"], names["student"])
        run = resources[RUN] = Run(seed)
        if problem := resources.get(PROBLEM):
            run.ended, run.detail = "unreadable", problem
            return nb, resources
        run.unprotected = self.run_student_code_unprotected
        started = time.perf_counter()
        with _scratch_folder() as scratch:
            self._prepare(scratch, names, resources[PLACE], seed)
            try:
                super().preprocess(nb, resources)
            except Exception as error:
                if self._current is None:
                    raise self._start_failed(error) from error
                run.ended, run.detail = self._why_it_ended(error)
            finally:
                self._end_kernel()
            run.seconds = time.perf_counter() - started
            run.cpu_seconds = self._watch.clock.computed if self._watch else run.seconds
            if self._ran_into_the_wall and self._watch and self._watch.clock.kept_waiting:
                raise MachineBusyError(BUSY.format(run.seconds, run.cpu_seconds))
            self._collect(run, nb)
        return nb, resources

    def preprocess_cell(self, cell: NotebookNode, resources: dict[str, Any], index: int):
        self._current = index
        return super().preprocess_cell(cell, resources, index)

    def create_kernel_manager(self) -> AsyncKernelManager:
        if self._sandbox is None:
            return super().create_kernel_manager()
        self.km = SandboxedKernelManager(self._sandbox, self.warm_start, config=self.config, log=self.log)
        self._manager = self.km
        return self.km

    async def async_start_new_kernel(self, **kwargs: Any) -> None:
        if self._sandbox is None:
            kwargs["env"] = os.environ | self._environment
        await super().async_start_new_kernel(**kwargs)

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> Any:
        """Drops output past the limit: a notebook that prints without end would fill the grader's memory."""
        if msg["msg_type"] in ("stream", "display_data", "execute_result", "error", "update_display_data"):
            msg["content"] = _shown(msg["msg_type"], msg["content"])
            self._output_bytes += len(json.dumps(msg["content"]))
        elif msg["msg_type"].startswith("comm"):
            return None
        if self._output_bytes > Limits().output * MIB and msg["msg_type"] != "status":
            return None
        return super().process_message(msg, cell, cell_index)

    def _get_timeout(self, cell: NotebookNode | None) -> int | None:
        """What nbclient waits for a cell: the bound in wall time."""
        timeout = super()._get_timeout(cell)
        return timeout and timeout * self.wall_factor

    async def _async_poll_for_reply(self, msg_id: str, cell: NotebookNode, timeout: int | None, *tasks: Any) -> Any:
        """Wait for the end of a cell until it has computed for as long as it may, or until `timeout` by the wall clock."""
        waiting = super()._async_poll_for_reply
        self._being_interrupted = False
        reply = asyncio.ensure_future(waiting(msg_id, cell, timeout, *tasks))
        spent = asyncio.ensure_future(self._until_spent(self.timeout))
        try:
            await asyncio.wait({reply, spent}, return_when=asyncio.FIRST_COMPLETED)
            if reply.done() or self._being_interrupted:  # at the bound by the wall clock: once is enough
                return await reply
            reply.cancel()
            return await waiting(msg_id, cell, AT_ONCE, *tasks)
        finally:
            reply.cancel()
            spent.cancel()

    async def _until_spent(self, seconds: int | None) -> None:
        before = self._watch.clock.computed if self._watch else 0.0
        while not (seconds and self._watch and self._watch.clock.computed - before > seconds):
            await asyncio.sleep(WATCH_SECONDS)

    async def _async_handle_timeout(self, timeout: float, cell: NotebookNode | None = None) -> Any:
        self._ran_into_the_wall = self._ran_into_the_wall or timeout != AT_ONCE
        self._being_interrupted = True
        return await super()._async_handle_timeout(timeout, cell)

    @property
    def _watch(self) -> Watch | None:
        return getattr(self._manager, "watch", None)

    def _prepare(self, scratch: Path, names: dict[str, str], place: Place, seed: int) -> None:
        folders = {name: scratch / name for name in ("evidence", "runtime", "questions")}
        for folder in folders.values():
            folder.mkdir()
        self._evidence = folders["evidence"]
        problem_set = PROBLEM_SETS.get(names["assignment"])
        for task in problem_set.tasks if problem_set else ():
            write_questions(folders["questions"], task, seed)
        self._environment = {EVIDENCE_FOLDER: str(self._evidence), QUESTIONS_FOLDER: str(folders["questions"])}
        self._output_bytes, self._current, self._manager, self._sandbox = 0, None, None, None
        self._ran_into_the_wall = False
        if self.run_student_code_unprotected:
            self.log.warning("Running the code of %r without a sandbox", names["student"])
            return
        self._sandbox = Sandbox(
            submission=place.folder,
            evidence=folders["evidence"],
            runtime=folders["runtime"],
            questions=folders["questions"],
            withheld=problem_set.withholds if problem_set else "",
            environment=self._environment,
            hidden=place.hidden,
            limits=Limits(
                notebook_seconds=self.notebook_seconds,
                wall_factor=self.wall_factor,
                memory=self.memory,
                processes=self.processes,
            ),
        )

    def _why_it_ended(self, error: Exception) -> tuple[str, str]:
        if self._watch and self._watch.violation:
            in_time = "seconds" in self._watch.violation
            self._ran_into_the_wall = self._ran_into_the_wall or "did not end" in self._watch.violation
            return "out_of_time" if in_time else "kernel_died", f"The notebook was stopped: {self._watch.violation}."
        if isinstance(error, CellTimeoutError):
            return (
                "out_of_time",
                f"A cell had not ended after {self.timeout} seconds of computing, and could not be interrupted.",
            )
        if isinstance(error, DeadKernelError):
            return "kernel_died", "The kernel's process ended in the middle of a cell."
        return "kernel_died", f"The kernel stopped answering as a kernel does ({type(error).__name__})."

    def _start_failed(self, error: Exception) -> NbGraderException:
        log = getattr(self._manager, "log_file", None)
        said = log.read_text(errors="replace")[-2000:] if log and log.is_file() else ""
        return NbGraderException(f"the kernel did not start, so nothing was graded: {error}\n{said}")

    def _end_kernel(self) -> None:
        """No process of the submission is left when its evidence is read."""
        if self._watch:
            self._watch.stop()
            self._watch.end_sandbox()
        if self.km is not None:
            self._cleanup_kernel()

    def _collect(self, run: Run, nb: NotebookNode) -> None:
        tasks: list[str] = []
        for index, cell in enumerate(nb.cells):
            cell_id = cell.metadata.get("nbgrader", {}).get("grade_id")
            if cell.cell_type != "code":
                continue
            for output in cell.outputs:
                if output.output_type == "error" and cell_id:
                    run.errors[cell_id] = (str(output.ename)[:100], str(output.evalue)[:500])
            if run.ended and index == self._current:
                cell.outputs.append(new_output("error", ename="Ended", evalue=run.detail, traceback=[run.detail]))
            if cell_id in TASKS and TASKS[cell_id].automatic:
                tasks.append(cell_id)
        run.evidence, run.damaged = _read_in_bounds(self._evidence, tasks)


def _shown(kind: str, content: Any) -> dict[str, Any]:
    """Of an output's message what a page can show, text and pictures; what else it holds may be nested deeper than Python recurses.

    >>> _shown("display_data", {"data": {"text/plain": "a map", "application/json": [[[]]]}, "metadata": {"a": [[[]]]}})
    {'data': {'text/plain': 'a map'}, 'metadata': {}, 'transient': {}, 'execution_count': None}
    """

    def of(value: Any, expected: type, otherwise: Any) -> Any:
        return value if isinstance(value, expected) else otherwise

    content = of(content, dict, {})
    if kind == "stream":
        given = {
            "name": "stderr" if content.get("name") == "stderr" else "stdout",
            "text": of(content.get("text"), str, ""),
        }
    elif kind == "error":
        lines = of(content.get("traceback"), list, [])
        given = {name: of(content.get(name), str, "") for name in ("ename", "evalue")}
        given["traceback"] = [line for line in lines if isinstance(line, str)]
    else:
        data, transient = (of(content.get(name), dict, {}) for name in ("data", "transient"))
        display = of(transient.get("display_id"), str, "")
        given = {
            "data": {name: data[name] for name in SHOWN if isinstance(data.get(name), str)},
            "metadata": {},
            "transient": {"display_id": display} if display else {},
            "execution_count": of(content.get("execution_count"), int, None),
        }
    return writable(given)


def _read_in_bounds(folder: Path, tasks: list[str]) -> tuple[dict[str, Evidence], dict[str, str]]:
    """The evidence of some tasks, and why others have none; read in a process with limits, one by one where that is too much."""
    try:
        return in_bounds(ONE_NOTEBOOK, read_all, folder, tasks)
    except OverLimitError as error:
        if len(tasks) == 1:
            return {}, {tasks[0]: f"reading it was ended: {error}"}
    found = [_read_in_bounds(folder, [task]) for task in tasks]
    return dict(ChainMap(*(one for one, _ in found))), dict(ChainMap(*(damaged for _, damaged in found)))


def _take(given: GivenRun, nb: NotebookNode) -> Run:
    """Put the outputs of a run that took place elsewhere into the same notebook.

    Raises:
        NbGraderException: the notebook is not the one that was run.
    """
    if [cell.source for cell in nb.cells] != given.sources:
        raise NbGraderException(
            "the notebook is not the one that was run: it changed in the meantime, or the release did"
        )
    for cell, outputs in zip(nb.cells, given.outputs, strict=True):
        if cell.cell_type == "code":
            cell.outputs = [from_dict(output) for output in outputs]
    return given.run


@contextmanager
def _scratch_folder() -> Iterator[Path]:
    """A folder with a short name, since the paths of sockets may have 107 characters. It goes, however deep it is."""
    path = Path(tempfile.mkdtemp(prefix="ig-", dir="/tmp"))
    try:
        yield path
    finally:
        # shutil.rmtree recurses, and a student's folders may be deeper than Python can.
        subprocess.run(["rm", "-rf", "--", str(path)], check=False)


_key_of_this_run = secrets.token_hex(32)


def _run_key(key: str) -> bytes:
    return (key or _key_of_this_run).encode()
