"""Which processes there are, and whose children they are: /proc is read once a look, since that is most of what looking costs."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass

import psutil

LONGEST_STATUS = 4096


@dataclass(frozen=True)
class Seen:
    """A process as it was seen: its parent, and when it started, by which it is told from a later one of the same number."""

    parent: int
    started: int


class Processes:
    """What was found in earlier looks, as a process does not change its number or its start. Several threads may look."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], psutil.Process] = {}

    def below(self, *ancestors: int) -> list[psutil.Process]:
        """The descendants of all of these, each once, parents before their children.

        Raises:
            psutil.NoSuchProcess: the first of them has ended.
        """
        seen = all_processes()
        if ancestors[0] not in seen:
            raise psutil.NoSuchProcess(ancestors[0])
        children: dict[int, list[int]] = {}
        for pid, one in seen.items():
            children.setdefault(one.parent, []).append(pid)
        found = list(ancestors)
        for parent in found:
            found += children.get(parent, ())
        keys = dict.fromkeys((pid, seen[pid].started) for pid in found[len(ancestors) :])
        known = self._known
        self._known = {key: process for key in keys if (process := known.get(key) or _process(key[0]))}
        return list(self._known.values())


def _process(pid: int) -> psutil.Process | None:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid)
    return None


def all_processes() -> dict[int, Seen]:
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 names alone, five times a second
        if name.isdecimal():
            with contextlib.suppress(OSError):  # it has ended
                found[int(name)] = _seen(name)
    return found


def _seen(pid: str) -> Seen:
    file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    try:
        line = os.read(file, LONGEST_STATUS)
    finally:
        os.close(file)
    fields = line[line.rindex(b")") + 2 :].split(None, 20)  # what comes before is a name, which may hold anything
    return Seen(int(fields[1]), int(fields[19]))
