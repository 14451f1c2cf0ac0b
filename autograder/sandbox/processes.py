"""Which processes there are, and whose children they are.

To read /proc is most of what looking costs. So what is somebody else's is not read again at each look: a process whose ancestors
are none of those that are looked at stays so until it ends, as an orphan goes to the first process of its own namespace.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from dataclasses import dataclass

import psutil

LONGEST_STATUS = 4096
FIRST = 0
"""The parent of a process that has none, or none that this one may see."""
ALL_ANEW = 5
"""Each so many looks all is read again: a process may have ended, and its number come back, between two looks."""


@dataclass(frozen=True)
class Seen:
    """A process as it was seen: its parent, and when it started, by which it is told from a later one of the same number."""

    parent: int
    started: int


class Processes:
    """What was found in earlier looks, as a process does not change its number or its start. Several threads may look."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], psutil.Process] = {}
        self._others: dict[int, Seen] = {}
        self._looks = 0

    def below(self, *ancestors: int) -> list[psutil.Process]:
        """The descendants of all of these, each once, parents before their children.

        Raises:
            psutil.NoSuchProcess: the first of them has ended.
        """
        seen = all_processes(self._others if self._looks % ALL_ANEW else {})
        self._looks += 1
        if ancestors[0] not in seen:
            raise psutil.NoSuchProcess(ancestors[0])
        children: dict[int, list[int]] = {}
        for pid, one in seen.items():
            children.setdefault(one.parent, []).append(pid)
        found = _with_descendants(ancestors, children)
        # Only those whose ancestors were all seen: a parent that ended during the look may have been one of these.
        self._others = {pid: seen[pid] for pid in {*_with_descendants((FIRST,), children)[1:]}.difference(found)}
        keys = dict.fromkeys((pid, seen[pid].started) for pid in found[len(ancestors) :])
        known = self._known
        self._known = {key: process for key in keys if (process := known.get(key) or _process(key[0]))}
        return list(self._known.values())


def _with_descendants(ancestors: Iterable[int], children: dict[int, list[int]]) -> list[int]:
    found = list(ancestors)
    for parent in found:
        found += children.get(parent, ())
    return found


def _process(pid: int) -> psutil.Process | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid)
    return None


def all_processes(known: dict[int, Seen]) -> dict[int, Seen]:
    """All that there are. Those that are `known` are taken as they were, unless their parent is not: orphans get another one."""
    pids = {int(name) for name in os.listdir("/proc") if name.isdecimal()}  # noqa: PTH208 names alone, five times a second
    there = known.keys() & pids
    found = {pid: one for pid in there if (one := known[pid]).parent == FIRST or one.parent in there}
    for pid in pids.difference(found):
        with contextlib.suppress(OSError):  # it has ended
            found[pid] = _seen(pid)
    return found


def _seen(pid: int) -> Seen:
    file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    try:
        line = os.read(file, LONGEST_STATUS)
    finally:
        os.close(file)
    fields = line[line.rindex(b")") + 2 :].split(None, 20)  # what comes before is a name, which may hold anything
    return Seen(int(fields[1]), int(fields[19]))
