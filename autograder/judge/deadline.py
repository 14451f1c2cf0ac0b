"""How long a verdict may take: as long as it needs where work is graded, some seconds where a student waits for feedback.

Gradients of large pictures and large networks take their time. What is asked for in a block `within` a share of it comes in time or
not at all: then the block is left, what it was for is left out, and the verdict says so.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


class TooLateError(Exception):
    """What was asked for would come after the deadline of the block."""


@dataclass
class Deadline:
    """Seconds by the wall clock, from now on. `left_out` says what they were too short for, each thing once."""

    seconds: float = math.inf
    clock: Callable[[], float] = time.monotonic
    left_out: dict[str, None] = field(default_factory=dict)
    _until: float = field(default=math.inf, init=False)

    def __post_init__(self) -> None:
        self._start = self.clock()

    @property
    def is_set(self) -> bool:
        """Whether there is a deadline at all."""
        return self.seconds < math.inf

    @contextmanager
    def within(self, share: float) -> Iterator[None]:
        """A block that ends with a TooLateError where it goes on beyond this share of the seconds."""
        before, self._until = self._until, min(self._until, self._start + share * self.seconds)
        try:
            yield
        finally:
            self._until = before

    def is_over(self, share: float) -> bool:
        """Whether this share of the seconds has passed."""
        return self.clock() > self._start + share * self.seconds

    def check(self) -> None:
        """To be asked before whatever takes long.

        Raises:
            TooLateError: the block that asks is too late.
        """
        if self.clock() > self._until:
            raise TooLateError

    @contextmanager
    def or_left_out(self, share: float, what: str) -> Iterator[None]:
        """A block within a share, which the verdict can do without: where it is too late, the verdict says what was left out."""
        try:
            with self.within(share):
                yield
        except TooLateError:
            if self.clock() > self._until:
                raise  # so is the block around this one
            self.left_out[what] = None

    def told(self) -> tuple[str, ...]:
        """What to tell a student; nothing where everything was done."""
        if not self.left_out:
            return ()
        *most, last = self.left_out
        what = f"{', '.join(most)} and {last}" if most else last
        return (
            f"Feedback stops after some {self.seconds:g} seconds. Left out here, and done when your work is graded: {what}.",
        )
