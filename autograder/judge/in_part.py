"""What a function that no composition explains does wrong at least: one respect of several, told by answers that show it alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations, product

import numpy as np
import torch

from autograder.judge.compositions import (
    SCORES,
    SIGNS,
    TARGETS,
    Answered,
    Part,
    Space,
    explain,
    gradients_at_x,
    named,
    of_planes,
    textbook,
)
from autograder.judge.line import distance
from autograder.judge.mistakes import Mistake
from autograder.judge.tolerances import ROUNDING, SAME_MAP

FEWEST_FLAT = 2
"""So many answers on planes, at least, have to follow a composition."""
NEAR, MOST_OF_A_NEAR_ONE = 0.3, 2
"""The relative distance up to which an answer is near to another gradient, of at most so many mistakes."""
FEWEST_ALIKE = 3
"""So many features, at least, are the same in x and in a baseline before what they got says something."""


def told_in_part(answered: Sequence[Answered], failed: Sequence[int]) -> tuple[Mistake, ...]:
    """What some of the answers tell, whatever else is wrong; empty where they tell nothing.

    Args:
        answered: all answers of a function, right and wrong.
        failed: which of them are wrong.
    """
    finite = [k for k in failed if np.isfinite(answered[k][2]).all()]
    found = on_planes(answered, finite)
    if _is_not_zero_where_alike(answered):
        found = (*found, Mistake.NOT_ZERO_WHERE_ALIKE)
    if not found and _is_the_same_from_two_baselines(answered, finite):
        found = (Mistake.BASELINE_IGNORED,)
    return found


def on_planes(
    answered: Sequence[Answered], failed: Sequence[int], space: Callable[[], Space] = of_planes
) -> tuple[Mistake, ...]:
    """The mistakes of a composition that gives all answers where F is a plane, and the points on the path do not matter."""
    flat = [k for k, (line, *_) in enumerate(answered) if not line.bends]
    wrong = [place for place, k in enumerate(flat) if k in failed]
    if len(flat) < FEWEST_FLAT or not wrong or not np.isfinite([answered[k][2].sum() for k in flat]).all():
        return ()
    found = explain([answered[k] for k in flat], wrong, space)
    return found.mistakes if found is not None else ()


def near_a_gradient(answered: Sequence[Answered]) -> tuple[Mistake, ...]:
    """The mistakes of the simplest gradient at x, of another score, class, factor or sign, to which 7 answers in 8 are near.

    What is near to it and no more is a mean over points around x, or a difference quotient.
    """
    space = gradients_at_x()
    choices = sorted(product(SCORES, TARGETS, space.factors, SIGNS), key=_count)
    for score, target, factor, signs in choices:
        if _count((score, target, factor, signs)) > MOST_OF_A_NEAR_ONE:
            break
        if any(part.alone for part in (score, target)) and score.mistake and target.mistake:
            continue
        one = replace(textbook(space.weights[0]), score=score, target=target, factor=factor, signs=signs)
        far = sum(not distance(values, one.map(line, 1)) <= NEAR for line, _, values in answered)
        if far <= (len(answered) // 8 if one.mistakes else 0):
            return named(one) or (Mistake.GRADIENT_ELSEWHERE,)
    return ()


def _count(parts: Sequence[Part]) -> int:
    return sum(part.mistake is not None for part in parts)


def _is_not_zero_where_alike(answered: Sequence[Answered]) -> bool:
    """Whether what is the same in x and the baseline got more than rounding: only what the multiplication leaves is 0."""
    alike = [
        (line.difference == 0, values) for line, _, values in answered if (line.difference == 0).sum() >= FEWEST_ALIKE
    ]
    return any(np.abs(values[same]).max() > SAME_MAP * np.abs(values).max() for same, values in alike)


def _is_the_same_from_two_baselines(answered: Sequence[Answered], failed: Sequence[int]) -> bool:
    """Whether a question about the same x, from another baseline, had the same answer."""
    return any(
        one[0].target == two[0].target
        and one[1] == two[1]
        and torch.equal(one[0].image, two[0].image)
        and not torch.equal(one[0].baseline, two[0].baseline)
        and bool(one[2].any())
        and np.allclose(one[2], two[2], rtol=ROUNDING, atol=0)
        for one, two in combinations([answered[k] for k in failed], 2)
    )
