"""A model that a student hands in as a file: its scores, differentiable, whoever runs it.

This module starts nothing. Whoever asks for a verdict says how such a file is run; in the grader that is a sandbox of its own
(`autograder.sandbox.model_process`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from autograder.judge.mistakes import Mistake
from autograder.judge.studies.named_models import SCORES
from autograder.judge.tolerances import (
    CONVERTED_GRADIENT,
    FOREIGN_GRADIENTS,
    GRADIENT_NEAR_A_KINK,
    LEAST_STEP,
    REPEATED_SCORE,
    SMALL_STEPS,
)
from autograder.judge.verdict import NotVerifiedError, UngradableError
from autograder.student.record import MODEL_FILE, StudyRecord


class UnfitModelError(Exception):
    """The file is not a model that turns these pictures into scores, always the same; the message says why."""

    def __init__(self, message: str, mistake: Mistake = Mistake.MODEL_FILE_UNREADABLE) -> None:
        super().__init__(message)
        self.mistake = mistake


class NotRunError(Exception):
    """The model cannot be run or differentiated here; `mistake` names why and the message says what was seen."""

    def __init__(self, mistake: Mistake, message: str) -> None:
        super().__init__(message)
        self.mistake = mistake


class RunningModel(Protocol):
    """A model that runs somewhere else. Points are (B, C, H, W), scores (B, K), all float32.

    Both methods raise UnfitModelError or NotRunError.
    """

    def scores(self, points: np.ndarray, keep: bool) -> np.ndarray: ...

    def gradients(self, points: np.ndarray, weights: np.ndarray) -> np.ndarray: ...


OpenModel = Callable[[bytes, str], RunningModel]
"""From a file's content and its suffix to the running model. Raises NotRunError."""


def not_run(content: bytes, suffix: str) -> RunningModel:
    """Where nobody runs models from files. Raises NotRunError."""
    raise NotRunError(Mistake.MODEL_FILE_NOT_HERE, "models from files are not run here")


class FileScores:
    """The scores of a model from a file, as a study's maps explain them: `forward` is differentiable as a network of torch is.

    Attributes:
        kind: what the study says that its maps explain; the model's output is taken as just that.
        name: the file's.
        gradient_rounding: how far a gradient may be from a student's by rounding alone, relative L2.
        n_classes: the number of scores for each picture, once the model has run.
    """

    normalisation = None
    in_float64 = None

    def __init__(self, running: RunningModel, name: str, kind: str) -> None:
        self.gradient_rounding = CONVERTED_GRADIENT if name.endswith(".onnx") else GRADIENT_NEAR_A_KINK
        self.kind, self.n_classes = kind, 0
        self._running, self.name = running, name

    def forward(self, points: Tensor) -> Tensor:
        """Scores (B, K) of points (B, C, H, W).

        Raises:
            UngradableError: the model does not take these points, or gives no finite scores.
            NotVerifiedError: the model exceeds the limits, or cannot be differentiated.
        """
        return _Elsewhere.apply(points, self)

    def other_kind(self, points: Tensor) -> Tensor:
        """Probabilities, where the model gives logits; what they would be, where it is said to give probabilities."""
        return self.forward(points).softmax(dim=1)

    def scores(self, points: np.ndarray, keep: bool = False) -> np.ndarray:
        """Scores without gradients. Raises what `forward` does."""
        scores = self._asked(self._running.scores, points, keep)
        if scores.shape[1] != (self.n_classes or scores.shape[1]):
            seen = f"gives {scores.shape[1]} scores, and {self.n_classes} before"
            raise UngradableError(Mistake.MODEL_FILE_UNREADABLE, f"the model “{self.name}” {seen}")
        self.n_classes = scores.shape[1]
        return scores

    def gradients(self, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Gradients of the scores' weighted sums. Raises what `forward` does."""
        return self._asked(self._running.gradients, points, weights)

    def _asked(self, ask: Callable[..., np.ndarray], points: np.ndarray, *rest: Any) -> np.ndarray:
        try:
            numbers = ask(points, *rest)
        except UnfitModelError as error:
            raise UngradableError(error.mistake, f"the model “{self.name}”: {error}") from None
        except NotRunError as error:
            raise NotVerifiedError(error.mistake, f"the model “{self.name}” {error}") from None
        if not np.isfinite(numbers).all():
            raise UngradableError(Mistake.NOT_FINITE, f"the model “{self.name}” gives NaN or infinity")
        return numbers


class _Elsewhere(torch.autograd.Function):
    """Scores and their gradients from a model in another process."""

    @staticmethod
    def forward(ctx: Any, points: Tensor, model: FileScores) -> Tensor:
        ctx.save_for_backward(points)
        ctx.model = model
        return torch.from_numpy(model.scores(_array(points), ctx.needs_input_grad[0]).copy())

    @staticmethod
    def backward(ctx: Any, weights: Tensor) -> tuple[Tensor, None]:
        (points,) = ctx.saved_tensors
        return torch.from_numpy(ctx.model.gradients(_array(points), _array(weights)).copy()), None


def _array(values: Tensor) -> np.ndarray:
    return np.ascontiguousarray(values.detach().float().numpy())


def load_file_scores(
    record: StudyRecord, arrays: Mapping[str, np.ndarray], kind: object, images: Tensor, open_model: OpenModel
) -> FileScores:
    """The scores of the model in a study's evidence, tried on its images.

    Raises:
        UngradableError: the file is not there or not a model of such images, or its scores change from run to run.
        NotVerifiedError: it cannot be run here.
    """
    name = str(record.values["model"])[:80]
    if kind not in SCORES:
        raise UngradableError(
            Mistake.MISSING_PART, f"scores is {str(kind)[:40]!r}, expected 'probabilities' or 'logits'"
        )
    content = arrays.get(MODEL_FILE)
    if content is None or content.dtype != np.uint8 or not content.size:
        problem = record.model_file_problem or "it was not handed in"
        raise UngradableError(Mistake.MODEL_FILE_MISSING, f"the model “{name}”: {problem}")
    try:
        running = open_model(content.tobytes(), PurePath(name).suffix)
    except NotRunError as error:
        raise NotVerifiedError(error.mistake, f"the model “{name}”: {error}") from None
    scores = FileScores(running, name, str(kind))
    pictures = _array(images)
    first = scores.scores(pictures)
    # Backwards, in other company, alone, and over and over: dropout and batch statistics left on would show.
    again = [
        (first, scores.scores(np.concatenate([pictures, 1 - pictures])[::-1])[::-1][: len(pictures)]),
        (first[:1], scores.scores(pictures[:1])),
        (first[-1:], scores.scores(np.repeat(pictures[-1:], 3, axis=0))),
    ]
    if not all(np.abs(one - other).max() <= REPEATED_SCORE * max(1.0, np.abs(first).max()) for one, other in again):
        seen = "gives the same image other scores the second time"
        raise UngradableError(Mistake.MODEL_FILE_NOT_FIXED, f"the model “{name}” {seen}")
    return scores


def refuse_foreign_gradients(scores: FileScores, points: Tensor, targets: np.ndarray, seed: int) -> None:
    """Hold the gradients against what the scores do in small steps in random directions, which no path of a study takes.

    A model can give gradients that are not its scores' own (what is detached passes straight through), and any map with them.
    `points` (B, C, H, W) lie on the paths of the study's maps, `targets` (B,) are their classes.

    Raises:
        NotVerifiedError: they have nothing to do with each other.
    """
    given, rows = _array(points), np.arange(len(points))
    chosen = np.zeros((len(points), scores.n_classes), np.float32)
    chosen[rows, targets] = 1
    signs = np.random.default_rng(seed).choice(np.array([-1, 1], np.float32), given.shape)
    stated = (scores.gradients(given, chosen).astype(float) * signs).sum((1, 2, 3))
    largest = float(np.abs(scores.scores(given)).max())
    unlike = []
    for step in SMALL_STEPS:
        ahead, behind = (scores.scores(given + side * step * signs)[rows, targets].astype(float) for side in (1, -1))
        seen = (ahead - behind) / (2 * step)
        moves = np.abs(seen).sum() + np.abs(stated).sum()
        if moves * step > LEAST_STEP * len(points) * largest:  # else it is rounding
            unlike.append(float(np.abs(seen - stated).sum() / moves))
    if unlike and min(unlike) > FOREIGN_GRADIENTS:
        what = "gives gradients that are not its scores' own: in small steps its scores do not change as they say"
        raise NotVerifiedError(Mistake.MODEL_FILE_UNREADABLE, f"the model “{scores.name}” {what}")
