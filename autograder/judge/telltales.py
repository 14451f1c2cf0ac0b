"""What answers of no known composition tell of the function: from its numbers alone, one question at a time.

Beside the search for compositions: a cap on the steps, something kept between calls, a picture whose pixels were mixed up, half
precision, and, from networks whose gradient is quadratic along the path, what the weights and points of the sum were.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
import torch

from autograder.judge.compositions import Answered, right_weights
from autograder.judge.line import Line, distance
from autograder.judge.mistakes import Mistake
from autograder.judge.tolerances import ROUNDING, SAME_MAP

SMALLEST, SMALL = 6, 256
"""Numbers of an input between which lines are looked at: fewer leave a fit no room to fail, more take long."""
TOLD_APART = 1e-2
"""The least singular value, of the largest, with which three terms of a gradient are three."""
CAPS = (5, 8, 10, 16, 20, 25, 30, 32, 40, 50, 64, 100)
REPRESENTABLE = 2e-6
"""What a product of two float32 numbers may miss a number in half precision by."""
HALF = (torch.bfloat16, torch.float16)


def telltale(answered: Sequence[Answered], failed: Sequence[int]) -> Mistake | None:
    """The mistake that the answers tell; None where they tell none.

    Args:
        answered: all of a function's answers in the order of the calls, right and wrong.
        failed: which of them are wrong.
    """
    wrong = [k for k in failed if np.isfinite(answered[k][2]).all() and answered[k][2].any()]
    if not wrong:
        return None
    for tells, mistake in (
        (lambda answered, _: is_capped(answered), Mistake.STEPS_CAPPED),
        (_is_kept, Mistake.KEPT_BETWEEN_CALLS),
        (_is_mixed_up, Mistake.PLACES_MIXED_UP),
        (_is_half, Mistake.HALF_PRECISION),
    ):
        if tells(answered, wrong):
            return mistake
    return wrong_sum(answered)


def is_capped(answered: Sequence[Answered]) -> bool:
    """Whether a textbook rule with no more than so many steps gives all answers. Ask first whether one with n_steps does."""
    many_first = sorted(answered, key=lambda one: (not one[0].bends, -one[1]))
    return any(
        all(_near(line.weighted(*rule.of(min(n, cap))), values) for line, n, values in many_first)
        for cap, rule in product(CAPS, right_weights())
    )


def _is_kept(answered: Sequence[Answered], wrong: Sequence[int]) -> bool:
    """Whether each wrong answer is what an earlier call's path, gradients or result would give."""
    if any(answered[k][0].image.numel() > SMALL for k in wrong):
        return False
    return any(
        all(any(_near(values, answered[k][2]) for values in _of_earlier(answered, k, rule.of)) for k in wrong)
        for rule in right_weights()
    )


def _of_earlier(answered: Sequence[Answered], k: int, rule) -> Iterator[np.ndarray]:
    line, n, _ = answered[k]
    nodes, weights = rule(n)
    for earlier, _, result in answered[:k]:
        if earlier.image.shape == line.image.shape:
            on_its_path = line.other(image=earlier.image, baseline=earlier.baseline)
            yield line.difference * on_its_path.mean_gradient(nodes, weights)
            yield line.difference * earlier.mean_gradient(nodes, weights)
            yield result


def _is_mixed_up(answered: Sequence[Answered], wrong: Sequence[int]) -> bool:
    """Whether the wrong answers are pictures with a rule's numbers in another order."""
    if any(answered[k][0].image.ndim != 3 for k in wrong):
        return False
    return any(
        all(
            _near(np.sort(line.weighted(*rule.of(n)), axis=None), np.sort(values, axis=None))
            for line, n, values in (answered[k] for k in wrong)
        )
        for rule in right_weights()
    )


def _is_half(answered: Sequence[Answered], wrong: Sequence[int]) -> bool:
    """Whether the mean gradients, or their sums, are numbers that half precision has."""
    return any(
        all(
            _represents(kind, _quotient(line, values) * (n if summed else 1))
            for line, n, values in (answered[k] for k in wrong)
        )
        for kind in HALF
        for summed in (False, True)
    )


def _quotient(line: Line, values: np.ndarray) -> np.ndarray:
    moved = line.difference != 0
    return values[moved] / line.difference[moved]


def _represents(kind: torch.dtype, numbers: np.ndarray) -> bool:
    given = torch.from_numpy(np.ascontiguousarray(numbers))
    return bool((given - given.to(kind).double()).abs().le(REPRESENTABLE * given.abs()).all()) and bool(given.any())


def wrong_sum(answered: Sequence[Answered]) -> Mistake | None:
    """What is wrong with weights or points, where the gradients of the path are all that the answers are made of."""
    moments = [(n, _moments(line, values)) for line, n, values in answered if _is_quadratic(line)]
    known = [(n, found) for n, found in moments if found is not None]
    if len(known) < 2 or len(known) < len(moments):
        return None
    if any(abs(total - 1) > SAME_MAP for _, (total, _, _) in known):
        return Mistake.WEIGHTS_DO_NOT_ADD_UP
    # Where each point lies in a piece of its own, n pieces of 1/n, neither mean can be farther off than one of them.
    far = (max(abs(mean - 1 / 2), abs(square - 1 / 3)) > 1 / n + SAME_MAP for n, (_, mean, square) in known)
    return Mistake.POINTS_NOT_SPREAD if any(far) else None


def _moments(line: Line, values: np.ndarray) -> np.ndarray | None:
    """The sums of w, w alpha and w alpha^2 over a function's weights and points; None where none give its values."""
    basis = np.stack([(line.difference * c).ravel() for c in _coefficients(line)], axis=1)
    found, *_ = np.linalg.lstsq(basis, values.ravel(), rcond=1e-9)
    rest = np.linalg.norm(basis @ found - values.ravel())
    return found if rest <= 10 * ROUNDING * np.linalg.norm(values) else None


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


def _near(values: np.ndarray, others: np.ndarray) -> bool:
    return distance(values, others) <= 10 * ROUNDING
