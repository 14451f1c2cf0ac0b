"""What may be wrong with gradient x input, which the study of a photo hands in beside its map.

As of maps (`autograder.judge.map_mistakes`), one part of the right composition is wrong at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

import numpy as np
import torch

from autograder.judge.compositions import (
    CHANNELS,
    EACH,
    RANGES,
    SCORES,
    SIGNS,
    TARGETS,
    Composition,
    Part,
    named,
    textbook,
)
from autograder.judge.line import Line, distance, equal_weights
from autograder.judge.map_mistakes import normalised_twice
from autograder.judge.mistakes import Mistake
from autograder.judge.studies.model_files import FileScores
from autograder.judge.studies.named_models import Scores
from autograder.judge.tolerances import PROPORTIONAL_MAP

LIKELY_CLASSES = 5
AT_X = Part("at x", None, lambda n: equal_weights(np.ones(1)))
IMAGE = Part("x", None, lambda line: line.image.double().numpy())
OTHER_FACTORS = (
    Part("none", Mistake.PRODUCT_WITHOUT_IMAGE, lambda line: np.ones_like(line.difference)),
    Part("x - x'", Mistake.PRODUCT_WITHOUT_IMAGE, lambda line: line.difference),
)


def product_mistake(line: Line, scores: Scores | FileScores, values: np.ndarray, n_steps: int) -> Mistake | None:
    """The mistake that gives these values of shape `(*shape)` in place of x dF/dx; None where none of the known ones does.

    `n_steps` is that of the map beside it, whose loop may have left its last gradient.
    """
    if not np.isfinite(values).all():
        return Mistake.NOT_FINITE
    if not values.any():
        return Mistake.ZEROS
    right = replace(textbook(AT_X), factor=IMAGE)
    known = (_one_wrong_part(right, line, scores), _at_other_points(right, n_steps), _normalised(right, line, scores))
    product = right.map(line, 1)
    for composition in chain.from_iterable(known):
        line.deadline.check()
        wrong = composition.map(line, 1)
        if np.isfinite(wrong).all() and distance(values, wrong) <= scores.gradient_rounding:
            return named(composition)[0]
        if (
            composition.score.mistake is Mistake.LOG_PROBABILITY
            and distance(values, -wrong) <= scores.gradient_rounding
        ):
            # Where the probability is one to rounding, the right product with its sign reversed is this loss's as well.
            of_sign = distance(values, -product) <= scores.gradient_rounding
            return Mistake.SIGN_REVERSED if of_sign else Mistake.LOSS_DIFFERENTIATED
    cosine = float((values * product).sum() / (np.linalg.norm(values) * np.linalg.norm(product)))
    if abs(cosine) > 1 - PROPORTIONAL_MAP:
        return Mistake.SCALED if cosine > 0 else Mistake.SIGN_REVERSED
    return None


def _one_wrong_part(right: Composition, line: Line, scores: Scores | FileScores) -> Iterator[Composition]:
    parts = {
        "factor": OTHER_FACTORS,
        "each": EACH[1:],
        "channels": CHANNELS[1:],
        "signs": SIGNS[1:],
        "ranges": RANGES[1:],
    }
    other_kind = Part("other kind", Mistake.OTHER_SCORES, lambda forward: scores.other_kind)
    parts |= {"target": (*_likely_classes(line), *TARGETS[1:]), "score": (other_kind, *SCORES[1:])}
    for name, choices in parts.items():
        for part in choices:
            yield replace(right, **{name: part})


def _at_other_points(right: Composition, n_steps: int) -> Iterator[Composition]:
    """The gradients at both ends of a loop over the path: of its left sum, its midpoints, and its right sum; or at its middle.

    The middle is what integrated gradients with a single midpoint ask about.
    """
    last, middle = (n_steps - 1) / n_steps, (n_steps - 0.5) / n_steps
    for node in (last, middle, 0.0, 1 / n_steps, 0.5 / n_steps, 0.5):
        at = Part(f"at {node}", Mistake.GRADIENT_OF_ANOTHER_POINT, lambda n, node=node: equal_weights(np.array([node])))
        yield replace(right, weights=at)


def _normalised(right: Composition, line: Line, scores: Scores | FileScores) -> Iterator[Composition]:
    for twice, of_pixels in normalised_twice(line, scores):
        yield replace(right, path=twice)
        yield replace(right, path=twice, factor=Part("normalised x", None, lambda line, of=of_pixels: of(line.image)))


def _likely_classes(line: Line) -> Iterator[Part]:
    with torch.no_grad():
        order = line.forward(line.image[None])[0].argsort(descending=True).tolist()
    for target in order[:LIKELY_CLASSES]:
        if target != line.target:
            yield Part(f"class {target}", Mistake.WRONG_CLASS, lambda line, t=target: line.other(target=t))
