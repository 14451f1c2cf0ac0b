"""The attack corpus: everything of `tests/autograder/hostile.py`, and what follows.

An attack says `WON` on stdout when it got what it wanted: read what is kept from it, written where it may not, taken more than
the limits. What it gains in points is seen in the gradebook. Work under an attack is wrong, unless the attack is about something
else than points; `deserved` is what the same work gets where nobody attacks. Every attack is bounded, in memory, time, processes
and files, so that it harms nothing where nothing stops it; what it would change for good is one file of its own in {OUTSIDE}.
Sources name places: {COURSE}, {OUTSIDE}, a folder beside the course with somebody's secret in it, {PORT}, where a server listens,
and {NAME}, the attack's own.
"""

from __future__ import annotations

from tests.autograder.hostile import CLASS, Hostile
from tests.hostile.attacks.answers import ENDS, ODD
from tests.hostile.attacks.attack import Attack
from tests.hostile.attacks.course import COURSE, WITHHELD
from tests.hostile.attacks.evidence import FORGERIES
from tests.hostile.attacks.files import FILES
from tests.hostile.attacks.games import GAMES
from tests.hostile.attacks.indirect import INDIRECT
from tests.hostile.attacks.limits import LIMITS
from tests.hostile.attacks.machine import MACHINE, NETWORK
from tests.hostile.attacks.questions import QUESTIONS
from tests.hostile.attacks.readers import READERS
from tests.hostile.attacks.tampering import MESSAGES, TAMPERS

MORE: tuple[Attack, ...] = (
    *GAMES, *QUESTIONS, *WITHHELD, *COURSE, *FORGERIES, *TAMPERS, *MESSAGES, *NETWORK, *MACHINE, *LIMITS, *FILES, *ENDS, *ODD,
    *INDIRECT, *READERS,
)  # fmt: skip
CORPUS: tuple[Hostile, ...] = (*CLASS, *MORE)
