"""By which other rule a count was called enough: functions as students write them, asked about the table of ps3."""

import numpy as np
import pytest

from autograder.judge.mistakes import Mistake
from autograder.judge.studies.enough import mistake_of_enough, stays
from autograder.problem_sets.ps3.task import INVENTED_GAPS

COUNTS, GAPS = list(INVENTED_GAPS), np.array([*INVENTED_GAPS.values()])


def first_that_is_small(gaps, counts):
    for count in counts:
        if gaps[count] <= 0.05:
            return count
    return 0


def last_that_is_not(gaps, counts):
    enough = 0
    for count in counts:
        if gaps[count] > 0.05:
            enough = count
    return enough


def after_the_last_bad_in_place_zero(gaps, counts):
    """No bad one looks like one in place 0."""
    bad = 0
    for k, count in enumerate(counts):
        if gaps[count] > 0.05:
            bad = k
    return counts[bad + 1] if bad + 1 < len(counts) else 0


def overwritten(gaps, counts):
    enough = 0
    for count in counts:
        if gaps[count] <= 0.05:
            enough = count
    return enough


def this_and_the_next(gaps, counts):
    for k in range(len(counts) - 1):
        if gaps[counts[k]] <= 0.05 and gaps[counts[k + 1]] <= 0.05:
            return counts[k]
    return 0


def without_the_last(gaps, counts):
    for k in range(len(counts) - 1):
        if all(gaps[c] <= 0.05 for c in counts[k:-1]):
            return counts[k]
    return 0


def in_percent(gaps, counts):
    return next((c for k, c in enumerate(counts) if all(gaps[d] <= 5 for d in counts[k:])), 0)


def ten_percent(gaps, counts):
    return next((c for k, c in enumerate(counts) if all(gaps[d] <= 0.1 for d in counts[k:])), 0)


def the_index(gaps, counts):
    return next((k for k in range(len(counts)) if all(gaps[d] <= 0.05 for d in counts[k:])), 0)


def the_largest_for_none(gaps, counts):
    return next((c for k, c in enumerate(counts) if all(gaps[d] <= 0.05 for d in counts[k:])), counts[-1])


def the_best(gaps, counts):
    return min(counts, key=lambda c: gaps[c])


def words(gaps, counts):
    counts = sorted(counts, key=str)
    return next((c for k, c in enumerate(counts) if all(gaps[d] <= 0.05 for d in counts[k:])), 0)


NAMES = {
    first_that_is_small: Mistake.FIRST_NOT_STAYS,
    last_that_is_not: Mistake.ENOUGH_LAST_BAD,
    after_the_last_bad_in_place_zero: Mistake.ENOUGH_OF_A_NEIGHBOUR,
    overwritten: Mistake.ENOUGH_LARGEST,
    this_and_the_next: Mistake.ENOUGH_NOT_EVERY_LARGER,
    without_the_last: Mistake.ENOUGH_NOT_EVERY_LARGER,
    in_percent: Mistake.ENOUGH_BY_ANOTHER_TOLERANCE,
    ten_percent: Mistake.ENOUGH_BY_ANOTHER_TOLERANCE,
    the_index: Mistake.ENOUGH_OF_A_PLACE,
    the_largest_for_none: Mistake.ENOUGH_OF_NONE,
    the_best: Mistake.ENOUGH_SMALLEST_GAP,
    words: Mistake.ENOUGH_IN_ANOTHER_ORDER,
}


@pytest.mark.parametrize("function", NAMES, ids=lambda function: function.__name__)
def test_the_rule_is_told(function):
    answers = [function(dict(zip(COUNTS, column, strict=True)), COUNTS) for column in GAPS.T]
    assert answers != [stays(COUNTS, column, 0.05) for column in GAPS.T]
    assert mistake_of_enough(answers, COUNTS, GAPS, 0.05) is NAMES[function]


def test_drawn_counts_are_hardly_ever_told_a_rule():
    drawn = np.random.default_rng(0).choice([0, *COUNTS], size=(1000, GAPS.shape[1])).tolist()
    told = [mistake_of_enough(answers, COUNTS, GAPS, 0.05) for answers in drawn]
    assert sum(name is not Mistake.WRONG_ENOUGH for name in told) <= 5
