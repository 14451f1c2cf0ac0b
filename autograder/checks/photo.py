"""The verdict on a photo's attribution: the student's own picture, baseline, target and map.

The model's scores and its gradients are recomputed here; nothing that the student says about them counts.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from autograder.assignments import TASKS
from autograder.checks.truth import distance
from autograder.evidence import Evidence
from autograder.feedback import MISTAKES, PROPERTIES
from autograder.tolerances import (
    LARGEST_MAP_ERROR,
    MAP_MARGIN,
    MAX_RECOMPUTED_STEPS,
    PIXEL_SLACK,
    RECOMPUTED_GRADIENT,
    RULE_MARGIN,
)
from autograder.verdict import Finding, Verdict
from igref.attribution import scores_and_gradients
from igref.models import load_model

TASK = TASKS["ps1-photo"]
PICTURES = ("image", "baseline")
MAPS = ("attribution", "gradient_times_input")
MODELS = ("efficientnet_lite0",)
MAX_SIDE = 512
CHUNK = 8


class UngradableError(Exception):
    """The study cannot be graded; `mistake` names why and the message says what was seen."""

    def __init__(self, mistake: str, message: str) -> None:
        super().__init__(message)
        self.mistake = mistake


@dataclass(frozen=True)
class Pair:
    """An image and a baseline under a model, and what is true of the path between them."""

    forward: object
    image: Tensor
    baseline: Tensor
    target: int
    n_steps: int

    @cached_property
    def _path(self) -> tuple[np.ndarray, Tensor]:
        """Scores and gradients at the nodes of the trapezoid and of the midpoint rule, in turn."""
        alphas = torch.linspace(0, 1, 2 * self.n_steps + 1).view(-1, 1, 1, 1)
        points = self.baseline + alphas * (self.image - self.baseline)
        targets = torch.tensor([self.target])
        parts = [scores_and_gradients(self.forward, chunk, targets.expand(len(chunk))) for chunk in points.split(CHUNK)]
        return torch.cat([scores for scores, _ in parts]).double().numpy(), torch.cat([g for _, g in parts])

    @property
    def scores(self) -> np.ndarray:
        return self._path[0]

    @property
    def gradients(self) -> Tensor:
        return self._path[1]

    @property
    def difference(self) -> Tensor:
        return self.image - self.baseline

    @property
    def score_difference(self) -> float:
        return float(self.scores[-1] - self.scores[0])

    @cached_property
    def reference(self) -> np.ndarray:
        """IG by the trapezoid rule with 2 n_steps intervals."""
        weights = torch.full((2 * self.n_steps + 1,), 0.5 / self.n_steps)
        weights[[0, -1]] /= 2
        return self._weighted(weights)

    @cached_property
    def rules(self) -> dict[str, np.ndarray]:
        """IG by the rules with n_steps intervals, out of the same gradients."""
        n = self.n_steps
        weights = {name: torch.zeros(2 * n + 1) for name in ("left", "right", "midpoint", "trapezoid")}
        weights["left"][0:-1:2] = weights["right"][2::2] = weights["midpoint"][1::2] = 1 / n
        weights["trapezoid"][2:-1:2] = 1 / n
        weights["trapezoid"][[0, -1]] = 0.5 / n
        return {name: self._weighted(weight) for name, weight in weights.items()}

    @property
    def allowed_map_error(self) -> float:
        worst = max(distance(values, self.reference) for values in self.rules.values())
        return min(MAP_MARGIN * worst + RECOMPUTED_GRADIENT, LARGEST_MAP_ERROR)

    @property
    def allowed_gap(self) -> float:
        """What textbook rules leave at this count: the worst of them, or the panels' errors without their signs."""
        worst = max(abs(values.sum() - self.score_difference) for values in self.rules.values())
        slopes = (self.gradients[::2] * self.difference).flatten(1).sum(dim=1).double().numpy()
        rises = np.diff(self.scores[::2])
        residuals = rises - (slopes[1:] + slopes[:-1]) / (2 * self.n_steps)
        return max(RULE_MARGIN * worst, float(np.abs(residuals).sum())) + RECOMPUTED_GRADIENT

    def _weighted(self, weights: Tensor) -> np.ndarray:
        return (self.difference * torch.tensordot(weights, self.gradients, dims=1)).double().numpy()


def judge(evidence: Evidence, seed: int) -> Verdict:
    """Completeness, the map itself, and gradient x input, each against what the grader computes."""
    try:
        pair, maps = _read(evidence)
    except UngradableError as error:
        return _verdict(dict.fromkeys(TASK.properties, str(error)), error.mistake)
    faults, mistake = {"completeness": "", "map": "", "product": ""}, ""
    attribution = maps.get("attribution")
    if attribution is None:
        faults["completeness"] = faults["map"] = _complaint(evidence, "attribution", pair.image)
        mistake = _shape_mistake(evidence, "attribution", pair.image)
    else:
        gap, error = attribution.sum() - pair.score_difference, distance(attribution, pair.reference)
        if not abs(gap) <= pair.allowed_gap:
            faults["completeness"] = (
                f"the map's sum misses F(x) - F(x') by {abs(gap):.2g}; textbook rules with {pair.n_steps} steps "
                f"leave at most {pair.allowed_gap:.2g}"
            )
        if not error <= pair.allowed_map_error:
            faults["map"] = (
                f"a relative distance of {error:.2g} from the recomputed map; textbook rules with {pair.n_steps} "
                f"steps stay within {pair.allowed_map_error:.2g}"
            )
        if not faults["completeness"] and not error <= LARGEST_MAP_ERROR:
            faults["completeness"] = "the sum fits, around a map that does not"
        if faults["completeness"] or faults["map"]:
            mistake = _likely_mistake(pair, attribution)
    product = maps.get("gradient_times_input")
    if product is None:
        faults["product"] = _complaint(evidence, "gradient_times_input", pair.image)
        mistake = mistake or _shape_mistake(evidence, "gradient_times_input", pair.image)
    else:
        expected = (pair.image * pair.gradients[-1]).double().numpy()
        if not (error := distance(product, expected)) <= RECOMPUTED_GRADIENT:
            faults["product"] = f"a relative distance of {error:.2g} from x dF/dx, expected rounding only"
    return _verdict(faults, mistake)


def _verdict(faults: dict[str, str], mistake: str) -> Verdict:
    findings = tuple(
        Finding(name, PROPERTIES[name], points, not faults[name], faults[name] or "yes")
        for name, points in TASK.properties.items()
    )
    return Verdict(TASK.id, TASK.title, findings, *MISTAKES.get(mistake, ("", "")), mistake)


def _read(evidence: Evidence) -> tuple[Pair, dict[str, np.ndarray]]:
    """The study's parts, each in its proper form; maps that are not are left out.

    Raises:
        UngradableError: a part without which nothing can be recomputed is missing or is wrong.
    """
    arrays, values = evidence.arrays, evidence.record.get("values")
    if not isinstance(values, dict) or "missing" not in evidence.record:
        raise UngradableError("evidence_damaged", "the record is not what submit writes")
    for name in PICTURES:
        if name not in arrays:
            raise UngradableError("missing_part", f"{name} is missing, expected a tensor (3, H, W)")
    for name in ("model", "target", "n_steps"):
        if name not in values:
            raise UngradableError("missing_part", f"{name} is missing")
    forward, n_classes = _load(values["model"], values.get("scores", "probabilities"))
    image, baseline = (_picture(arrays[name], name) for name in PICTURES)
    if image.shape != baseline.shape:
        shapes = f"image has {tuple(image.shape)}, baseline {tuple(baseline.shape)}"
        raise UngradableError("missing_part", f"image and baseline differ in shape: {shapes}")
    if torch.equal(image, baseline):
        raise UngradableError("map_of_another_pair", "the baseline is the image itself, so there is no path")
    target = _whole_number(values["target"], "target", 0, n_classes - 1)
    n_steps = _whole_number(values["n_steps"], "n_steps", 1, 100_000)
    # More steps than this are compared with the rules at this count, which only widens what is allowed.
    pair = Pair(forward, image, baseline, target, min(n_steps, MAX_RECOMPUTED_STEPS))
    shape = tuple(image.shape)
    maps = {name: arrays[name].astype(np.float64) for name in MAPS if _is_map(arrays.get(name), shape)}
    return pair, maps


def _load(name: object, scores: object):
    if name not in MODELS:
        raise UngradableError(
            "unknown_model", f"the model's name is {str(name)[:80]!r}, expected one of {', '.join(MODELS)}"
        )
    model = load_model(name)
    if scores not in ("probabilities", "logits"):
        raise UngradableError("missing_part", f"scores is {str(scores)[:40]!r}, expected 'probabilities' or 'logits'")
    return getattr(model, scores), len(model.categories)


def _picture(array: np.ndarray, name: str) -> Tensor:
    shape = array.shape
    if array.ndim == 4 and shape[0] == 1:
        raise UngradableError("images_batched", f"{name} has the shape {shape}, expected (3, H, W)")
    if array.ndim != 3 or shape[0] != 3 or not 32 <= min(shape[1:]) <= max(shape[1:]) <= MAX_SIDE:
        raise UngradableError(
            "missing_part", f"{name} has the shape {shape}, expected (3, H, W) with sides of 32 to {MAX_SIDE}"
        )
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        raise UngradableError(
            "image_out_of_range", f"{name} has {array.dtype} values or NaN, expected pixels in [0, 1]"
        )
    low, high = float(array.min()), float(array.max())
    if low < -PIXEL_SLACK or high > 1 + PIXEL_SLACK:
        raise UngradableError("image_out_of_range", f"{name} has values from {low:.3g} to {high:.3g}")
    return torch.from_numpy(array.astype(np.float32))


def _whole_number(value: object, name: str, low: int, high: int) -> int:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not low <= value <= high or value != int(value):
        raise UngradableError(
            "missing_part", f"{name} is {repr(value)[:40]}, expected a whole number from {low} to {high}"
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


def _shape_mistake(evidence: Evidence, name: str, image: Tensor) -> str:
    array = evidence.arrays.get(name)
    if array is None:
        return "missing_part"
    if array.shape in (tuple(image.shape[1:]), (1, *image.shape[1:])):
        return "channels_summed"
    return "images_batched" if array.shape == (1, *image.shape) else "missing_part"


def _likely_mistake(pair: Pair, attribution: np.ndarray) -> str:
    trapezoid = pair.rules["trapezoid"]
    difference = pair.difference.double().numpy()
    at_input = pair.gradients[-1].double().numpy()
    with np.errstate(all="ignore"):
        mean_gradient = np.where(difference != 0, trapezoid / difference, np.nan)
    variants = {
        "gradient_times_difference": difference * at_input,
        "gradient_times_input": pair.image.double().numpy() * at_input,
        "gradient_at_input": at_input,
        "sign_reversed": -pair.reference,
        "absolute_value": np.abs(pair.reference),
        "not_averaged": pair.n_steps * pair.reference,
    }
    if not attribution.any():
        return "zeros"
    for name, wrong in variants.items():
        if distance(attribution, wrong) <= pair.allowed_map_error:
            return name
    known = np.isfinite(mean_gradient)
    if known.any() and distance(attribution[known], mean_gradient[known]) <= pair.allowed_map_error:
        return "difference_missing"
    cosine = float((attribution * pair.reference).sum())
    cosine /= max(np.linalg.norm(attribution) * np.linalg.norm(pair.reference), 1e-30)
    return "scaled" if cosine > 1 - pair.allowed_map_error**2 else "map_of_another_pair"
