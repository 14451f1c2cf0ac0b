"""The questions that a measure of quality is asked: held-out pictures with true maps, random ones and reversed ones.

The pictures are digits that the small network was not trained on, each pixel enlarged to 4 x 4 and in three colours, so
that a measure is asked in a fraction of a second and its controls are clear. The random map has the true one's values in
another order, the reversed one has them with the other sign.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from torch import Tensor

import igref
from autograder.student.networks import ENLARGED, Network, enlarged_digits

HELD = 60
"""Pictures. Honest measures rate the true map above a random one for 84 to 100 % of them (17 measures, 400 draws each): with 24
pictures the least of these would lose its points for one seed in thirty, with 60 for one in 20,000 (binomial)."""

FACTORS = (2.0**6, 2.0**-8)
"""Powers of two: floats are multiplied exactly, and close values keep their order. With the smaller one, a constant of 1e-8 that is
added to a map's size against division by zero, as many do, changes a correlation with it by 6e-6, less than SAME_QUALITY."""
N_STEPS = 100
REPEATED, SCALED, CONSTANT, OTHER_NETWORK, OTHER_TARGET = 4, 4, 3, 6, 6
LEAST_PROBABILITY = 0.9


@dataclass(frozen=True)
class QualityProbe:
    """One call of the measure. `picture` and `of` say which; the order of the calls tells nothing."""

    name: str
    picture: int
    of: str
    network: Network
    x: Tensor
    attribution: Tensor
    target: int


def quality_probes(seed: int) -> list[QualityProbe]:
    """For each held picture the true map, a random one and the reversed one; for a few the true map again, re-scaled,
    with another network or for another class, and a constant one."""
    digest = hashlib.sha256(f"quality/{seed}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    pictures, targets = _held_pictures()
    chosen = random.permutation(len(pictures))[:HELD]
    the_network = _network(0)
    networks = {"other network": _network(1 + digest[8] % 9)}
    probes = []
    for n, k in enumerate(chosen.tolist()):
        true, x, target = _true_map(k), pictures[k], targets[k]
        cells = true[0, ::ENLARGED, ::ENLARGED]
        maps = {
            "true": cells,
            "random": cells.flatten()[torch.from_numpy(random.permutation(64))].reshape(8, 8),
            "reversed": -cells,
        }
        maps |= {"again": cells} if n < REPEATED else {}
        maps |= {"scaled": FACTORS[n % 2] * cells} if n < SCALED else {}
        maps |= {"other network": cells} if n < OTHER_NETWORK else {}
        maps |= {"other target": cells} if n < OTHER_TARGET else {}
        maps |= {"constant": torch.full((8, 8), (0.0, 1.0, -0.3)[n])} if n < CONSTANT else {}
        for of, cells_of in maps.items():
            attribution = (
                cells_of.repeat_interleave(ENLARGED, 0).repeat_interleave(ENLARGED, 1).expand(3, -1, -1).clone()
            )
            network = networks.get(of, the_network)
            of_target = (target + 1 + n) % 10 if of == "other target" else target
            probes.append(QualityProbe(f"picture {n} {of}", n, of, network, x, attribution, of_target))
    return [probes[k] for k in random.permutation(len(probes))]


@cache
def _digits_model() -> igref.Classifier:
    return igref.load_model("digits_cnn")


@cache
def _network(shift: int) -> Network:
    """The digits' network; with a shift, another one, for which what speaks for a class speaks against one so far on."""
    *inner, last, offset = (weights.numpy() for weights in _digits_model().network.state_dict().values())
    sign = -0.5 if shift else 1.0
    return enlarged_digits((*inner, sign * np.roll(last, -shift, axis=0), sign * np.roll(offset, -shift)))


@cache
def _held_pictures() -> tuple[Tensor, list[int]]:
    """Digits that the network is sure of: a ranking of pixels says little about a picture that it cannot tell."""
    pixels, _ = igref.load_digits("held_out")
    with torch.no_grad():
        best, targets = _digits_model().probabilities(pixels).max(dim=1)
    sure = (best > LEAST_PROBABILITY).nonzero().flatten()[:200]
    enlarged = pixels[sure].repeat_interleave(ENLARGED, 2).repeat_interleave(ENLARGED, 3).expand(-1, 3, -1, -1)
    return enlarged.contiguous(), targets[sure].tolist()


@cache
def _true_map(k: int) -> Tensor:
    pictures, targets = _held_pictures()
    x = pictures[k][None]
    return igref.integrated_gradients(_network(0), x, torch.zeros_like(x), targets[k], n_steps=N_STEPS).values[0]
