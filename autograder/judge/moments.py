"""What the weights and points of a sum were, from networks whose gradient is quadratic along the path.

There an answer is (x - x') (m0 c0 + m1 c1 + m2 c2), with the known c of the gradient c0 + c1 alpha + c2 alpha^2, and the sums m of
w, w alpha and w alpha^2 over a function's weights and points. So the m can be read off, whatever the rule was.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np

from autograder.judge.compositions import FACTORS, PATHS, TARGETS, Answered, Part, rise
from autograder.judge.line import Line, distance
from autograder.judge.mistakes import Mistake
from autograder.judge.tolerances import ROUNDING, SAME_MAP

SMALLEST, SMALL = 6, 256
"""Numbers of an input between which lines are looked at: fewer leave a fit no room to fail, more take long."""
TOLD_APART = 1e-2
"""The least singular value, of the largest, with which three terms of a gradient are three."""
Choice = tuple[Part, Part, Part]
"""A path, a target and a factor."""
RIGHT: Choice = (PATHS[0], TARGETS[0], FACTORS[0])


def wrong_sum(answered: Sequence[Answered]) -> Mistake | None:
    """What is wrong with weights or points, where the gradients of the path are all that the answers are made of."""
    known = _all_moments(answered, RIGHT, even=False)
    return _of_moments(known) if known else None


def wrong_sum_beside(answered: Sequence[Answered]) -> tuple[Mistake, ...]:
    """What is wrong where a wrong path, target or factor, or the same number on all features, goes with some sum; else empty."""
    if not any(values.any() for _, _, values in answered):
        return ()
    choices = sorted((one for one in product(PATHS[:2], TARGETS, FACTORS) if _count(one) <= 2), key=_count)
    for even, choice in product((False, True), choices):
        if known := _all_moments(answered, choice, even):
            told = _of_moments(known)
            spread = _name_of_even(answered) if even else None
            found = (*(part.mistake for part in choice), told, spread)
            return tuple(one for one in found if one)
    return ()


def is_right_where_flat(answered: Sequence[Answered]) -> bool:
    """Whether the answers are right where the gradient is one and the same on the whole path."""
    flat = [(line, values) for line, _, values in answered if not line.bends]
    return len(flat) > 1 and all(distance(values, line.rule("right", 1)) <= 10 * ROUNDING for line, values in flat)


def is_off_the_path(answered: Sequence[Answered]) -> bool:
    """Whether the answers are right where the gradient is one and the same, and elsewhere no weights on the path give them."""
    quadratic = [(line, values) for line, _, values in answered if _is_quadratic(line)]
    told = (_moments(line, line.difference, values, even=False) for line, values in quadratic)
    return len(quadratic) > 1 and is_right_where_flat(answered) and all(moments is None for moments in told)


def _count(choice: Choice) -> int:
    return sum(part.mistake is not None for part in choice)


def _all_moments(answered: Sequence[Answered], choice: Choice, even: bool) -> list[tuple[int, np.ndarray]]:
    """Number of steps and moments of each answer that tells them; empty where not two do, or one is not made of this choice."""
    path, target, factor = choice
    known = []
    for line, n, values in answered:
        taken = target.of(path.of(line))
        if _is_quadratic(taken):
            found = _moments(taken, factor.of(line), values, even)
            if found is None:
                return []
            known.append((n, found))
    return known if len(known) > 1 else []


def _of_moments(known: Sequence[tuple[int, np.ndarray]]) -> Mistake | None:
    if any(abs(total - 1) > SAME_MAP for _, (total, _, _) in known):
        # Where the same count has several totals, it is not weights but gradients or maps that were changed.
        differ = _differ_with_one_count([(n, total) for n, (total, _, _) in known])
        return None if differ else Mistake.WEIGHTS_DO_NOT_ADD_UP
    # Where each point lies in a piece of its own, n pieces of 1/n, neither mean can be farther off than one of them.
    far = (max(abs(mean - 1 / 2), abs(square - 1 / 3)) > 1 / n + SAME_MAP for n, (_, mean, square) in known)
    return Mistake.POINTS_NOT_SPREAD if any(far) else None


def _differ_with_one_count(totals: Sequence[tuple[int, float]]) -> bool:
    return any(n == m and abs(one - two) > SAME_MAP * abs(one) for (n, one), (m, two) in combinations(totals, 2))


def _name_of_even(answered: Sequence[Answered]) -> Mistake:
    """What the same number on all features is for."""
    fits = all(abs(values.sum() - rise(line)) <= SAME_MAP * np.abs(values).sum() for line, _, values in answered)
    return Mistake.GAP_SPREAD if fits else Mistake.RESCALED_FOR_DISPLAY


def _moments(line: Line, factor: np.ndarray, values: np.ndarray, even: bool) -> np.ndarray | None:
    """The sums of w, w alpha and w alpha^2; None where none give the values. `even`: beside the same number on all features."""
    terms = [factor * c for c in _coefficients(line)] + [np.ones_like(factor)] * even
    basis = np.stack([term.ravel() for term in terms], axis=1)
    found, *_ = np.linalg.lstsq(basis, values.ravel(), rcond=1e-9)
    rest = np.linalg.norm(basis @ found - values.ravel())
    return found[:3] if rest <= 10 * ROUNDING * np.linalg.norm(values) else None


def _coefficients(line: Line) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """c of the gradient c0 + c1 alpha + c2 alpha^2 along the path."""
    start, middle, end = line.gradients_at(np.array([0.0, 0.5, 1.0]))
    return start, 4 * middle - 3 * start - end, 2 * (start + end) - 4 * middle


def _is_quadratic(line: Line) -> bool:
    """Whether the gradient is a polynomial of degree two along the path, with a basis that tells its three terms apart."""
    if not SMALLEST <= line.image.numel() <= SMALL:
        return False
    basis = np.stack([c.ravel() for c in _coefficients(line)])
    within = line.gradients_at(np.array([0.25]))[0].ravel()
    sizes = np.linalg.svd(basis, compute_uv=False)
    return sizes[-1] > TOLD_APART * sizes[0] and np.allclose(np.array([1, 1 / 4, 1 / 16]) @ basis, within, rtol=1e-4)
