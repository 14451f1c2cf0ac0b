"""What an attack of the corpus is, and what it says when it got what it wanted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from autograder.course.demo import INTEGRATED
from tests.autograder.hostile import UNDONE, Hostile

SECRET = "correct horse battery staple"
"""What stands in {OUTSIDE}/secret.txt and in the environment of whoever grades."""
TOKEN = "INSTRUCTOR_TOKEN"
WON = "WON"
FULL = 8.0


@dataclass(frozen=True)
class Attack(Hostile):
    """An attacker whose points are bounded: the same work without the attack gets `deserved` at most."""

    integrated_points: float = -1
    ended: str | None = None
    deserved: float = 0


def attack(group: str, name: str, tries: str, source: str, work: str = UNDONE, **more: Any) -> Attack:
    deserved = more.pop("deserved", FULL if work == INTEGRATED else 0)
    return Attack(name, group, tries, source + "\n" + work, deserved=deserved, **more)
