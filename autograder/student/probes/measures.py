"""The questions that a measure of quality is asked: held pictures with true maps, random ones and reversed ones.

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
from torch import Tensor, nn

import igref

HELD = 60
"""Pictures. Honest measures rate the true map above a random one for 84 to 100 % of them (17 measures, 400 draws each): with 24
pictures the least of these would lose its points for one seed in thirty, with 60 for one in 20,000 (binomial)."""

SCALE = 4
FACTORS = (2.0**6, 2.0**-8)
"""Powers of two: floats are multiplied exactly, and close values keep their order. With the smaller one, a constant of 1e-8 that is
added to a map's size against division by zero, as many do, changes a correlation with it by 6e-6, less than SAME_QUALITY."""
N_STEPS = 100
REPEATED, SCALED, CONSTANT, OTHER_NETWORK = 4, 4, 3, 6
LEAST_PROBABILITY = 0.9


class EnlargedDigits:
    """The scores of the digits' network for pictures (B, 3, 32, 32) in [0, 1]: probabilities (B, 10).

    With `shift`, those of another network: it says of each class what the digits' network says of one so far on.
    """

    shape = (3, 8 * SCALE, 8 * SCALE)

    def __init__(self, shift: int = 0) -> None:
        self.shift = shift

    def __call__(self, x: Tensor) -> Tensor:
        if not isinstance(x, Tensor):
            raise TypeError(f"forward expects a torch.Tensor (B, *{self.shape}), got {type(x).__name__}")
        if tuple(x.shape[1:]) != self.shape:
            hint = " (add the batch dimension with x.unsqueeze(0))" if tuple(x.shape) == self.shape else ""
            raise ValueError(f"forward expects a batch of shape (B, 3, 32, 32), got {tuple(x.shape)}{hint}")
        small = nn.functional.avg_pool2d(x.float().mean(dim=1, keepdim=True), SCALE)
        return _digits_model().probabilities(small).roll(-self.shift, dims=1).to(x.dtype)


@dataclass(frozen=True)
class QualityProbe:
    """One call of the measure. `picture` and `of` say which; the order of the calls tells nothing."""

    name: str
    picture: int
    of: str
    network: EnlargedDigits
    x: Tensor
    attribution: Tensor
    target: int


def quality_probes(seed: int) -> list[QualityProbe]:
    """For each held picture the true map, a random one and the reversed one; for a few the true map again, re-scaled,
    or with another network, and a constant one."""
    digest = hashlib.sha256(f"quality/{seed}".encode()).digest()
    random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
    pictures, targets = _held_pictures()
    chosen = random.permutation(len(pictures))[:HELD]
    the_network = EnlargedDigits()
    networks = {"other network": EnlargedDigits(shift=1 + digest[8] % 9)}
    probes = []
    for n, k in enumerate(chosen.tolist()):
        true, x, target = _true_map(k), pictures[k], targets[k]
        cells = true[0, ::SCALE, ::SCALE]
        maps = {
            "true": cells,
            "random": cells.flatten()[torch.from_numpy(random.permutation(64))].reshape(8, 8),
            "reversed": -cells,
        }
        maps |= {"again": cells} if n < REPEATED else {}
        maps |= {"scaled": FACTORS[n % 2] * cells} if n < SCALED else {}
        maps |= {"other network": cells} if n < OTHER_NETWORK else {}
        maps |= {"constant": torch.full((8, 8), (0.0, 1.0, -0.3)[n])} if n < CONSTANT else {}
        for of, cells_of in maps.items():
            attribution = cells_of.repeat_interleave(SCALE, 0).repeat_interleave(SCALE, 1).expand(3, -1, -1).clone()
            network = networks.get(of, the_network)
            probes.append(QualityProbe(f"picture {n} {of}", n, of, network, x, attribution, target))
    return [probes[k] for k in random.permutation(len(probes))]


@cache
def _digits_model() -> igref.Classifier:
    return igref.load_model("digits_cnn")


@cache
def _held_pictures() -> tuple[Tensor, list[int]]:
    """Digits that the network is sure of: a ranking of pixels says little about a picture that it cannot tell."""
    pixels, _ = igref.load_digits("held_out")
    with torch.no_grad():
        best, targets = _digits_model().probabilities(pixels).max(dim=1)
    sure = (best > LEAST_PROBABILITY).nonzero().flatten()[:200]
    enlarged = pixels[sure].repeat_interleave(SCALE, 2).repeat_interleave(SCALE, 3).expand(-1, 3, -1, -1)
    return enlarged.contiguous(), targets[sure].tolist()


@cache
def _true_map(k: int) -> Tensor:
    pictures, targets = _held_pictures()
    x = pictures[k][None]
    return igref.integrated_gradients(EnlargedDigits(), x, torch.zeros_like(x), targets[k], n_steps=N_STEPS).values[0]
