"""What is wrong with stated completeness gaps that are not those of the maps: which other formula they follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from autograder.judge.mistakes import Mistake
from autograder.judge.tolerances import STATED_GAP, STATED_GAP_FLOOR

Counted = dict[int, np.ndarray]
FEWEST_OF_A_TABLE = 3
MOST_STEPS_BY_RULES = 60
"""The largest count at which the gaps of other rules are looked at."""
DECIMALS = (0, 1, 2)
"""What gaps are rounded to. With three decimals they are right."""
WHOLE = 1e-6
"""How far a rounded number may be from one, relative to it, in float32."""
TELLING = 5
"""How many times the floor of a gap's tolerance the largest gap has to be before a formula is looked for."""


class Ends(NamedTuple):
    """The scores of N pictures at both ends of their paths, (N,), and what is looked for only where a gap is wrong.

    `all_rises` gives those of other scores as well, (N, K) each: of all K classes, in the same units and in others. `by_rules`
    gives, for some step counts, what the maps of the first few pictures by each textbook rule add up to, (counts, pictures) each.
    """

    at_image: np.ndarray
    at_baseline: np.ndarray
    all_rises: Callable[[], Sequence[np.ndarray]] = tuple
    by_rules: Callable[[Sequence[int]], Iterable[np.ndarray]] = lambda counts: ()

    @property
    def rises(self) -> np.ndarray:
        """F(x) - F(x'), (N,)."""
        return self.at_image - self.at_baseline


class Sums(NamedTuple):
    """Of K counts and N pictures: sums of the maps and of their absolute values, (K, N); the scores at both ends, (N,)."""

    signed: np.ndarray
    absolute: np.ndarray
    size: int
    at_image: np.ndarray
    at_baseline: np.ndarray
    counts: Sequence[int] = ()

    @property
    def rises(self) -> np.ndarray:
        """F(x) - F(x'), (N,)."""
        return self.at_image - self.at_baseline

    @property
    def right(self) -> np.ndarray:
        """The gaps as they should be, (K, N)."""
        return np.abs(self.signed - self.rises) / np.abs(self.rises)


Formula = Callable[[Sums], np.ndarray]
DIFFERENCES: tuple[tuple[Mistake | None, Formula], ...] = (
    (None, lambda s: s.signed - s.rises),
    (Mistake.GAPS_WITHOUT_BASELINE, lambda s: s.signed - s.at_image),
    (Mistake.GAPS_WITHOUT_BASELINE, lambda s: s.signed - s.at_image - s.at_baseline),
    (Mistake.GAPS_OF_MAGNITUDES, lambda s: s.absolute - s.rises),
    (Mistake.GAPS_TO_ANOTHER_COUNT, lambda s: s.signed - s.signed[-1]),
    (Mistake.GAPS_TO_ANOTHER_COUNT, lambda s: _but_one(s.signed[1:] - s.signed[:-1], first=True)),
    (Mistake.GAPS_TO_ANOTHER_COUNT, lambda s: _but_one(s.signed[1:] - s.signed[:-1], first=False)),
    (Mistake.GAPS_OF_THE_BATCH, lambda s: s.signed.sum(1, keepdims=True) - s.rises),
    (Mistake.GAPS_OF_THE_BATCH, lambda s: s.signed.sum(1, keepdims=True) - s.rises.sum()),
    (Mistake.GAPS_OF_MEANS, lambda s: s.signed / s.size - s.rises),
    (Mistake.GAPS_NOT_COMPARED, lambda s: s.signed),
)
DIVISORS: tuple[tuple[Mistake | None, Formula], ...] = (
    (None, lambda s: s.rises),
    (Mistake.GAPS_NOT_RELATIVE, lambda s: np.ones_like(s.rises)),
    (Mistake.GAPS_IN_PERCENT, lambda s: s.rises / 100),
    (Mistake.GAPS_OVER_THE_SCORE, lambda s: s.at_image),
    (Mistake.GAPS_OVER_THE_SCORE, lambda s: s.at_baseline),
    (Mistake.GAPS_OVER_THE_SCORE, lambda s: s.at_image + s.at_baseline),
    (Mistake.GAPS_OVER_THE_SUM, lambda s: s.signed),
    (Mistake.GAPS_OVER_THE_SUM, lambda s: s.absolute),
    (Mistake.GAPS_OVER_THE_SUM, lambda s: s.signed[-1]),
    (Mistake.GAPS_OVER_ANOTHER_CHANGE, lambda s: np.abs(s.rises).mean()),
    (Mistake.GAPS_OVER_ANOTHER_CHANGE, lambda s: s.rises.mean()),
    (Mistake.GAPS_OVER_ANOTHER_CHANGE, lambda s: np.abs(s.rises).max()),
    (Mistake.GAPS_OVER_ANOTHER_CHANGE, lambda s: np.abs(s.rises).min()),
    (Mistake.GAPS_OVER_ANOTHER_CHANGE, lambda s: s.rises.sum()),
    (Mistake.GAPS_OVER_ANOTHER_CHANGE, lambda s: s.rises[0]),
    (Mistake.GAPS_OVER_ANOTHER_CHANGE, lambda s: s.rises[-1]),
)
POWERS: tuple[tuple[Mistake | None, Callable[[np.ndarray], np.ndarray]], ...] = (
    (None, np.abs),
    (Mistake.GAPS_SQUARED, np.square),
)
OF_ALL_PICTURES = (np.mean, np.median, np.max, np.min, lambda gaps: np.sqrt(np.mean(gaps**2)))


def _but_one(rows: np.ndarray, first: bool) -> np.ndarray:
    """Rows with one of NaN before or after, where there is nothing to compare with."""
    nothing = np.full((1, rows.shape[1]), np.nan)
    return np.concatenate([nothing, rows] if first else [rows, nothing])


def mistake_of_gaps(stated: Counted, maps: Counted, ends: Ends) -> Mistake:
    """The mistake whose formula gives the stated gaps, of what is compared before of what it is divided by.

    Args:
        stated: of each count, the gaps (N,) as they were handed in.
        maps: of each count, the maps (N, ...).
        ends: the scores at both ends of the paths.
    """
    counts = sorted(maps)
    flat = [maps[n].reshape(len(maps[n]), -1) for n in counts]
    signed, absolute = np.stack([m.sum(1) for m in flat]), np.stack([np.abs(m).sum(1) for m in flat])
    sums = Sums(signed, absolute, flat[0].shape[1], ends.at_image, ends.at_baseline, counts)
    given = np.stack([np.abs(stated[n].astype(np.float64).ravel()) for n in counts])
    of_integers = all(np.issubdtype(stated[n].dtype, np.integer) for n in counts)
    if (of_integers or given.any()) and any(_are_rounded(given, sums.right, decimals) for decimals in DECIMALS):
        return Mistake.GAPS_ROUNDED
    if given.max(initial=0.0) <= TELLING * STATED_GAP_FLOOR:
        return Mistake.GAPS_MADE_UP  # what is next to nothing is near too many formulas
    with np.errstate(all="ignore"):
        for mistakes, formula in _formulas(sums):
            if _are(given, np.broadcast_to(formula, given.shape)):
                return next((one for one in mistakes if one), Mistake.GAPS_MADE_UP)
        for mistake, holds in ELSEWHERE:
            if holds(given, sums, ends, flat):
                return mistake
    return Mistake.GAPS_MADE_UP


def _are_rounded(given: np.ndarray, right: np.ndarray, decimals: int) -> bool:
    """Whether they are the right gaps rounded to so many decimals, up or down or to the nearest."""
    unit = 10.0**-decimals
    whole = np.abs(given / unit - np.round(given / unit)) <= WHOLE * (1 + given / unit)
    return bool((whole & (np.abs(given - right) <= unit * (1 + STATED_GAP))).all())


def _are(given: np.ndarray, formula: np.ndarray) -> bool:
    known = np.isfinite(formula)
    return bool(known.any()) and np.allclose(given[known], formula[known], rtol=STATED_GAP, atol=STATED_GAP_FLOOR)


def _formulas(sums: Sums) -> Iterator[tuple[tuple[Mistake | None, ...], np.ndarray]]:
    """Everything that may be divided by anything; of fewest mistakes first, and those in what is compared before the others."""

    def n_mistakes(parts: tuple[tuple[Mistake | None, Callable], ...]) -> int:
        return sum(mistake is not None for mistake, _ in parts)

    for parts in sorted(product(DIFFERENCES, DIVISORS, POWERS), key=n_mistakes):
        (_, difference), (_, divisor), (_, power) = parts
        yield tuple(mistake for mistake, _ in parts), power(np.abs(difference(sums) / divisor(sums)))


def _averaged(given: np.ndarray, sums: Sums, ends: Ends, flat: list[np.ndarray]) -> bool:
    """Whether each picture has the mean gap of all, or the largest."""
    if np.ptp(given, axis=1).any():
        return False
    return any(_are(given[:, 0], np.array([of_all(row) for row in sums.right])) for of_all in OF_ALL_PICTURES)


def _of_all_pairs(given: np.ndarray, sums: Sums, ends: Ends, flat: list[np.ndarray]) -> bool:
    """Whether each sum was compared with every picture's change, as by shapes (N,) and (N, 1), and then averaged."""
    table = np.abs(sums.signed[:, :, None] - sums.rises)
    tables = (table / np.abs(sums.rises), table / np.abs(sums.rises)[:, None], table)
    return any(_are(given, of_all(one, axis=axis)) for one in tables for of_all in (np.mean, np.max) for axis in (1, 2))


def _to_finest_map(given: np.ndarray, sums: Sums, ends: Ends, flat: list[np.ndarray]) -> bool:
    """Whether the maps themselves were held against the one with the most steps: the distance over that one's size."""
    finest = flat[-1]
    for order in (1, 2):
        far = np.stack([np.linalg.norm(one - finest, ord=order, axis=1) for one in flat])
        if _are(given, far / np.linalg.norm(finest, ord=order, axis=1)) or _are(given, far):
            return True
    return False


def _in_another_order(given: np.ndarray, sums: Sums, ends: Ends, flat: list[np.ndarray]) -> bool:
    return _are(np.sort(given, axis=1), np.sort(sums.right, axis=1))


def _on_its_side(given: np.ndarray, sums: Sums, ends: Ends, flat: list[np.ndarray]) -> bool:
    """Whether rows and columns have changed places, which goes unnoticed with as many counts as pictures."""
    return len(given) == given.shape[1] >= FEWEST_OF_A_TABLE and _are(given, sums.right.T)


def _of_other_counts(given: np.ndarray, sums: Sums, ends: Ends, flat: list[np.ndarray]) -> bool:
    """Whether each row is that of some count."""
    return all(any(_are(row, other) for other in sums.right) for row in given)


def _of_another_score(given: np.ndarray, sums: Sums, ends: Ends, flat: list[np.ndarray]) -> bool:
    """Whether, for each picture, there is a change of score to which its sums have these gaps.

    It is that of another class, or of the scores in other units. Each picture has a gap at every count, so that none fits by luck.
    """
    if not (rises := ends.all_rises()):
        return False
    each = np.concatenate([one.T for one in rises])[:, None, :]  # (classes, 1, N)
    gaps = np.abs(sums.signed - each) / np.abs(each)
    off = np.abs(given - gaps) - (STATED_GAP * gaps + STATED_GAP_FLOOR)
    return bool((off <= 0).all(axis=1).any(axis=0).all())


def _of_another_rule(given: np.ndarray, sums: Sums, ends: Ends, flat: list[np.ndarray]) -> bool:
    """Whether the gaps of the first few pictures are those of another rule's maps, at all of the counts that are looked at."""
    looked_at = [k for k, n in enumerate(sums.counts) if n <= MOST_STEPS_BY_RULES]
    for added_up in ends.by_rules([sums.counts[k] for k in looked_at]):
        rises = sums.rises[: added_up.shape[1]]
        gaps = np.abs(added_up - rises) / np.abs(rises)
        # What is next to nothing at every count is near any rule's.
        if gaps.max(initial=0.0) > TELLING * STATED_GAP_FLOOR and _are(given[looked_at, : len(rises)], gaps):
            return True
    return False


def _by_a_factor(given: np.ndarray, sums: Sums, ends: Ends, flat: list[np.ndarray]) -> bool:
    factors = given / sums.right
    factors = factors[:, np.isfinite(factors).all(0)]
    steady = factors.size and factors.min() > 0 and (factors.std(0) <= STATED_GAP * factors.mean(0)).all()
    return bool(steady)


Holds = Callable[[np.ndarray, Sums, Ends, list[np.ndarray]], bool]
ELSEWHERE: tuple[tuple[Mistake, Holds], ...] = (
    (Mistake.GAPS_OF_THE_BATCH, _averaged),
    (Mistake.GAPS_OF_THE_BATCH, _of_all_pairs),
    (Mistake.GAPS_TO_ANOTHER_COUNT, _to_finest_map),
    (Mistake.GAPS_IN_ANOTHER_ORDER, _in_another_order),
    (Mistake.GAPS_IN_ANOTHER_ORDER, _on_its_side),
    (Mistake.GAPS_OF_OTHER_COUNTS, _of_other_counts),
    (Mistake.GAPS_OF_ANOTHER_SCORE, _of_another_score),
    (Mistake.GAPS_OF_ANOTHER_RULE, _of_another_rule),
    (Mistake.GAPS_OFF_BY_A_FACTOR, _by_a_factor),
)
"""Beside the formulas, ways in which gaps that are right, or distances of maps, stand where others should."""
