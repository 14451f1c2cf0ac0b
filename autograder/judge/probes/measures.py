"""The questions that a measure of quality is asked: about a map, its controls, and the map of another network.

The pictures are digits that the small network was not trained on, each pixel enlarged to 4 x 4 and in three colours, so that a
measure is asked in a fraction of a second and its controls are clear. The random map has the true one's values in another order,
the reversed one has them with the other sign. In pictures of two digits one network looks at the one, another network at the other:
their maps look alike, and only who asks the network knows whose is whose.

Pictures and maps are the same for everybody, so that the same measure gets the same points: of pictures that the seed draws, a
measure that rates the true map above for seven in ten gets enough on some seeds and too few on others. The seed draws the order of
the questions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

import igref
from autograder.student.networks import DIGIT, ENLARGED, Network, enlarged_digits

HELD = 60
"""Pictures. Honest measures rate the true map above a random one for 84 to 100 % of them (17 measures, 400 draws each)."""

FACTORS = (2.0**6, 2.0**-8)
"""Powers of two: floats are multiplied exactly, and close values keep their order. With the smaller one, a constant of 1e-8 that is
added to a map's size against division by zero, as many do, changes a correlation with it by 6e-6, less than SAME_QUALITY."""
N_STEPS = 100
REPEATED, SCALED, OTHER_TARGET = 10, 4, 6
CONSTANTS = (0.0, 1.0, -0.3)
SHARED = 15
"""Pictures of two digits: each is asked about for the one network and for the other."""
NEW_RANKINGS = tuple(f"random {n}" for n in range(8))
"""Of each picture: honest measures that are not sure of themselves are then told from chance. The pictures are the same for
everybody and so is what they say of an honest measure, while numbers by chance differ for each ranking."""
SIDE = ENLARGED * DIGIT
CORNERS = ((0, 0), (0, SIDE // 2), (SIDE // 2, 0), (SIDE // 2, SIDE // 2))
LEAST_PROBABILITY = 0.9
CHOICE = 20_170_306
"""Which pictures of the held-out ones, and which random orders."""


One = TypeVar("One")


@dataclass(frozen=True)
class Asked:
    """What one call of the measure is about. `picture` and `of` say which; the order of the calls tells nothing."""

    name: str
    picture: int
    of: str


@dataclass(frozen=True)
class QualityProbe(Asked):
    """The call itself."""

    network: Network
    x: Tensor
    attribution: Tensor
    target: int


def quality_probes(seed: int) -> list[QualityProbe]:
    """All questions, in an order that the seed draws."""
    return _in_order("quality", seed, _probes())


def new_rankings(seed: int) -> list[QualityProbe]:
    """For each held picture the true map and eight random ones that nobody has seen, in an order that the seed draws as well.

    The measure that a study was scored with is asked about them. Who has tried measures on the questions above, which are the same
    for everybody, knows nothing about these.
    """
    drawn = _drawing("rankings", seed)
    true = [probe for probe in _probes() if probe.of == "true"]
    random = [replace(one, of=of, attribution=_shuffled(one.attribution, drawn)) for of in NEW_RANKINGS for one in true]
    return _in_order("order of rankings", seed, [*true, *random])


def what_is_asked(seed: int) -> list[Asked]:
    """What the `quality_probes` of a seed are about, which takes no network to say."""
    return _in_order("quality", seed, _asked())


def what_is_ranked(seed: int) -> list[Asked]:
    """The same of the `new_rankings` of a seed."""
    ranked = [Asked(f"picture {n} {of}", n, of) for of in ("true", *NEW_RANKINGS) for n in range(HELD)]
    return _in_order("order of rankings", seed, ranked)


def _in_order(what: str, seed: int, probes: list[One]) -> list[One]:
    return [probes[k] for k in _drawing(what, seed).permutation(len(probes))]


def _drawing(what: str, seed: int) -> np.random.Generator:
    digest = hashlib.sha256(f"{what}/{seed}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _shuffled(attribution: Tensor, drawn: np.random.Generator) -> Tensor:
    """The values of an enlarged map (3, H, W) in another order."""
    cells = attribution[0, ::ENLARGED, ::ENLARGED]
    order = torch.from_numpy(drawn.permutation(cells.numel()))
    return _enlarged(cells.flatten()[order].reshape(cells.shape), ENLARGED)


def _asked() -> list[Asked]:
    """For each held picture the true map, a random one and the reversed one; for a few the true map again, re-scaled or for another
    class, and a constant one; for each network of each picture of two digits its own map and the other's."""
    for_a_few = {"again": REPEATED, "scaled": SCALED, "other target": OTHER_TARGET, "constant": len(CONSTANTS)}
    asked = []
    for n in range(HELD):
        maps = ["true", "random", "reversed", *(of for of, pictures in for_a_few.items() if n < pictures)]
        asked += [Asked(f"picture {n} {of}", n, of) for of in maps]
    for n in range(2 * SHARED):
        for of in ("own", "of another network"):
            asked.append(Asked(f"digit {n % 2} of shared picture {n // 2} {of}", n, of))
    return asked


@cache
def _probes() -> list[QualityProbe]:
    """The questions about what is `_asked`."""
    drawn = np.random.default_rng(CHOICE)
    digits, targets = _held_digits()
    order = drawn.permutation(len(digits))
    alone, pairs = order[:HELD].tolist(), order[HELD:][: 2 * SHARED].reshape(SHARED, 2).tolist()
    probes = [probe for n, k in enumerate(alone) for probe in _of_one_digit(n, digits[k], targets[k], drawn)]
    for n, pair in enumerate(pairs):
        probes += _of_two_digits(n, digits[pair], [targets[k] for k in pair], drawn)
    return probes


def _of_one_digit(n: int, digit: Tensor, target: int, drawn: np.random.Generator) -> Iterator[QualityProbe]:
    network, x = _network(0, 0, SIDE), _enlarged(digit, ENLARGED)
    true = _true_map(network, x, target)
    maps = {"true": true, "random": _shuffled(true, drawn), "reversed": -true}
    maps |= {"again": true.clone()} if n < REPEATED else {}
    maps |= {"scaled": FACTORS[n % 2] * true} if n < SCALED else {}
    maps |= {"other target": true.clone()} if n < OTHER_TARGET else {}
    maps |= {"constant": torch.full_like(true, CONSTANTS[n])} if n < len(CONSTANTS) else {}
    for of, values in maps.items():
        of_target = (target + 1 + n) % 10 if of == "other target" else target
        yield QualityProbe(f"picture {n} {of}", n, of, network, x, values, of_target)


def _of_two_digits(n: int, digits: Tensor, targets: list[int], drawn: np.random.Generator) -> Iterator[QualityProbe]:
    x, half = torch.zeros(3, SIDE, SIDE), SIDE // 2
    networks = []
    for digit, (row, column) in zip(digits, drawn.permutation(CORNERS)[:2].tolist(), strict=True):
        x[:, row : row + half, column : column + half] = _enlarged(digit, half // DIGIT)
        networks.append(_network(row, column, half))
    maps = [_true_map(network, x, target) for network, target in zip(networks, targets, strict=True)]
    for k, (network, target) in enumerate(zip(networks, targets, strict=True)):
        for of, values in (("own", maps[k]), ("of another network", maps[1 - k])):
            yield QualityProbe(
                f"digit {k} of shared picture {n} {of}", 2 * n + k, of, network, x, values.clone(), target
            )


@cache
def _digits_model() -> igref.Classifier:
    return igref.load_model("digits_cnn")


@cache
def _network(row: int, column: int, side: int) -> Network:
    """The digits' network, for a digit that lies there."""
    weights = tuple(weights.numpy() for weights in _digits_model().network.state_dict().values())
    return enlarged_digits(weights, row, column, side)


@cache
def _held_digits() -> tuple[Tensor, list[int]]:
    """Digits (N, 8, 8) that the network is sure of: a ranking of pixels says little about one that it cannot tell."""
    pixels, _ = igref.load_digits("held_out")
    with torch.no_grad():
        best, targets = _digits_model().probabilities(pixels).max(dim=1)
    sure = (best > LEAST_PROBABILITY).nonzero().flatten()[:200]
    return pixels[sure, 0], targets[sure].tolist()


def _enlarged(cells: Tensor, times: int) -> Tensor:
    """Cells (H, W) as a picture in three colours, (3, times H, times W)."""
    return cells.repeat_interleave(times, 0).repeat_interleave(times, 1).expand(3, -1, -1).clone()


def _true_map(network: Network, x: Tensor, target: int) -> Tensor:
    black = torch.zeros_like(x[None])
    return igref.integrated_gradients(network, x[None], black, target, n_steps=N_STEPS).values[0]
