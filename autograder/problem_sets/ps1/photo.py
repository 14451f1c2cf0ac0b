"""The verdict on a photo's attribution: the student's own picture, baseline, target and map.

The model's scores and its gradients are recomputed here; nothing that the student says about them counts.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from autograder.judge.maps import Entry, Subject, judge_maps
from autograder.judge.mistakes import Mistake
from autograder.judge.path import Path
from autograder.judge.studies.named_models import UngradableError, load_scores
from autograder.judge.studies.reading import MAX_SIDE, MAX_STEPS, MIN_SIDE, pixels
from autograder.judge.studies.sample import Sample
from autograder.judge.tolerances import RECOMPUTED_GRADIENT
from autograder.judge.truth import distance
from autograder.judge.verdict import Verdict, verdict_of
from autograder.problem_sets import TASKS
from autograder.student.evidence import Evidence

TASK = TASKS["ps1-photo"]
FEWEST_STEPS = 20
PICTURES = ("image", "baseline")
MAPS = ("attribution", "gradient_times_input")


def judge(evidence: Evidence, sample: Sample) -> Verdict:
    """Completeness, the map itself, and gradient x input, each against what the grader computes."""
    try:
        subject, baseline, n_steps, maps = _read(evidence)
    except UngradableError as error:
        return _verdict({one.name: str(error) for one in TASK.properties}, error.mistake)
    image = subject.images[0]
    faults, mistake = {"completeness": "", "map": "", "product": ""}, None
    if "attribution" not in maps:
        faults["completeness"] = faults["map"] = _complaint(evidence, "attribution", image)
        mistake = _shape_mistake(evidence, "attribution", image)
    else:
        found = judge_maps(subject, [Entry("the map", 0, baseline, n_steps, maps["attribution"])], sample)
        faults |= {"completeness": found.completeness, "map": found.map}
        mistake = found.mistake
        if not faults["map"] and n_steps < FEWEST_STEPS:
            faults["map"], mistake = f"{n_steps} steps, expected at least {FEWEST_STEPS}", Mistake.TOO_FEW_STEPS
    product = maps.get("gradient_times_input")
    if product is None:
        faults["product"] = _complaint(evidence, "gradient_times_input", image)
        mistake = mistake or _shape_mistake(evidence, "gradient_times_input", image)
    else:
        path = Path(subject.scores.forward, image, baseline, subject.targets[0])
        expected = (image * path.gradients(np.ones(1))[0]).double().numpy()
        if not (error := distance(product, expected)) <= RECOMPUTED_GRADIENT:
            faults["product"] = f"a relative distance of {error:.2g} from x dF/dx, expected rounding only"
    return _verdict(faults, mistake)


def _verdict(faults: dict[str, str], mistake: Mistake | None) -> Verdict:
    return verdict_of(TASK, faults, [mistake])


def _read(evidence: Evidence) -> tuple[Subject, Tensor, int, dict[str, np.ndarray]]:
    """The study's parts, each in its proper form; maps that are not are left out.

    Raises:
        UngradableError: a part without which nothing can be recomputed is missing or is wrong.
    """
    arrays, values = evidence.arrays, evidence.record.get("values")
    if not isinstance(values, dict) or "missing" not in evidence.record:
        raise UngradableError(Mistake.EVIDENCE_DAMAGED, "the record is not what submit writes")
    for name in PICTURES:
        if name not in arrays:
            raise UngradableError(Mistake.MISSING_PART, f"{name} is missing, expected a tensor (C, H, W)")
    for name in ("model", "target", "n_steps"):
        if name not in values:
            raise UngradableError(Mistake.MISSING_PART, f"{name} is missing")
    scores = load_scores(values["model"], values.get("scores", "probabilities"))
    image, baseline = (_picture(arrays[name], name, len(scores.model.mean)) for name in PICTURES)
    if image.shape != baseline.shape:
        shapes = f"image has {tuple(image.shape)}, baseline {tuple(baseline.shape)}"
        raise UngradableError(Mistake.MISSING_PART, f"image and baseline differ in shape: {shapes}")
    if torch.equal(image, baseline):
        raise UngradableError(Mistake.BASELINE_IS_INPUT, "the baseline is the image itself, so there is no path")
    target = _whole_number(values["target"], "target", 0, scores.n_classes - 1)
    n_steps = _whole_number(values["n_steps"], "n_steps", 1, MAX_STEPS)
    maps = {name: arrays[name].astype(np.float64) for name in MAPS if _is_map(arrays.get(name), tuple(image.shape))}
    return Subject(scores, image[None], [target]), baseline, n_steps, maps


def _picture(array: np.ndarray, name: str, channels: int) -> Tensor:
    shape = array.shape
    if array.ndim == 4 and shape[0] == 1:
        raise UngradableError(Mistake.IMAGES_BATCHED, f"{name} has the shape {shape}, expected ({channels}, H, W)")
    if array.ndim != 3 or shape[0] != channels or not MIN_SIDE <= min(shape[1:]) <= max(shape[1:]) <= MAX_SIDE:
        expected = f"expected ({channels}, H, W) with sides of {MIN_SIDE} to {MAX_SIDE}"
        raise UngradableError(Mistake.MISSING_PART, f"{name} has the shape {shape}, {expected}")
    return pixels(array, name)


def _whole_number(value: object, name: str, low: int, high: int) -> int:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high or value != int(value):
        raise UngradableError(
            Mistake.MISSING_PART, f"{name} is {repr(value)[:40]}, expected a whole number from {low} to {high}"
        )
    return int(value)


def _is_map(array: np.ndarray | None, shape: tuple[int, ...]) -> bool:
    return array is not None and array.shape == shape and array.dtype.kind == "f" and bool(np.isfinite(array).all())


def _complaint(evidence: Evidence, name: str, image: Tensor) -> str:
    expected = f"expected finite numbers of the image's shape {tuple(image.shape)}"
    array = evidence.arrays.get(name)
    if array is None:
        return f"{name} is missing, {expected}"
    if array.shape != tuple(image.shape):
        return f"{name} has the shape {array.shape}, {expected}"
    return f"{name} holds {array.dtype} values or NaN, {expected}"


def _shape_mistake(evidence: Evidence, name: str, image: Tensor) -> Mistake:
    array = evidence.arrays.get(name)
    if array is None:
        return Mistake.MISSING_PART
    if array.shape in (tuple(image.shape[1:]), (1, *image.shape[1:])):
        return Mistake.CHANNELS_SUMMED
    return Mistake.IMAGES_BATCHED if array.shape == (1, *image.shape) else Mistake.MISSING_PART
