"""How long a submission computed, and whether the machine kept it waiting, which is nobody's zero."""

import json
from contextlib import nullcontext
from types import SimpleNamespace

import psutil
import pytest
from nbclient.exceptions import CellTimeoutError
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.preprocessors import Execute

from autograder.nbgrader_plugin.execution import MachineBusyError, SandboxedExecute
from autograder.nbgrader_plugin.graded_run import PLACE, RUN, Place
from autograder.sandbox import clock as clock_module
from autograder.sandbox.clock import Clock
from autograder.sandbox.limits import Limits


class Process:
    """A process that computes `rate` seconds a second, and is ready to run or asleep."""

    def __init__(self, pid: int, rate: float, ready: bool, ended: bool = False) -> None:
        self.pid, self.rate, self.ready, self.ended, self.spent = pid, rate, ready, ended, 0.0

    def oneshot(self):
        return nullcontext()

    def cpu_times(self):
        if self.ended:
            raise psutil.NoSuchProcess(self.pid)
        return SimpleNamespace(user=self.spent, system=0.0)

    def status(self):
        return psutil.STATUS_RUNNING if self.ready else psutil.STATUS_SLEEPING


@pytest.fixture
def watched(monkeypatch):
    """A clock that has looked at some processes once a second for a hundred seconds."""

    def watched(*processes: Process) -> Clock:
        now = [0.0]
        monkeypatch.setattr(clock_module, "time", SimpleNamespace(monotonic=lambda: now[0]))
        clock = Clock()
        for _ in range(100):
            now[0] += 1
            for process in processes:
                process.spent += process.rate
            clock.tick(processes)
        return clock

    return watched


@pytest.mark.parametrize(
    ("processes", "computed", "wanted", "kept_waiting"),
    [
        ([], 0, 0, False),
        ([Process(1, 1.0, ready=True)], 100, 100, False),
        ([Process(1, 0.0, ready=False)], 0, 0, False),  # idle by itself
        ([Process(1, 0.06, ready=True)], 6, 100, True),  # 6 % of a processor, all the time
        ([Process(1, 0.45, ready=True)], 45, 100, True),
        ([Process(1, 0.55, ready=True)], 55, 100, False),
        ([Process(1, 1.0, ready=True), Process(2, 1.0, ready=True)], 100, 100, False),  # at once: counts once
        ([Process(1, 0.06, ready=True), Process(2, 0.0, ready=False)], 6, 100, True),
        ([Process(1, 1.0, ready=True, ended=True)], 0, 0, False),
        ([Process(1, 0.06, ready=False)], 6, 6, False),  # sleeps, and computes a little in between
    ],
)
def test_a_clock_counts_what_was_computed_and_what_was_wanted(watched, processes, computed, wanted, kept_waiting):
    clock = watched(*processes)
    assert clock.computed == pytest.approx(computed) and clock.wanted == pytest.approx(wanted)
    assert clock.kept_waiting == kept_waiting


def test_who_waited_while_starting_and_slept_from_then_on_was_not_kept_waiting(watched):
    process = Process(1, 0.1, ready=True)
    clock = watched(process)
    assert clock.kept_waiting
    clock._last, process.ready, process.rate = 0.0, False, 0.0
    for now in range(1, 401):
        clock_module.time.monotonic = lambda now=now: float(now)
        clock.tick([process])
    assert clock.watched == 500 and not clock.kept_waiting


@pytest.mark.parametrize(("share", "busy"), [(0.06, True), (1.0, False)])
@pytest.mark.parametrize("bound", ["of the notebook", "of a cell"])
def test_the_bound_by_the_wall_clock_is_a_zero_only_where_the_submission_is_to_blame(
    tmp_path, monkeypatch, watched, share, busy, bound
):
    violation = "it did not end within 3600 seconds" if bound == "of the notebook" else ""
    watch = SimpleNamespace(
        clock=watched(Process(1, share, ready=True)), violation=violation, stop=lambda: None, end_sandbox=lambda: None
    )

    def run_into_it(self, nb, resources):
        self._current = 0
        self._manager = SimpleNamespace(watch=watch)
        self._ran_into_the_wall = bound == "of a cell"
        raise CellTimeoutError("a cell did not end")

    monkeypatch.setattr(Execute, "preprocess", run_into_it)
    names = {"student": "ada", "assignment": "another", "notebook": "another"}
    resources = {"nbgrader": names, PLACE: Place(tmp_path)}
    execute = SandboxedExecute()
    if busy:
        with pytest.raises(MachineBusyError, match=r"too busy to run it: .* could compute for 6"):
            execute.preprocess(new_notebook(cells=[new_code_cell("1")]), resources)
    else:
        execute.preprocess(new_notebook(cells=[new_code_cell("1")]), resources)
        assert resources[RUN].ended == "out_of_time"


def test_output_beyond_its_limit_is_dropped(monkeypatch):
    seen = []
    monkeypatch.setattr(Execute, "process_message", lambda self, message, cell, index: seen.append(message))
    execute = SandboxedExecute()
    execute._output_bytes = 0
    message = {"msg_type": "stream", "content": {"name": "stdout", "text": "x" * (1 << 20)}}
    for _ in range(40):
        execute.process_message(dict(message), new_code_cell(), 0)
    assert len(seen) == Limits().output - 1  # each is a little more than its text
    execute.process_message({"msg_type": "status", "content": {"execution_state": "idle"}}, new_code_cell(), 0)
    assert seen[-1]["msg_type"] == "status"


@pytest.mark.parametrize("kind", ["stream", "display_data", "execute_result", "error", "update_display_data"])
def test_of_output_only_what_a_page_shows_is_kept(monkeypatch, kind):
    """Deeper than Python recurses, the rest ended the notebook; and it used up what output there may be."""
    kept = []
    monkeypatch.setattr(Execute, "process_message", lambda self, message, cell, index: kept.append(message["content"]))
    execute = SandboxedExecute()
    execute._output_bytes = 0
    deep: list = []
    for _ in range(2000):
        deep = [deep]
    content = {
        "name": deep, "text": "a", "ename": deep, "evalue": "a", "traceback": ["a", deep], "metadata": {"a": deep},
        "data": {"text/plain": "a", "image/png": deep, "application/json": deep}, "transient": {"display_id": deep},
    }  # fmt: skip
    execute.process_message({"msg_type": kind, "content": content}, new_code_cell(), 0)
    execute.process_message({"msg_type": kind, "content": deep}, new_code_cell(), 0)
    assert len(json.dumps(kept[0])) < 200 and '"a"' in json.dumps(kept[0]) and '"a"' not in json.dumps(kept[1])
