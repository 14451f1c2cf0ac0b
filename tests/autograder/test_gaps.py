"""Stated gaps that are not those of the maps are told by the formula that gives them."""

import numpy as np
import pytest

from autograder.judge.mistakes import Mistake
from autograder.judge.studies.gaps import mistake_of_gaps

N, COUNTS = 10, (5, 10, 50, 200, 400)
RANDOM = np.random.default_rng(0)
AT_IMAGE, AT_BASELINE = RANDOM.uniform(0.2, 1, N), RANDOM.uniform(0.05, 0.35, N)
RISE = AT_IMAGE - AT_BASELINE


def maps_at(n):
    """Maps whose sums miss the rise by about two nth of it."""
    maps = RANDOM.normal(size=(N, 3, 4, 4))
    sums = RISE * (1 + RANDOM.normal(size=N) * 2 / n)
    return maps - maps.mean((1, 2, 3), keepdims=True) + (sums / 48)[:, None, None, None]


MAPS = {n: maps_at(n) for n in COUNTS}
FORMULAS = {
    Mistake.GAPS_NOT_RELATIVE: lambda sums, _: sums - RISE,
    Mistake.GAPS_IN_PERCENT: lambda sums, _: 100 * (sums - RISE) / RISE,
    Mistake.GAPS_OVER_THE_SCORE: lambda sums, _: (sums - RISE) / AT_IMAGE,
    Mistake.GAPS_OVER_THE_SUM: lambda sums, _: (sums - RISE) / sums,
    Mistake.GAPS_WITHOUT_BASELINE: lambda sums, _: (sums - AT_IMAGE) / AT_IMAGE,
    Mistake.GAPS_OF_MAGNITUDES: lambda _, sizes: (sizes - RISE) / RISE,
    Mistake.GAPS_OF_THE_BATCH: lambda sums, _: (sums.sum() - RISE) / RISE,
    Mistake.GAPS_OVER_ANOTHER_CHANGE: lambda sums, _: (sums - RISE) / RISE.mean(),
    Mistake.GAPS_OFF_BY_A_FACTOR: lambda sums, _: (sums - RISE) / RISE / np.arange(1, N + 1),
    Mistake.GAPS_MADE_UP: lambda sums, _: np.random.default_rng(int(1e6 * sums[0])).uniform(size=N),
}


@pytest.mark.parametrize("mistake", FORMULAS)
def test_the_formula_is_found(mistake):
    stated = {
        n: np.abs(FORMULAS[mistake](maps.reshape(N, -1).sum(1), np.abs(maps).reshape(N, -1).sum(1)))
        for n, maps in MAPS.items()
    }
    assert mistake_of_gaps(stated, MAPS, AT_IMAGE, AT_BASELINE) is mistake
