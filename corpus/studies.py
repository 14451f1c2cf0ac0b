"""Studies as students hand them in: the arguments of `submit`, right but for what is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from corpus.maps import Job, midpoint, trapezoid
from corpus.models import Material, material

Study = dict[str, Any]
ComputeMap = Callable[[Job], Tensor]
STEPS = (5, 10, 20, 50, 100, 200)


def baselines_of(images: Tensor) -> dict[str, Tensor]:
    """A blank baseline and three of one's own, in plain torch."""
    generator = torch.Generator().manual_seed(1)
    kernel = 2 * (images.shape[2] // 8) + 1
    return {
        "black": torch.zeros_like(images),
        "noise": torch.rand(images.shape, generator=generator),
        "blurred": torch.nn.functional.avg_pool2d(images, kernel, 1, kernel // 2),
        "maximum distance": (images < 0.5).to(images),
    }


def stack(m: Material, baselines: Tensor, targets: Tensor, n: int, compute: ComputeMap, scores: str) -> Tensor:
    """One map for each image."""
    forward = getattr(m.model, scores)
    jobs = zip(m.images, baselines, targets.tolist(), strict=True)
    return torch.stack([compute(Job(forward, x, x0, target, n)).detach() for x, x0, target in jobs])


def photo(model: str, compute: ComputeMap = midpoint, *, n: int = 50, which: int = 9, **changed: Any) -> Study:
    """ps1's study of one image."""
    m = material(model)
    image, scores = m.images[which], changed.get("scores", "probabilities")
    baseline = changed.get("baseline", torch.zeros_like(image))
    target = int(changed.get("target", m.top[which]))
    forward = getattr(m.model, scores)
    job = Job(forward, image, baseline, target, n)
    x = image.clone().requires_grad_()
    forward(x[None])[0, target].backward()
    study = {"model": model, "scores": scores, "image": image, "baseline": baseline, "target": target, "n_steps": n}
    return study | {"attribution": compute(job).detach(), "gradient_times_input": image * x.grad} | changed


def of_baselines(
    model: str,
    compute: ComputeMap = midpoint,
    *,
    n: int = 50,
    names: tuple[str, ...] = ("black", "noise", "blurred"),
    material_of: Material | None = None,
    wrong: ComputeMap | None = None,
    **changed: Any,
) -> Study:
    """ps2's study. `wrong` computes the maps of all but the first baseline, where it is given."""
    m = material_of or material(model)
    scores = changed.get("scores", "probabilities")
    targets = changed.get("targets", m.top)
    baselines = changed.get("baselines", baselines_of(m.images))
    study = {"model": model, "scores": scores, "images": m.images, "targets": targets, "predictions": m.top}
    maps = {
        name: stack(m, baselines[name], targets, n, compute if k == 0 or wrong is None else wrong, scores)
        for k, name in enumerate(names)
    }
    return study | {"n_steps": n, "baselines": baselines, "attributions": maps} | changed


def of_steps(
    model: str,
    compute: ComputeMap = trapezoid,
    *,
    rule: str = "trapezoid",
    steps: tuple[int, ...] = STEPS,
    material_of: Material | None = None,
    wrong_at: tuple[int, ...] | None = None,
    wrong: ComputeMap | None = None,
    **changed: Any,
) -> Study:
    """ps3's study. `wrong` computes the maps at the counts `wrong_at` (all, by default), where it is given."""
    m = material_of or material(model)
    scores = changed.get("scores", "probabilities")
    targets = changed.get("targets", m.top)
    baseline = changed.get("baseline", torch.zeros_like(m.images[0]))
    batch = baseline.expand_as(m.images)
    maps = {
        n: stack(m, batch, targets, n, wrong if wrong and (wrong_at is None or n in wrong_at) else compute, scores)
        for n in steps
    }
    gaps = gaps_of(m, batch, targets, maps, scores)
    study = {"model": model, "scores": scores, "images": m.images, "targets": targets, "predictions": m.top}
    study |= {"baseline": baseline, "rule": rule, "attributions": maps, "gaps": gaps, "enough": enough_of(gaps)}
    study["enough_steps"] = enough_of
    return study | changed


def gaps_of(m: Material, baselines: Tensor, targets: Tensor, maps: dict[int, Tensor], scores: str) -> dict[int, Tensor]:
    """The relative gaps of maps as they are."""
    forward, rows = getattr(m.model, scores), torch.arange(len(m.images))
    with torch.no_grad():
        rise = (forward(m.images) - forward(baselines))[rows, targets].double()
    return {
        n: (stack.double().reshape(len(stack), -1).sum(1) - rise).abs() / rise.abs()
        if len(stack) == len(rise)
        else torch.zeros(len(rise))
        for n, stack in maps.items()
    }


def enough_of(gaps: dict[int, Tensor], tolerance: float = 0.05) -> Tensor:
    """The smallest count from which on the gap stays within the tolerance, 0 where none does."""
    enough = torch.zeros(len(next(iter(gaps.values()))), dtype=torch.long)
    for k in range(len(enough)):
        for n in sorted(gaps, reverse=True):
            if not gaps[n][k] <= tolerance:
                break
            enough[k] = n
    return enough


def retention(forward, x: Tensor, attribution: Tensor, target: int) -> float:
    """The course chapter's measure: hide the pixels of low attribution, look at the score."""
    order = attribution.sum(0).flatten().argsort(descending=True, stable=True)
    pictures = []
    for share in (0.1, 0.3, 0.5, 0.7):
        keep = torch.zeros(order.numel(), dtype=torch.bool)
        keep[order[: int(share * len(order))]] = True
        pictures.append(torch.where(keep.view(x.shape[1:]), x, x.mean((1, 2), keepdim=True)))
    with torch.no_grad():
        return float(forward(torch.stack(pictures))[:, target].mean())


def scored(study: Study, measure: Callable = retention, key: str = "attributions") -> Study:
    """A study with the measure's numbers beside its maps, for ps4, and forward for models that only the corpus has."""
    from corpus.models import load

    forward = getattr(load(study["model"]), study["scores"])
    images, targets = study["images"], study["targets"]
    quality = {
        name: np.array([measure(forward, images[k], values[k], int(targets[k])) for k in range(len(images))])
        for name, values in study[key].items()
    }
    kept = {name: part for name, part in study.items() if name not in ("predictions", "gaps", "enough")}
    return {**kept, "quality": quality, "forward": forward}
