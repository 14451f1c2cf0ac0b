"""What forward passes alone tell of the line from a baseline to an image: F, and its slopes in many directions.

The picture is cut into blocks of pixels, and the blocks of each channel get random signs w. What integrated gradients give
them, the sum of w times the map, is the mean over the path of dF/dt of F(x' + a (x - x') + t w (x - x')) at t = 0, which a
finite difference tells. Random signs see the whole map: a map's squared distance from another is the mean, over signs, of the
squared difference between their sums, block by block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from scipy import integrate
from torch import Tensor

from autograder.judge.tolerances import (
    BLOCK_NOISE,
    FEWEST_STEPS,
    LARGEST_MAP_ERROR,
    MAP_MARGIN,
    RECOMPUTED_GRADIENT,
    RULE_MARGIN,
)
from igref.attribution import quadrature

N_SIGNS, N_NODES, CUTS = 6, 20, 3
"""Patterns of signs, panels of the path that they are asked on, and cuts of each side of the picture into blocks."""
STEP = 1e-4
"""The step of a finite difference, of the way from x' to x. On EfficientNet-Lite0, whose kinks lie dense, single slopes are off by
15 % with this one, of which their mean shows little, by 30 to 200 % with steps 4 to 60 times as long; rounding leaves 1e-3."""
RULES = ("trapezoid", "midpoint", "right", "left")
STRAIGHT = 1e-3


@dataclass
class Slopes:
    """F at the nodes k/n, (n + 1, K), F a step aside of them in M directions, (M, n + 1, K), and those steps, (n + 1,)."""

    at_nodes: np.ndarray
    aside: np.ndarray
    steps: np.ndarray

    def of(self, target: int) -> np.ndarray:
        """The slopes of one class's score, (M, n + 1)."""
        return (self.aside[:, :, target] - self.at_nodes[:, target]) / self.steps

    def of_logarithm(self, target: int) -> np.ndarray:
        """The slopes of the logarithm of one class's score, (M, n + 1)."""
        with np.errstate(all="ignore"):
            return np.nan_to_num((np.log(self.aside[:, :, target]) - np.log(self.at_nodes[:, target])) / self.steps)


@dataclass
class Line:
    """The line from a baseline x' to an image x, each (C, H, W)."""

    forward: Callable[[Tensor], Tensor]
    image: Tensor
    baseline: Tensor
    target: int

    @cached_property
    def difference(self) -> Tensor:
        return self.image - self.baseline

    def scores(self, nodes: Sequence[float]) -> np.ndarray:
        """F at some nodes."""
        points = self.baseline + torch.tensor(nodes)[:, None, None, None] * self.difference
        return self.forward(points)[:, self.target].double().numpy()

    def bends(self) -> bool:
        """Whether F is more than a straight line between the ends."""
        start, middle, end = self.scores((0.0, 0.5, 1.0))
        return abs(2 * middle - start - end) > STRAIGHT * abs(end - start)

    def along(self, n: int) -> Slopes:
        """F and its slopes along the line, in one direction: that of the line."""
        return self.slopes(self.one_way, n)

    @property
    def one_way(self) -> Tensor:
        return torch.ones(1, *self.image.shape)

    def points(self, signs: Tensor, n: int) -> Tensor:
        """What `slopes` asks F about: the nodes k/n, and a step aside of each in each direction, ((M + 1) (n + 1), C, H, W)."""
        on_line = self.baseline + (torch.arange(n + 1) / n)[:, None, None, None] * self.difference
        aside = [on_line + _steps(n)[:, None, None, None] * (sign * self.difference) for sign in signs]
        return torch.cat([on_line, *aside])

    def slopes(self, signs: Tensor, n: int) -> Slopes:
        """F and its slopes in the directions w (x - x'), for signs w (M, C, H, W)."""
        scores = self.forward(self.points(signs, n)).double().numpy()
        at_nodes, aside = scores[: n + 1], scores[n + 1 :].reshape(len(signs), n + 1, -1)
        return Slopes(at_nodes, aside, _steps(n).double().numpy())


def _steps(n: int) -> Tensor:
    # Every other step goes backwards, so that what the curvature adds to one it takes from the next.
    return STEP * (1 - 2 * (torch.arange(n + 1) % 2)).float()


def block_signs(shape: Sequence[int], random: np.random.Generator) -> Tensor:
    """Patterns of signs, (N_SIGNS, C, H, W): blocks of pixels between random cuts, one sign for each and channel."""
    channels, *sides = shape
    rows, columns = (np.searchsorted(_cuts(side, random), np.arange(side), side="right") for side in sides)
    signs = random.choice([-1.0, 1.0], size=(N_SIGNS, channels, CUTS + 1, CUTS + 1))
    return torch.from_numpy(signs[:, :, rows][:, :, :, columns].astype(np.float32))


def _cuts(side: int, random: np.random.Generator) -> np.ndarray:
    even = side * np.arange(1, CUTS + 1) / (CUTS + 1)
    return np.round(even + random.uniform(-0.4, 0.4, CUTS) * side / (CUTS + 1))


def sums(values: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """The sums of a map (C, H, W) under patterns of signs (M, C, H, W), (M,)."""
    return np.tensordot(signs, values, axes=values.ndim)


def by_rule(slopes: np.ndarray, rule: str, count: int) -> np.ndarray:
    """What a rule makes of slopes (M, n + 1) that are known at k/n, drawn straight in between, (M,)."""
    nodes, weights = quadrature.nodes_and_weights(rule, count)
    known = np.linspace(0, 1, slopes.shape[1])
    return np.array([np.interp(nodes.numpy(), known, row) @ weights.numpy() for row in slopes])


def textbook_sums(slopes: np.ndarray, count: int) -> list[np.ndarray]:
    """What the textbook rules make of the slopes; `count` points may be read as count - 1 intervals, or count + 1."""
    found = [by_rule(slopes, rule, count) for rule in (*RULES, "gauss_legendre")]
    nodes, known = np.arange(count + 1) / count, np.linspace(0, 1, slopes.shape[1])
    at_nodes = np.array([np.interp(nodes, known, row) for row in slopes])
    found.append(integrate.simpson(at_nodes, dx=1 / count, axis=1))
    return found + [by_rule(slopes, "trapezoid", n) for n in (count - 1, count + 1) if n > 0]


def allowed_gap(scores: np.ndarray, slopes: np.ndarray, count: int) -> float:
    """What textbook rules with `count` steps leave of F(x) - F(x'), from F and its slopes along the line at k/n.

    As `path.Pair.allowed_gap`: the worst of them, or the panels' errors without their signs.
    """
    count = min(count, len(scores) - 1)
    worst = max(abs(float(values[0]) - (scores[-1] - scores[0])) for values in textbook_sums(slopes[None], count))
    nodes, known = np.arange(count + 1) / count, np.linspace(0, 1, len(scores))
    at, slope = np.interp(nodes, known, scores), np.interp(nodes, known, slopes)
    residuals = np.diff(at) - (slope[1:] + slope[:-1]) / (2 * count)
    return max(RULE_MARGIN * worst, float(np.abs(residuals).sum())) + RECOMPUTED_GRADIENT


@dataclass(frozen=True)
class BlockError:
    """How far a map's sums over blocks are from those of integrated gradients, of their size, and how far they may be."""

    error: float
    allowed: float
    of_a_rule: bool

    @property
    def near(self) -> bool:
        return self.error <= self.allowed or self.of_a_rule


def block_error(given: np.ndarray, slopes: np.ndarray, count: int) -> BlockError:
    """Hold a map's sums (M,) against slopes (M, n + 1).

    They may be as far from the finest rule's as those of textbook rules with `count` steps, times a margin, and the finest
    rule's own with half its nodes. With few steps, when all of these are far off, they may also be those of one rule.
    """
    n = slopes.shape[1] - 1
    fine, coarse = by_rule(slopes, "trapezoid", n), by_rule(slopes[:, ::2], "trapezoid", n // 2)
    size = max(float(np.linalg.norm(fine)), 1e-12)
    count = min(count, n)
    worst = max(float(np.linalg.norm(by_rule(slopes, rule, count) - fine)) for rule in RULES) / size
    floor = float(np.linalg.norm(coarse - fine)) / size + BLOCK_NOISE
    nearest = min(float(np.linalg.norm(given - values)) for values in textbook_sums(slopes, count)) / size
    error = float(np.linalg.norm(given - fine)) / size
    of_a_rule = count >= FEWEST_STEPS and nearest <= min(floor, LARGEST_MAP_ERROR)
    return BlockError(error, min(MAP_MARGIN * worst + floor, LARGEST_MAP_ERROR), of_a_rule)
