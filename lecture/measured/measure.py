"""Measures the report's findings on the kit's network and photos."""

from collections.abc import Sequence

import torch
from scipy.stats import spearmanr
from torch import Tensor
from tqdm import tqdm

import igref
from igref.models import Classifier
from igref.plots import channel_sum

TOLERANCE = 0.05
STEPS = (5, 10, 20, 50, 100, 110, 200, 220, 275, 550, 1100)
IN_A_ROW = 2  # of the counts above: that one of them is within can be luck
PAIRS = (
    *(("chelsea", name) for name in ("black", "blurred", "uniform", "gaussian", "maximum_distance")),
    *(("coffee", name) for name in ("black", "blurred")),
    *(("flower", name) for name in ("black", "blurred")),
    ("china", "black"),
)
SHARES = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)
BASELINES = ("black", "white", "blurred", "uniform", "gaussian", "maximum_distance")
ZOOMS = (1.0, 1.5, 2.0, 2.5, 3.0)
ANGLES = (0, 15, 30, 45, 90, 180)


def measure(model: Classifier) -> dict:
    """What measured.json holds; most of the time is that of the steps, 1,201 gradients for each of ten pairs."""
    photos = {photo.name: photo.pixels for photo in igref.load_photos()}
    parts = {
        "sums": lambda: sums(model, photos, tuple(photos)),
        "masking": lambda: masking(model, torch.stack(list(photos.values()))),
        "correlations": lambda: correlations(model, photos["chelsea"]),
        "labels": lambda: labels(model, photos),
        "steps": lambda: [steps(model, photos[name], name, baseline) for name, baseline in tqdm(PAIRS, desc="pairs")],
    }
    return {name: part() for name, part in parts.items()}


def sums(model: Classifier, photos: dict[str, Tensor], names: Sequence[str]) -> list[dict]:
    """Figure 1: the sums of IG (blurred, 50 midpoint steps) and of gradient x image, beside the rise of the score."""
    images = torch.stack([photos[name] for name in names])
    targets = model.probabilities(images).argmax(1)
    found = igref.integrated_gradients(model.probabilities, images, igref.make_baseline("blurred", images), targets)
    by_gradient = igref.gradient_times_input(model.probabilities, images, targets)
    return [
        {
            "photo": name,
            "label": model.categories[target],
            "rise": _digits(found.scores[n] - found.baseline_scores[n]),
            "ig": _digits(found.values[n].double().sum()),
            "gradient": _digits(by_gradient[n].double().sum()),
        }
        for n, (name, target) in enumerate(zip(names, targets.tolist(), strict=True))
    ]


def masking(model: Classifier, images: Tensor) -> dict[str, dict]:
    """Areas under three curves for three maps: mean and 95 % interval, and each photo's; a random ranking beside them."""
    forward = model.probabilities
    targets = forward(images).argmax(1)
    maps = {"gradient x image": igref.gradient_times_input(forward, images, targets)}
    for name in ("blurred", "black"):
        baselines = igref.make_baseline(name, images)
        maps[f"IG, {name}"] = igref.integrated_gradients(forward, images, baselines, targets).values
    curves = {
        "deletion": lambda values: igref.deletion_curve(forward, images, values, targets, fractions=SHARES),
        "insertion": lambda values: igref.insertion_curve(forward, images, values, targets, fractions=SHARES),
        "retention": lambda values: igref.retention_curve(forward, images, values, targets, fractions=SHARES, patch=8),
    }
    areas: dict[str, dict] = {}
    for measure_name, curve_of in curves.items():
        areas[measure_name] = {}
        for name, values in maps.items():
            curve = curve_of(values)
            each = [_digits(area) for area in curve.area]
            interval = [_digits(end) for end in curve.interval()]
            areas[measure_name][name] = {"mean": _digits(curve.area.mean()), "interval": interval, "each": each}
        chance = curve.random_area
        areas[measure_name]["random"] = {"mean": _digits(chance.mean()), "each": [_digits(area) for area in chance]}
    return areas


def correlations(model: Classifier, image: Tensor) -> dict:
    """Figure 2: Spearman's rank correlation of the maps of one photo, 32 midpoint steps, and the baselines' scores."""
    inputs = image[None]
    target = int(model.probabilities(inputs).argmax())
    maps, scores = {}, {}
    for name in BASELINES:
        found = igref.integrated_gradients(
            model.probabilities, inputs, igref.make_baseline(name, inputs), target, n_steps=32
        )
        maps[name], scores[name] = channel_sum(found.values[0]).flatten(), _digits(found.baseline_scores)
    ranks = {
        f"{one} {other}": _digits(spearmanr(maps[one], maps[other]).statistic)
        for k, one in enumerate(BASELINES)
        for other in BASELINES[:k]
    }
    return {"ranks": ranks, "baseline_scores": scores}


def labels(model: Classifier, photos: dict[str, Tensor]) -> dict[str, dict]:
    """Figure 3: what the network says, and how surely, of each photo enlarged and of each photo turned."""

    def said(images: list[Tensor]) -> list[list]:
        tops = model.probabilities(torch.stack(images)).max(1)
        return [[model.categories[k], _digits(p)] for p, k in zip(tops.values, tops.indices.tolist(), strict=True)]

    return {
        "zoom": {name: said([igref.zoom(image, by) for by in ZOOMS]) for name, image in photos.items()},
        "rotation": {name: said([igref.rotate(image, by) for by in ANGLES]) for name, image in photos.items()},
    }


def steps(model: Classifier, image: Tensor, photo: str, baseline: str, counts: Sequence[int] = STEPS) -> dict:
    """One row of the table of step counts: the trapezoid's relative gap and map error at each, and where the gap stays small."""
    inputs = image[None]
    target = int(model.probabilities(inputs).argmax())
    start = igref.make_baseline(baseline, inputs)
    sweep = igref.step_sweep(model.probabilities, inputs, start, target, steps=counts, rule="trapezoid")
    return {
        "photo": photo,
        "baseline": baseline,
        "rise": _digits(sweep.scores - sweep.baseline_scores),
        "gap": {str(n): _digits(gap) for n, gap in zip(counts, sweep.relative_gap, strict=True)},
        "map_error": {str(n): _digits(error) for n, error in zip(counts, sweep.map_error, strict=True)},
        "within": sweep.stays_within(TOLERANCE, in_a_row=min(IN_A_ROW, len(counts)))[0],
    }


def _digits(value: float | Tensor) -> float:
    return float(f"{float(value):.6g}")
