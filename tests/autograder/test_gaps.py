"""Stated gaps that are not those of the maps are told by the formula that gives them."""

import numpy as np
import pytest

from autograder.judge.mistakes import Mistake
from autograder.judge.studies.gaps import Ends, mistake_of_gaps

N, COUNTS = 10, (5, 10, 50, 200, 400)
RANDOM = np.random.default_rng(0)
AT_IMAGE, AT_BASELINE = RANDOM.uniform(0.2, 1, N), RANDOM.uniform(0.05, 0.35, N)
RISE = AT_IMAGE - AT_BASELINE
OTHER_RISES = RANDOM.uniform(-0.5, 0.8, (N, 5))
ENDS = Ends(AT_IMAGE, AT_BASELINE, lambda: [np.column_stack([RISE, OTHER_RISES])])


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
    Mistake.GAPS_NOT_COMPARED: lambda sums, _: sums / RISE,
    Mistake.GAPS_OF_MEANS: lambda sums, _: (sums / 48 - RISE) / RISE,
    Mistake.GAPS_SQUARED: lambda sums, _: ((sums - RISE) / RISE) ** 2,
    Mistake.GAPS_IN_ANOTHER_ORDER: lambda sums, _: np.roll((sums - RISE) / RISE, 3),
    Mistake.GAPS_OF_ANOTHER_SCORE: lambda sums, _: (sums - OTHER_RISES[:, 2]) / OTHER_RISES[:, 2],
    Mistake.GAPS_ROUNDED: lambda sums, _: np.round((sums - RISE) / RISE, 1),
    Mistake.GAPS_MADE_UP: lambda sums, _: np.random.default_rng(int(1e6 * sums[0])).uniform(size=N),
}


def stated_by(formula):
    return {
        n: np.abs(np.broadcast_to(formula(maps.reshape(N, -1).sum(1), np.abs(maps).reshape(N, -1).sum(1)), (N,)))
        for n, maps in MAPS.items()
    }


@pytest.mark.parametrize("mistake", FORMULAS)
def test_the_formula_is_found(mistake):
    assert mistake_of_gaps(stated_by(FORMULAS[mistake]), MAPS, ENDS) is mistake


def gaps(maps):
    return np.abs(maps.reshape(N, -1).sum(1) - RISE) / np.abs(RISE)


def differences_of_maps(maps, finest):
    far = (maps - finest).reshape(N, -1)
    return np.linalg.norm(far, axis=1) / np.linalg.norm(finest.reshape(N, -1), axis=1)


def mean_over_all_changes(maps):
    """(N, 1) less (N,): each picture's sum beside every picture's change."""
    table = np.abs(maps.reshape(N, -1).sum(1)[:, None] - RISE) / np.abs(RISE)
    return table.mean(1)


IN_WORDS = sorted(map(str, COUNTS))
OTHERWISE = {
    "each count's mean": (Mistake.GAPS_OF_THE_BATCH, {n: np.full(N, gaps(maps).mean()) for n, maps in MAPS.items()}),
    "the maps' distance from the finest": (
        Mistake.GAPS_TO_ANOTHER_COUNT,
        {n: differences_of_maps(maps, MAPS[400]) for n, maps in MAPS.items()},
    ),
    "to the count before": (
        Mistake.GAPS_TO_ANOTHER_COUNT,
        {
            n: np.abs(MAPS[n].reshape(N, -1).sum(1) - MAPS[before].reshape(N, -1).sum(1)) / np.abs(RISE)
            for before, n in zip((5, *COUNTS), COUNTS, strict=False)
        },
    ),
    "keys in the order of words": (
        Mistake.GAPS_OF_OTHER_COUNTS,
        {n: gaps(MAPS[int(word)]) for n, word in zip(COUNTS, IN_WORDS, strict=True)},
    ),
    "a table of all pairs": (
        Mistake.GAPS_OF_THE_BATCH,
        {n: mean_over_all_changes(maps) for n, maps in MAPS.items()},
    ),
    "the first picture's change": (
        Mistake.GAPS_OVER_ANOTHER_CHANGE,
        {n: np.abs((maps.reshape(N, -1).sum(1) - RISE) / RISE[0]) for n, maps in MAPS.items()},
    ),
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_gaps_that_stand_where_others_should_are_told(what):
    mistake, stated = OTHERWISE[what]
    assert mistake_of_gaps(stated, MAPS, ENDS) is mistake


def test_random_gaps_are_told_nothing():
    """None of the many formulas holds by luck."""
    for seed in range(200):
        drawn = np.random.default_rng(seed)
        stated = {n: gaps(MAPS[n]) * drawn.uniform(0.5, 2, N) for n in COUNTS}
        assert mistake_of_gaps(stated, MAPS, ENDS) is Mistake.GAPS_MADE_UP


def test_gaps_in_a_tensor_of_whole_numbers_are_told_of_it_and_zeros_are_not():
    cut_off = {n: gaps(maps).astype(np.int64) for n, maps in MAPS.items()}
    assert not any(one.any() for one in cut_off.values())
    assert mistake_of_gaps(cut_off, MAPS, ENDS) is Mistake.GAPS_ROUNDED
    zeros = {n: one.astype(np.float32) for n, one in cut_off.items()}
    assert mistake_of_gaps(zeros, MAPS, ENDS) is Mistake.GAPS_MADE_UP
