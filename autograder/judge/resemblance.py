"""What wrong answers of no known composition look like: invariants that hold whatever the rule."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from autograder.judge.compositions import (
    CHANNELS,
    EACH,
    FACTORS,
    MEANS,
    PATHS,
    RANGES,
    SCORES,
    SIGNS,
    TARGETS,
    WHICH_GRADIENTS,
    Composition,
    Explanation,
    Part,
    fine_weights,
    rise,
)
from autograder.judge.line import FEW_STEPS, distance
from autograder.judge.mistakes import Mistake
from autograder.judge.moments import is_off_the_path, is_right_where_flat
from autograder.judge.tolerances import PROPORTIONAL, ROUNDING, SAME_MAP
from autograder.judge.truth import Question

Answered = Sequence[tuple[Question, np.ndarray]]
MOSTLY = 0.3
"""What a constant and a factor leave of what a factor alone leaves, where there is a constant. Else it is nearly as much."""


NOT_ZERO = 1e-3
"""Values of a map above this share of its largest are not zero."""
LITTLE, MOSTLY_SHARES = 0.05, 0.1
"""The gap of an answer from a path with a bend, relative to its values, and relative to how wrong they are."""


def resemblance(answered: Answered, failed: Sequence[int]) -> tuple[Mistake, ...]:
    """What the wrong answers of a function have in common; empty where it is nothing that is known.

    Args:
        answered: all its answers, right and wrong.
        failed: which of them are wrong.
    """
    wrong = [answered[k] for k in failed if np.isfinite(answered[k][1]).all()]
    if not wrong:
        return ()
    if all(not values.any() for _, values in wrong):
        return (Mistake.ZEROS,)
    if _has_zeros(wrong):
        return (Mistake.PARTS_ZEROED,)
    if all(_is_multiple(values, question.exact) for question, values in wrong):
        return (Mistake.SCALED,)
    if all(_is_affine_image(values, question) for question, values in wrong):
        return (Mistake.RESCALED_FOR_DISPLAY,)
    if _has_no_negative_values(answered, wrong):
        return (Mistake.NO_NEGATIVE_VALUES,)
    if _is_alike_over_channels(wrong):
        return (Mistake.CHANNELS_AVERAGED,)
    return _beside_the_path(answered, wrong)


def is_rounded(values: np.ndarray, right: np.ndarray, allowed: float) -> bool:
    """Whether values are right ones, but for `allowed` of their norm, that were rounded to one to four decimals.

    >>> is_rounded(np.array([0.12, 0.0, -0.5]), np.array([0.1249, 0.0032, -0.4987]), 0.0)
    True
    >>> is_rounded(np.array([0.1249, 0.0032, -0.4987]), np.array([0.1249, 0.0032, -0.4987]), 0.0)
    True
    >>> is_rounded(np.array([0.12491, 0.0]), np.array([0.12491, 0.00321]), 0.0)
    False
    """
    for unit in (0.1, 0.01, 0.001, 0.0001):
        of_unit = values / unit
        slack = ROUNDING * (1 + np.abs(of_unit))
        if (np.abs(of_unit - np.round(of_unit)) <= slack).all():
            most = unit * (0.5 + ROUNDING) * values.size**0.5 + allowed * float(np.linalg.norm(right))
            return float(np.linalg.norm(values - right)) <= most
    return False


def zeroed(values: np.ndarray, right: np.ndarray, allowed: float) -> np.ndarray | None:
    """Which values are zero where they should not be, with all others right; None where those are not, or no value is.

    >>> zeroed(np.array([0.0, 2.0, 0.0]), np.array([1.0, 2.0, -1.0]), 0.01)
    array([ True, False,  True])
    >>> zeroed(np.array([0.0, 3.0, 0.0]), np.array([1.0, 2.0, -1.0]), 0.01) is None
    True
    """
    gone = (values == 0) & (np.abs(right) > NOT_ZERO * np.abs(right).max())
    off = np.linalg.norm(np.where(gone, 0.0, values - right))
    return gone if gone.any() and off <= allowed * np.linalg.norm(right) else None


def _has_zeros(wrong: Answered) -> bool:
    """Whether all wrong answers are right but for zeros, of which some stand for positive values."""
    found = [(zeroed(values, question.exact, question.allowed_error), question.exact) for question, values in wrong]
    if len(found) < 2 or any(gone is None for gone, _ in found):
        return False
    return any((right[gone] > 0).any() for gone, right in found) and sum(bool(values.any()) for _, values in wrong) > 1


def _beside_the_path(answered: Answered, wrong: Answered) -> tuple[Mistake, ...]:
    """What becomes of another path, and of another way to share out the change of the score."""
    finite = [(question, values) for question, values in answered if np.isfinite(values).all()]
    gaps = [_gap(values, question) for question, values in finite]
    if (
        sum(gap <= SAME_MAP for gap in gaps) >= len(gaps) - len(gaps) // 8
    ):  # where all gradients vanish, there is nothing to share
        return (Mistake.MADE_TO_ADD_UP,)
    lines = [(question.line, question.n_steps, values) for question, values in finite]
    adds_up = all(
        gap <= min(question.allowed_error, LITTLE)
        for gap, (question, _) in zip(gaps, finite, strict=True)
        if question.n_steps > FEW_STEPS  # with fewer, every rule leaves a gap
    )
    if (
        adds_up
        and is_right_where_flat(lines)
        and all(_is_mostly_shares(values, question) for question, values in wrong)
    ):
        return (Mistake.PATH_WITH_A_BEND,)
    return (Mistake.POINTS_OFF_THE_PATH,) if is_off_the_path(lines) else ()


def _has_no_negative_values(answered: Answered, wrong: Answered) -> bool:
    """Whether no answer has a negative value, where two wrong ones in three should have: the others have another fault, too."""
    if any(values.min() < 0 for _, values in answered if np.isfinite(values).all()):
        return False
    should = [question.exact.min() < -ROUNDING * np.abs(question.exact).max() for question, _ in wrong]
    return sum(should) >= 2 / 3 * len(should)


def _is_mostly_shares(values: np.ndarray, question: Question) -> bool:
    """Whether wrong values are wrong in how they are shared out, and their sum is not."""
    return _gap(values, question) <= MOSTLY_SHARES * question.relative_error(values)


def _is_alike_over_channels(wrong: Answered) -> bool:
    """Whether at least two wrong maps of coloured pictures, and all of them, have the same values in each channel."""
    coloured = [values for question, values in wrong if values.ndim == 3 and len(values) > 1]
    return len(coloured) > 1 and all(np.ptp(one, axis=0).max() <= ROUNDING * np.abs(one).max() for one in coloured)


def _gap(values: np.ndarray, question: Question) -> float:
    """What the sum misses F(x) - F(x') by, relative to the values' size."""
    return abs(float(values.sum()) - rise(question.line)) / max(float(np.abs(values).sum()), 1e-300)


def nearest(answered: Answered, failed: Sequence[int]) -> Explanation | None:
    """The simplest composition whose integral all the answers are as near to as a rule is to the truth; None where none is.

    The arguments are those of `resemblance`.
    """
    wrong = [answered[k] for k in failed]
    if not wrong:
        return None
    kinds = (SCORES, TARGETS, PATHS, FACTORS, SIGNS)
    choices = sorted((choice for choice in product(*kinds) if 0 < _count(choice) <= 2), key=_count)
    # A rare part stands alone among score, target and path, as in the search for compositions.
    choices = [one for one in choices if _count(one[:3]) == 1 or not any(part.alone for part in one[:3])]
    for score, target, path, factor, signs in choices:
        composition = Composition(
            fine_weights(),
            WHICH_GRADIENTS[0],
            path,
            score,
            target,
            EACH[0],
            MEANS[0],
            factor,
            CHANNELS[0],
            signs,
            RANGES[0],
        )
        if all(_is_near(composition, question, values) for question, values in (*wrong, *answered)):
            return Explanation(composition, lambda *sums: 1.0, composition.mistakes)
    return None


def _count(choice: Sequence[Part]) -> int:
    return sum(part.mistake is not None for part in choice)


def _is_near(composition: Composition, question: Question, values: np.ndarray) -> bool:
    expected = composition.map(question.line, question.n_steps)
    return distance(values, expected) <= min(question.allowed_error, 0.3)


def _is_affine_image(values: np.ndarray, question: Question) -> bool:
    """Whether the values are a constant and a positive multiple of the truth, as near as a rule may be."""
    exact, given = question.exact.ravel(), values.ravel()
    slope = float(np.cov(exact, given, bias=True)[0, 1] / max(exact.var(), 1e-300))
    rest = float(np.linalg.norm(given - given.mean() - slope * (exact - exact.mean())))
    # The constant has to be what is wrong: without it far more is left.
    without = given - float(given @ exact) / max(float(exact @ exact), 1e-300) * exact
    as_near = rest <= slope * np.linalg.norm(exact) * min(question.allowed_error, 0.3)
    return slope > 0 and as_near and rest <= MOSTLY * float(np.linalg.norm(without))


def _is_multiple(values: np.ndarray, reference: np.ndarray) -> bool:
    norms = np.linalg.norm(values) * np.linalg.norm(reference)
    return bool(norms > 0 and 1 - float((values * reference).sum()) / norms < PROPORTIONAL)
