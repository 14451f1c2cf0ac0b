"""Pairs of students whose code is alike, with the passages.

By winnowing's fingerprints (copydetect), which ignore names, comments and layout, and the order of passages. The release's code is
left out, and so is what many students have: as in Moss (A. Aiken), a passage that more than a few submissions share is how one
writes it, not whom one knows.
"""

from __future__ import annotations

import io
import warnings
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

NOISE_THRESHOLD = 25
"""Runs shorter than this, in characters of abstracted code, are never said to be alike."""
COMMON = 10
"""A passage that more submissions than this share says nothing about two of them (the default of Moss' option -m)."""
LEAST_ALIKE = 120
"""Fewer characters of abstracted code than this in common are too few to be shown."""
ALIKE = 0.5
"""The share of the code of either that has to be in the other's."""


@dataclass(frozen=True)
class Passage:
    """A student's code, and where of it is in the other's: (start, end) in characters."""

    student: str
    code: str
    shared: tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class AlikePair:
    """Two students, and the share, 0 to 1, of the shorter code that is also in the other's."""

    share: float
    one: Passage
    other: Passage


def alike(codes: Mapping[str, str], starter: str = "") -> list[AlikePair]:
    """The pairs whose code is alike, the most alike first.

    Args:
        codes: the code of each student's own cells, joined.
        starter: the code of the release.
    """
    given = set(_fingerprint(starter, set()).hashes) if starter.strip() else set()
    first = {student: _fingerprint(code, given) for student, code in codes.items() if code.strip()}
    count = Counter(one for print_ in first.values() for one in print_.hashes)
    common = {one for one, students in count.items() if students > COMMON}
    prints = {student: _fingerprint(codes[student], given | common) for student in first}
    found = [_pair(prints[one], prints[other], one, other) for one, other in _candidates(prints)]
    return sorted((pair for pair in found if pair), key=lambda pair: -pair.share)


def _candidates(prints: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Pairs with enough fingerprints in common for LEAST_ALIKE characters."""
    holders = defaultdict(list)
    for student, print_ in prints.items():
        for one in print_.hashes:
            holders[one].append(student)
    together = Counter(pair for students in holders.values() for pair in combinations(students, 2))
    return [pair for pair, shared in together.items() if shared + NOISE_THRESHOLD > LEAST_ALIKE / 2]


def _pair(first: Any, second: Any, one: str, other: str) -> AlikePair | None:
    from copydetect import compare_files

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        overlap, shares, slices = compare_files(first, second)
    share = float(min(1.0, max(shares)))
    if overlap < LEAST_ALIKE or share < ALIKE:
        return None
    return AlikePair(share, _passage(one, first, slices[0]), _passage(other, second, slices[1]))


def _passage(student: str, print_: Any, slices: np.ndarray) -> Passage:
    return Passage(student, print_.raw_code, tuple((int(start), int(end)) for start, end in slices.T))


def _fingerprint(code: str, boilerplate: set[int]) -> Any:
    from copydetect import CodeFingerprint

    left_out = np.array(sorted(boilerplate), dtype=np.int64)
    return CodeFingerprint("cells.py", NOISE_THRESHOLD, 1, left_out, fp=io.StringIO(code))
