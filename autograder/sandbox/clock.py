"""How long the processes of a sandbox computed, and whether the machine kept them waiting.

A limit in wall time is a limit on the machine, too: on one with too much to do, correct work runs into it. So limits count the
time in which a submission computed, and the wall clock has a far wider bound, after which it matters who is to blame:
processes that slept were idle by themselves; processes that wanted to run and could not were kept waiting.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable

import psutil

WAITED_SHARE = 0.5
"""A submission was kept waiting when it computed in less than this share of the time in which it wanted to ..."""
LOST_SHARE = 0.25
"""... and lost more than this share of all its time by that: who sleeps until a limit may have waited while starting."""


class Clock:
    """Counts while someone calls `tick` at short intervals.

    Attributes:
        computed: seconds in which the processes computed. Several threads at once count once, as on a wall clock.
        wanted: seconds in which a process was computing or ready to.
        watched: seconds in all.
    """

    def __init__(self) -> None:
        self.computed = self.wanted = self.watched = 0.0
        self._last = time.monotonic()
        self._spent: dict[int, float] = {}

    def tick(self, processes: Iterable[psutil.Process]) -> None:
        """Look at the processes, and charge what happened since the last look."""
        spent, ready = {}, False
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess), process.oneshot():
                times = process.cpu_times()
                spent[process.pid] = times.user + times.system
                ready = ready or process.status() == psutil.STATUS_RUNNING
        now = time.monotonic()
        passed = now - self._last
        more = sum(seconds - self._spent.get(pid, 0.0) for pid, seconds in spent.items())
        computed = min(passed, max(0.0, more))
        self.watched += passed
        self.computed += computed
        self.wanted += passed if ready else computed
        self._last, self._spent = now, spent

    @property
    def kept_waiting(self) -> bool:
        """Whether the machine gave the processes less than WAITED_SHARE of the time that they wanted, and that was much of all."""
        lost = self.wanted - self.computed
        return self.computed < WAITED_SHARE * self.wanted and lost > LOST_SHARE * self.watched
