"""What is wrong with stated completeness gaps that are not those of the maps: which other formula they follow."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import NamedTuple

import numpy as np

from autograder.judge.mistakes import Mistake
from autograder.judge.tolerances import STATED_GAP, STATED_GAP_FLOOR

Counted = dict[int, np.ndarray]


class Sums(NamedTuple):
    """Of K counts and N pictures: sums of the maps and of their absolute values, (K, N); the scores at both ends, (N,)."""

    signed: np.ndarray
    absolute: np.ndarray
    at_image: np.ndarray
    at_baseline: np.ndarray

    @property
    def rises(self) -> np.ndarray:
        """F(x) - F(x'), (N,)."""
        return self.at_image - self.at_baseline


Formula = Callable[[Sums], np.ndarray]
DIFFERENCES: tuple[tuple[Mistake | None, Formula], ...] = (
    (None, lambda s: s.signed - s.rises),
    (Mistake.GAPS_WITHOUT_BASELINE, lambda s: s.signed - s.at_image),
    (Mistake.GAPS_WITHOUT_BASELINE, lambda s: s.signed - s.at_image - s.at_baseline),
    (Mistake.GAPS_OF_MAGNITUDES, lambda s: s.absolute - s.rises),
    (Mistake.GAPS_TO_FINEST_MAP, lambda s: s.signed - s.signed[-1]),
    (Mistake.GAPS_OF_THE_BATCH, lambda s: s.signed.sum(1, keepdims=True) - s.rises),
)
DIVISORS: tuple[tuple[Mistake | None, Formula], ...] = (
    (None, lambda s: s.rises),
    (Mistake.GAPS_NOT_RELATIVE, lambda s: np.ones_like(s.rises)),
    (Mistake.GAPS_IN_PERCENT, lambda s: s.rises / 100),
    (Mistake.GAPS_OVER_THE_SCORE, lambda s: s.at_image),
    (Mistake.GAPS_OVER_THE_SCORE, lambda s: s.at_baseline),
    (Mistake.GAPS_OVER_THE_SUM, lambda s: s.signed),
    (Mistake.GAPS_OVER_THE_SUM, lambda s: s.absolute),
    (Mistake.GAPS_OVER_ANOTHER_CHANGE, lambda s: np.abs(s.rises).mean()),
    (Mistake.GAPS_OVER_ANOTHER_CHANGE, lambda s: np.abs(s.rises).max()),
)


def mistake_of_gaps(stated: Counted, maps: Counted, at_image: np.ndarray, at_baseline: np.ndarray) -> Mistake:
    """The mistake whose formula gives the stated gaps, of what is compared before of what it is divided by.

    Args:
        stated: of each count, the gaps (N,) as they were handed in.
        maps: of each count, the maps (N, ...).
        at_image, at_baseline: F(x) and F(x') for the targets, (N,).
    """
    counts = sorted(maps)
    flat = [maps[n].reshape(len(maps[n]), -1) for n in counts]
    sums = Sums(np.stack([m.sum(1) for m in flat]), np.stack([np.abs(m).sum(1) for m in flat]), at_image, at_baseline)
    given = np.stack([np.abs(stated[n].astype(np.float64).ravel()) for n in counts])
    with np.errstate(all="ignore"):
        for (compared, difference), (divided, divisor) in sorted(product(DIFFERENCES, DIVISORS), key=_n_mistakes):
            formula = np.broadcast_to(np.abs(difference(sums) / divisor(sums)), given.shape)
            known = np.isfinite(formula)
            if known.any() and np.allclose(given[known], formula[known], rtol=STATED_GAP, atol=STATED_GAP_FLOOR):
                return compared or divided or Mistake.GAPS_MADE_UP
        factors = given / np.abs((sums.signed - sums.rises) / sums.rises)
    factors = factors[:, np.isfinite(factors).all(0)]
    if factors.size and factors.min() > 0 and (factors.std(0) <= STATED_GAP * factors.mean(0)).all():
        return Mistake.GAPS_OFF_BY_A_FACTOR
    return Mistake.GAPS_MADE_UP


def _n_mistakes(formula: tuple[tuple[Mistake | None, Formula], tuple[Mistake | None, Formula]]) -> int:
    return sum(mistake is not None for mistake, _ in formula)
