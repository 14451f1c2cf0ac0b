"""A study as it was handed in, read part by part: what is in its proper form, and what is wrong with the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograder.judge.deadline import Deadline
from autograder.judge.line import Line
from autograder.judge.mistakes import Mistake
from autograder.judge.studies.model_files import FileScores, load_file_scores
from autograder.judge.studies.named_models import Scores, load_scores
from autograder.judge.studies.sample import Sample
from autograder.judge.tolerances import PIXEL_SLACK
from autograder.judge.verdict import UngradableError
from autograder.student.evidence import Evidence
from autograder.student.record import MAX_IMAGES, MAX_STUDY_BYTES, MODEL_FILES, StudyRecord

MIN_SIDE, MAX_SIDE = 8, 512
MAX_STEPS = 100_000
WHOLE = 1e-6


class HandedInStudy:
    """The parts of one study's evidence."""

    def __init__(self, evidence: Evidence[StudyRecord]) -> None:
        self.record, self.arrays = evidence.record, evidence.arrays
        self.values, self.names = self.record.values, self.record.names
        self._dtypes = {id(array): self.record.dtypes.get(name, "") for name, array in self.arrays.items()}

    def given(self, name: str) -> bool:
        return name in self.values or name in self.arrays or name in self.names

    def value(self, name: str, otherwise: Any = None) -> Any:
        """A text or a number.

        Raises:
            UngradableError: it is missing, and there is no other value for it.
        """
        if name in self.values:
            return self.values[name]
        if otherwise is None:
            raise UngradableError(Mistake.MISSING_PART, self._missing(name))
        return otherwise

    def images(self, channels: int | None = None) -> Tensor:
        """The images, (N, C, H, W) float32 in [0, 1].

        Raises:
            UngradableError: they are missing, or not images of that form.
        """
        if "images" not in self.arrays:
            raise UngradableError(Mistake.MISSING_PART, self._missing("images", "a tensor (N, C, H, W)"))
        array = self.arrays["images"]
        if array.ndim != 4 or not _sides_fit(array):
            expected = f"expected (N, C, H, W) with sides of {MIN_SIDE} to {MAX_SIDE}"
            raise UngradableError(Mistake.WRONG_SHAPE, f"images has the shape {array.shape}, {expected}")
        if len(array) > MAX_IMAGES:
            raise UngradableError(Mistake.EVIDENCE_DAMAGED, f"{len(array)} images; submit keeps at most {MAX_IMAGES}")
        if channels is not None and array.shape[1] != channels:
            hint = ": move the channels to the front" if array.shape[3] == channels else ""
            shape = f"the shape {array.shape}, and the model takes {channels} channels, (N, {channels}, H, W)"
            raise UngradableError(Mistake.WRONG_SHAPE, f"images has {shape}{hint}")
        return pixels(array, "images")

    def picture(self, name: str, channels: int | None = None) -> Tensor:
        """One picture as a batch of one, (1, C, H, W) float32 in [0, 1].

        Raises:
            UngradableError: it is missing, or not a picture of that form.
        """
        expected = f"({channels or 'C'}, H, W)"
        if name not in self.arrays:
            raise UngradableError(Mistake.MISSING_PART, self._missing(name, f"a tensor {expected}"))
        array = self.arrays[name]
        if array.ndim == 4 and len(array) == 1:
            raise UngradableError(Mistake.IMAGES_BATCHED, f"{name} has the shape {array.shape}, expected {expected}")
        if array.ndim != 3 or len(array) != (channels or len(array)) or not _sides_fit(array):
            expected = f"expected {expected} with sides of {MIN_SIDE} to {MAX_SIDE}"
            raise UngradableError(Mistake.WRONG_SHAPE, f"{name} has the shape {array.shape}, {expected}")
        return pixels(array, name)[None]

    def map_of(self, name: str, image: Tensor) -> np.ndarray:
        """A map of one picture, (C, H, W) float64. It may hold NaN.

        Raises:
            UngradableError: it is missing, has another shape or holds integers.
        """
        shape = tuple(image.shape)
        if name not in self.arrays:
            raise UngradableError(Mistake.MISSING_PART, self._missing(name, f"a tensor {shape}"))
        array = self.arrays[name]
        if array.shape != shape:
            mistake = Mistake.IMAGES_BATCHED if array.shape == (1, *shape) else Mistake.WRONG_SHAPE
            if array.shape in (shape[1:], (1, *shape[1:])):
                mistake = Mistake.CHANNELS_SUMMED if shape[0] > 1 else Mistake.AXIS_MISSING
            raise UngradableError(mistake, f"{name} has the shape {array.shape}, expected {shape} like the image")
        return _real_numbers(name, array)

    def batch(self, name: str, array: np.ndarray, images: Tensor) -> Tensor:
        """Pictures beside the images, (N, C, H, W); one picture, (C, H, W), stands for all.

        Raises:
            UngradableError: they have another shape or range.
        """
        one = array.shape in (tuple(images.shape[1:]), (1, *images.shape[1:]))
        if not one and array.shape != tuple(images.shape):
            expected = f"expected {tuple(images.shape)} like the images, or {tuple(images.shape[1:])} for all of them"
            raise UngradableError(Mistake.WRONG_SHAPE, f"{name} has the shape {array.shape}, {expected}")
        batch = pixels(array, name)
        return batch.reshape(-1, *images.shape[1:]).expand(images.shape).contiguous()

    def maps(self, name: str, array: np.ndarray, images: Tensor) -> np.ndarray:
        """Maps of the images' shape, float64. They may hold NaN.

        Raises:
            UngradableError: they have another shape, are integers or are in half precision.
        """
        shape = tuple(images.shape)
        if array.shape != shape:
            mistake, hint = Mistake.WRONG_SHAPE, ""
            if shape[1] == 1 and array.shape == (shape[0], *shape[2:]):
                mistake, hint = Mistake.AXIS_MISSING, ": the axis of the one channel is missing"
            elif array.shape in ((shape[0], *shape[2:]), (shape[0], 1, *shape[2:])):
                mistake, hint = Mistake.CHANNELS_SUMMED, ": the channels were summed"
            elif array.ndim == 4 and (array.shape[0], array.shape[3], *array.shape[1:3]) == shape:
                hint = ": move the channels to the front"
            raise UngradableError(mistake, f"{name} has the shape {array.shape}, expected {shape}{hint}")
        values = _real_numbers(name, array)
        if (dtype := self._dtypes.get(id(array))) in ("float16", "bfloat16"):
            raise UngradableError(Mistake.HALF_PRECISION, f"{name} is in {dtype}, expected float32 or float64")
        return values

    def stacks(self, name: str) -> dict[str, np.ndarray]:
        """A part that maps names to arrays. Names that submit could not store are left out.

        Raises:
            UngradableError: it is missing or empty.
        """
        names = self.names.get(name)
        if not names:
            raise UngradableError(Mistake.MISSING_PART, self._missing(name, "a dictionary of tensors"))
        found = {key: self.arrays[f"{name}.{k}"] for k, key in enumerate(names) if f"{name}.{k}" in self.arrays}
        if not found:
            raise UngradableError(Mistake.MISSING_PART, f"{name} holds no tensors, expected a dictionary of tensors")
        return found

    def counts(self, name: str) -> dict[int, np.ndarray]:
        """A part that maps step counts to arrays, from the smallest count up.

        Raises:
            UngradableError: it is missing, or a key is not a whole number.
        """
        counts = {}
        for key, array in self.stacks(name).items():
            try:
                number = float(key)
            except ValueError:
                number = -1.0
            if not 1 <= number <= MAX_STEPS or number != int(number):
                raise UngradableError(
                    Mistake.WRONG_COUNTS, f"{name} has the key {key[:40]!r}, expected a number of steps"
                )
            counts[int(number)] = array
        return dict(sorted(counts.items()))

    def whole_numbers(
        self, name: str, images: Tensor, below: int, mistake: Mistake = Mistake.WRONG_CLASS_INDEX
    ) -> list[int]:
        """One whole number for each image, from 0 up; a single one stands for all. `mistake` is what others are told.

        Raises:
            UngradableError: they are missing, too few or many, or not such numbers.
        """
        value = self.values.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            array = np.full(len(images), value if abs(value) < below else -1.0)  # some whole numbers are no float64
        elif name in self.arrays:
            array = self.arrays[name].astype(np.float64)
        else:
            raise UngradableError(Mistake.MISSING_PART, self._missing(name, "one whole number for each image"))
        array = np.repeat(array.ravel(), len(images)) if array.size == 1 else array
        if array.shape != (len(images),):
            raise UngradableError(Mistake.WRONG_SHAPE, f"{name} has the shape {array.shape}, expected ({len(images)},)")
        whole = np.isfinite(array).all() and (np.abs(array - np.round(array)) < WHOLE).all()
        if not whole or array.min() < 0 or array.max() >= below:
            raise UngradableError(mistake, f"{name} holds values other than whole numbers from 0 to {below - 1}")
        return np.round(array).astype(int).tolist()

    def n_steps(self) -> int:
        """The number of steps.

        Raises:
            UngradableError: it is missing or not a whole number from 1 up.
        """
        value = self.value("n_steps")
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 1 <= value <= MAX_STEPS or value != int(value):
            raise UngradableError(
                Mistake.WRONG_COUNTS, f"n_steps is {repr(value)[:40]}, expected a whole number of at least 1"
            )
        return int(value)

    def _missing(self, name: str, expected: str = "") -> str:
        kind = self.record.types.get(name, "NoneType")
        came = "it is missing" if kind == "NoneType" else f"a {kind[:40]} came that holds no numbers"
        return f"{name}: {came}" + (f", expected {expected}" if expected else "")


@dataclass(frozen=True)
class Subject:
    """What the maps of a study are about: a model's scores, images (N, C, H, W) and their targets; and how long that may take."""

    scores: Scores | FileScores
    images: Tensor
    targets: Sequence[int]
    deadline: Deadline = field(default_factory=Deadline)

    def line(self, n: int, baseline: Tensor) -> Line:
        """The path from a baseline (C, H, W) to image n."""
        return Line(self.scores.forward, self.images[n], baseline, self.targets[n], self.deadline)


def read_subject(
    study: HandedInStudy, sample: Sample, *, pictures: str = "images", targets: str = "targets"
) -> Subject:
    """The model's scores, the images and the targets. `pictures` of "image" is one picture, a batch of one.

    Raises:
        UngradableError: one of them is missing or wrong, so that nothing can be recomputed.
    """
    name, kind = study.value("model"), study.value("scores", "probabilities")
    scores: Scores | FileScores
    if isinstance(name, str) and name.endswith(MODEL_FILES):
        images = _pictures(study, pictures, None)
        scores = load_file_scores(study.record, study.arrays, kind, images, sample.open_model)
    else:
        scores = load_scores(name, kind, sample.kept)
        images = _pictures(study, pictures, len(scores.model.mean))
    return Subject(scores, images, study.whole_numbers(targets, images, scores.n_classes), sample.deadline)


def _pictures(study: HandedInStudy, part: str, channels: int | None) -> Tensor:
    return study.images(channels) if part == "images" else study.picture(part, channels)


def number_given(study: HandedInStudy, kept: int) -> int:
    """How many images were handed in. The record says it, and is believed only where `submit` had to leave some out."""
    size = sum(array.nbytes for array in study.arrays.values())
    left_out = kept >= MAX_IMAGES or size >= MAX_STUDY_BYTES / 2
    return max(study.record.images_given, kept) if left_out else kept


def _sides_fit(array: np.ndarray) -> bool:
    return MIN_SIDE <= min(array.shape[-2:]) <= max(array.shape[-2:]) <= MAX_SIDE


def _real_numbers(name: str, array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f":
        raise UngradableError(Mistake.WRONG_DTYPE, f"{name} holds {array.dtype}, expected floating point numbers")
    return array.astype(np.float64)


def pixels(array: np.ndarray, name: str) -> Tensor:
    """An array of pixels in [0, 1] as a float32 tensor.

    Raises:
        UngradableError: they are integers, not finite, or out of range.
    """
    if not np.isfinite(array).all():
        raise UngradableError(Mistake.NOT_FINITE, f"{name} holds NaN or infinity, expected pixels in [0, 1]")
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if low < -PIXEL_SLACK or high > 1 + PIXEL_SLACK:
        mistake = Mistake.IMAGE_OUT_OF_RANGE if low >= -PIXEL_SLACK and 2 < high <= 255 else Mistake.IMAGE_NORMALISED
        values = f"{array.dtype} values from {low:.3g} to {high:.3g}"
        raise UngradableError(mistake, f"{name} has {values}, expected pixels in [0, 1]")
    if array.dtype.kind != "f":
        raise UngradableError(
            Mistake.WRONG_DTYPE, f"{name} has {array.dtype} values, expected floating point pixels in [0, 1]"
        )
    return torch.from_numpy(np.array(array, dtype=np.float32))
