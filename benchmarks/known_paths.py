"""Paths that are known well: gradients at so many nodes that every rule and mode can be held against their sum.

The nodes are those of the trapezoid and Gauss-Legendre rules that are compared, and up to 257 more where panels were cut
by the map. What is kept of the gradients of a path is their table of inner products, times (x - x'): the length of any
sum or difference of them follows from it. A path is measured once and kept in `cache/`, as it does not depend on
what is compared on it.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import igref
from igref.attribution.chunking import batches
from igref.attribution.core import scores_and_gradients
from igref.attribution.quadrature import nodes_and_weights
from igref.memory import keep_freed_memory
from igref.torchvision_import import import_torchvision

CACHE = Path(__file__).parent / "cache"
BASELINES = ("black", "blurred", "uniform", "gaussian", "maximum_distance")
FINEST_TRAPEZOID = 128
GAUSS_LEGENDRE = (9, 17, 33, 65, 129)
CUT_TO = 257
AT_ONCE = {"cpu": 5, "cuda": 32}


@cache
def setting(model: str, device: str = "cpu"):
    """The scores of a model, pictures (N, C, H, W) and the class that it says for each."""
    torch.set_num_threads(1)
    keep_freed_memory()
    if model == "resnet50":
        network, inputs = _random_resnet50()
        network.to(device)
        forward = lambda x: network((x - 0.45) / 0.225)  # noqa: E731
    elif model == "digits_cnn":
        from sklearn.datasets import load_digits

        inputs = torch.tensor(load_digits().images[-10:] / 16, dtype=torch.float32)[:, None]
        forward = igref.load_model(model).to(device).probabilities
    else:
        inputs = torch.stack([photo.pixels for photo in igref.load_photos()])
        forward = igref.load_model(model).to(device).probabilities
    inputs = inputs.to(device)
    with torch.no_grad():
        return forward, inputs, forward(inputs).argmax(1)


def _random_resnet50() -> tuple[torch.nn.Module, Tensor]:
    """A ResNet-50 as it is before training, photos of 64 x 64, scores before the softmax.

    Its running statistics are those of the photos: without them its scores grow to where a softmax has no slope.
    """
    torch.manual_seed(0)
    network = import_torchvision().models.resnet50(weights=None).to(memory_format=torch.channels_last)
    inputs = torch.stack([photo.pixels for photo in igref.load_photos(size=64)])
    with torch.no_grad():
        for _ in range(50):
            network((inputs - 0.45) / 0.225)
    network.eval().requires_grad_(False)
    return network, inputs


def pairs(model: str, baselines: tuple[str, ...] = BASELINES) -> list[tuple[str, int, str]]:
    """Every picture with every baseline, in an order that mixes both."""
    every = [(model, n, baseline) for n in range(10) for baseline in baselines]
    return [every[k] for k in torch.randperm(len(every), generator=torch.Generator().manual_seed(1)).tolist()]


def pair(model: str, n: int, baseline: str, device: str = "cpu") -> tuple[object, Tensor, Tensor, Tensor]:
    """forward, x (1, C, H, W), x' and the target."""
    forward, inputs, targets = setting(model, device)
    options = {"sigma": inputs.shape[-1] * 20 / 224} if baseline == "blurred" else {}
    x0 = igref.make_baseline(baseline, inputs, **options)[n : n + 1]
    return forward, inputs[n : n + 1], x0, targets[n : n + 1]


def path_file(model: str, n: int, baseline: str, device: str = "cpu") -> Path:
    return CACHE / f"{model}-{n}-{baseline}{'' if device == 'cpu' else f'-{device}'}.npz"


def known_path(model: str, n: int, baseline: str, device: str = "cpu") -> dict[str, np.ndarray]:
    """Positions, scores and inner products (K, K) of the map's integrand there, and the reference map."""
    file = path_file(model, n, baseline, device)
    if not file.exists():
        CACHE.mkdir(exist_ok=True)
        np.savez(file, **_measure(*pair(model, n, baseline, device)))
    with np.load(file) as kept:
        return dict(kept)


def _measure(forward, x: Tensor, x0: Tensor, target: Tensor) -> dict[str, np.ndarray]:
    known: dict[float, Tensor] = {}
    scores: dict[float, float] = {}
    at_once = AT_ONCE[x.device.type]

    def look(positions) -> None:
        new = [a for a in dict.fromkeys(positions) if a not in known]
        for asked, n_points in batches(len(new), at_once, x):
            some = new[asked]
            some += some[-1:] * (n_points - len(some))
            points = x0 + torch.tensor(some).to(x0).view(-1, 1, 1, 1) * (x - x0)
            values, gradients = scores_and_gradients(forward, points, target.expand(len(some)))
            known.update(zip(some, (gradients * (x - x0)).flatten(1), strict=True))
            scores.update(zip(some, values.tolist(), strict=True))

    look(np.linspace(0, 1, 9).tolist())
    panels = {k / 8: (1 / 8, float((known[(k + 1) / 8] - known[k / 8]).norm()) / 8) for k in range(8)}
    while len(known) < CUT_TO:
        worst = sorted(panels, key=lambda a: -panels[a][1])[:at_once]
        look([a + panels[a][0] / 2 for a in worst])
        for a in worst:
            half = panels[a][0] / 2
            for left in (a, a + half):
                panels[left] = (half, half * float((known[left + half] - known[left]).norm()))
    look(np.linspace(0, 1, FINEST_TRAPEZOID + 1).tolist())
    for count in GAUSS_LEGENDRE:
        look(nodes_and_weights("gauss_legendre", count)[0].tolist())

    positions = torch.tensor(sorted(known), dtype=torch.float64)
    rows = torch.stack([known[a] for a in positions.tolist()])
    known.clear()
    inner = sum((part := some.double()) @ part.T for some in rows.split(8192, dim=1))
    weights = trapezoid_weights(positions).to(rows.device)
    reference = torch.cat([weights @ some.double() for some in rows.split(8192, dim=1)])
    return {
        "positions": positions.numpy(),
        "scores": np.array([scores[a] for a in positions.tolist()]),
        "inner": inner.cpu().numpy(),
        "reference": reference.float().cpu().numpy(),
    }


def trapezoid_weights(positions: Tensor) -> Tensor:
    """Each position has half the width of its two panels."""
    weights = torch.zeros_like(positions)
    weights[:-1] += positions.diff() / 2
    weights[1:] += positions.diff() / 2
    return weights


PAIRS = {"digits_cnn": 50, "efficientnet_lite0": 50, "resnet50": 50}


def study() -> list[tuple[str, int, str]]:
    """All pairs, so ordered that a run that is stopped has some of each model, and most of the first."""
    digits, lite0, resnet = (pairs(model)[:count] for model, count in PAIRS.items())
    return digits + [pair for k in range(25) for pair in (*lite0[2 * k : 2 * k + 2], resnet[k])] + resnet[25:]


STUDY_ORDER = study()
