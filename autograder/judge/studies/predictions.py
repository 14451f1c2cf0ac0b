"""Whether the predictions that a study states are the model's, and whose else they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import torch
from torch import Tensor

from autograder.judge.mistakes import Mistake
from autograder.judge.studies.submitted_study import HandedInStudy, Subject
from autograder.judge.tolerances import PREDICTION_TIE
from autograder.judge.verdict import NO_FAULT, Fault, UngradableError

FEWEST = 3
"""So many predictions that are not the model's, at least, have to follow a rule before it is named."""


def predictions_fault(study: HandedInStudy, subject: Subject) -> Fault:
    """Whether the stated predictions are the model's.

    Raises:
        UngradableError: they are missing, or no class numbers.
    """
    images = subject.images
    stated = torch.tensor(study.whole_numbers("predictions", images, subject.scores.n_classes))
    real = _scores(subject.scores.forward, images)
    of_stated = real.gather(1, stated[:, None])[:, 0]
    off = of_stated < real.max(dim=1).values - PREDICTION_TIE
    if not off.any():
        return NO_FAULT
    wrong = off.nonzero().flatten().tolist()
    mistake = Mistake.WRONG_PREDICTIONS
    if len(wrong) >= FEWEST:
        others = _others(study, subject, real, stated)
        mistake = next((name for name, other in others if torch.equal(other[: len(stated)], stated)), mistake)
    elif torch.equal(torch.tensor(subject.targets), stated):
        mistake = Mistake.PREDICTIONS_ARE_TARGETS
    return Fault(f"{len(wrong)} of {len(images)} are not what the model says, image {wrong[0]} first", mistake)


def _scores(forward: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.cat([forward(chunk) for chunk in images.split(8)])


def _others(study: HandedInStudy, subject: Subject, real: Tensor, stated: Tensor) -> Iterator[tuple[Mistake, Tensor]]:
    """What else the stated class numbers, (N,), may be."""
    predicted, targets = real.argmax(dim=1), torch.tensor(subject.targets)
    yield Mistake.PREDICTIONS_OVER_PICTURES, real.argmax(dim=0)
    yield Mistake.PREDICTIONS_OVER_PICTURES, _scores(subject.scores.other_kind, subject.images).argmax(dim=0)
    if len(predicted.unique()) >= FEWEST and torch.equal(predicted.sort().values, stated.sort().values):
        yield Mistake.PREDICTIONS_IN_ANOTHER_ORDER, stated
    for array in _baselines(study):
        with suppress(UngradableError):
            baselines = study.batch("baseline", array, subject.images)
            yield Mistake.PREDICTIONS_OF_BASELINES, _scores(subject.scores.forward, baselines).argmax(dim=1)
    order = real.argsort(dim=1, descending=True)
    for place in range(1, min(5, order.shape[1])):
        yield Mistake.PREDICTIONS_NOT_FIRST, order[:, place]
    yield Mistake.PREDICTIONS_NOT_FIRST, order[:, -1]
    yield Mistake.PREDICTIONS_NOT_FIRST, real.abs().argmax(dim=1)
    yield Mistake.PREDICTIONS_FROM_ONE, predicted + 1
    yield Mistake.PREDICTIONS_FROM_ONE, predicted - 1
    for one in predicted.unique():
        yield Mistake.PREDICTION_OF_ONE_PICTURE, one.expand(len(predicted))
    yield Mistake.PREDICTIONS_ARE_TARGETS, targets  # last, as most targets are the predictions, whatever these are
    yield Mistake.PREDICTIONS_ARE_TARGETS, torch.arange(len(real))


def _baselines(study: HandedInStudy) -> list[np.ndarray]:
    """Those of a study of baselines, or the one of a study of steps."""
    if "baseline" in study.arrays:
        return [study.arrays["baseline"]]
    try:
        return list(study.stacks("baselines").values())
    except UngradableError:
        return []
