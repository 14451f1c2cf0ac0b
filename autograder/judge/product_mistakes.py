"""What may be wrong with gradient x input, which the study of a photo hands in beside its map.

As of maps (`autograder.judge.map_mistakes`), one part of the right composition is wrong at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

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


def product_mistake(line: Line, scores: Scores | FileScores, values: np.ndarray) -> Mistake | None:
    """The mistake that gives these values of shape `(*shape)` in place of x dF/dx; None where none of the known ones does."""
    if not np.isfinite(values).all():
        return Mistake.NOT_FINITE
    if not values.any():
        return Mistake.ZEROS
    right = replace(textbook(AT_X), factor=IMAGE)
    for composition in _one_wrong_part(right, line, scores):
        wrong = composition.map(line, 1)
        if np.isfinite(wrong).all() and distance(values, wrong) <= scores.gradient_rounding:
            return named(composition)[0]
    product = right.map(line, 1)
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


def _likely_classes(line: Line) -> Iterator[Part]:
    with torch.no_grad():
        order = line.forward(line.image[None])[0].argsort(descending=True).tolist()
    for target in order[:LIKELY_CLASSES]:
        if target != line.target:
            yield Part(f"class {target}", Mistake.WRONG_CLASS, lambda line, t=target: line.other(target=t))
