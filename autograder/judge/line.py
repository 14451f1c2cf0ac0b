"""The line from x' to x under a network: scores and gradients at its nodes, what a rule makes of them, and what rules leave.

Functions and studies are judged by the same lines. A line takes the precision of its image.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import cached_property, partial

import numpy as np
import torch
from numpy.polynomial.chebyshev import chebvander
from scipy import integrate
from torch import Tensor

from autograder.judge.deadline import Deadline, TooLateError
from autograder.judge.kept_gradients import KeptGradients
from autograder.judge.tolerances import (
    EXACT_MAP,
    IN_REACH,
    LARGEST_MAP_ERROR,
    LEAST_MOVE,
    MAP_MARGIN,
    MAX_RECOMPUTED_STEPS,
    RECOMPUTED_GRADIENT,
    RULE_MARGIN,
)
from igref.attribution import quadrature
from igref.attribution.core import scores_and_gradients
from igref.images import PHOTO
from igref.types import Forward

CHUNK = 8 * 3 * PHOTO**2
"""Numbers that go through the model at a time, about: eight photos."""

Weighted = tuple[np.ndarray, np.ndarray]
"""Nodes from 0 to 1, and their weights."""


def equal_weights(nodes: np.ndarray) -> Weighted:
    return nodes, np.full(len(nodes), 1 / len(nodes))


def by_name(name: str, n: int, more: int = 0) -> Weighted:
    """A rule of igref with n + more steps, at least one."""
    nodes, weights = quadrature.nodes_and_weights(name, max(1, n + more))
    return nodes.numpy(), weights.numpy()


def _simpson(n: int) -> Weighted:
    nodes = np.linspace(0, 1, n + 1)
    return nodes, integrate.simpson(np.eye(n + 1), x=nodes, axis=0) if n else np.ones(1)


NAMED = ("right", "trapezoid", "midpoint", "left", "gauss_legendre")
CLOSED = ("closed", "closed + 1")
RIGHT_RULES: dict[str, Callable[[int], Weighted]] = {
    **{name: partial(by_name, name) for name in NAMED},
    "closed": lambda n: equal_weights(np.linspace(0, 1, max(2, n))),
    "closed + 1": lambda n: equal_weights(np.linspace(0, 1, n + 1)),
    "inner": lambda n: equal_weights(np.arange(1, n + 1) / (n + 1)),
    "simpson": _simpson,
    **{f"{name} {by:+d}": partial(by_name, name, more=by) for name in NAMED for by in (-1, 1)},
}
"""The textbook rules, the common ones first: from a number of steps to nodes and weights that add up to one. A rule is right with
n_steps - 1 and n_steps + 1 intervals, too, since n points may be read as n - 1 intervals, or n + 1."""
FOR_PHOTOS = frozenset(NAMED) | {*CLOSED, "simpson", "trapezoid -1", "trapezoid +1"}
"""The rules that maps of photos are held against: each of the others needs gradients of its own."""
ON_THE_ENDS = ("right", "trapezoid", "left", "closed + 1", "simpson")
"""Of those, the rules whose nodes are the ends of n panels."""
NODES_OF_THEIR_OWN = frozenset({"gauss_legendre", "closed", "trapezoid -1", "trapezoid +1"})
"""Of those, the rules whose nodes the reference does not have."""
SMALL_PICTURE, FEW_STEPS = 3 * 64 * 64, 10
WITHIN_REFERENCE, WITHIN_RULES = 0.45, 0.85
"""The share of a deadline after which a reference gets no finer, and no rule is tried that needs gradients of its own."""


@dataclass
class Line:
    """The straight path from a baseline x' to an input x, each (*shape). A gradient is computed once at each node."""

    forward: Forward
    image: Tensor
    baseline: Tensor
    target: int
    deadline: Deadline = field(default_factory=Deadline, repr=False, compare=False)
    _scores: dict[float, float] = field(default_factory=dict, repr=False)
    _gradients: dict[float, tuple[Tensor, int]] = field(default_factory=dict, repr=False)  # the row of a block
    _stacks: dict[bytes, np.ndarray] = field(default_factory=dict, repr=False)
    _last_mean: tuple[list, np.ndarray | None] = field(default=([], None), repr=False)
    others: dict[tuple[str, ...], Line] = field(default_factory=dict, repr=False)
    """Lines that were taken in place of this one, by what is unlike: see `autograder.judge.compositions`."""

    @cached_property
    def difference(self) -> np.ndarray:
        return (self.image - self.baseline).double().numpy()

    def other(self, **changed: object) -> Line:
        """The same line but for what is named: another baseline, another target."""
        return replace(self, **changed, _scores={}, _gradients={}, _stacks={}, _last_mean=([], None), others={})

    def forget(self) -> None:
        """Give back the memory of what was computed: for lines that are kept."""
        for kept in (self._scores, self._gradients, self._stacks, self.others):
            kept.clear()

    def scores(self, nodes: np.ndarray) -> np.ndarray:
        """F at the nodes."""
        self._take(nodes)
        return np.array([self._scores[key] for key in _keys(nodes)])

    def gradients(self, nodes: np.ndarray) -> Tensor:
        """dF/dx at the nodes, (K, *shape); NaN where F has none."""
        self._take(nodes)
        found = [self._gradients[key] for key in _keys(nodes)]
        block = found[0][0]
        if all(other is block for other, _ in found):  # as for the most part: a hundred times as fast as one by one
            return block[[row for _, row in found]]
        return torch.stack([block[row] for block, row in found])

    def gradients_at(self, nodes: np.ndarray) -> np.ndarray:
        """The same in float64, (K, *shape), kept for whoever asks at these nodes again. For small inputs."""
        key = nodes.tobytes()
        if key not in self._stacks:
            self._stacks[key] = self.gradients(nodes).double().numpy()
        return self._stacks[key]

    @cached_property
    def size_at_end(self) -> float:
        """The norm of (x - x') times the gradient at x, which says what is large on this line."""
        return float(np.linalg.norm(self.difference * self.gradients_at(np.ones(1))[0]))

    @cached_property
    def bends(self) -> bool:
        """Whether the gradient at the two ends and in between is not one and the same."""
        at_start, within, at_end = self.gradients_at(np.array([0.0, 0.45, 1.0]))
        return not (np.allclose(at_start, at_end, rtol=1e-3) and np.allclose(at_start, within, rtol=1e-3))

    @property
    def explains_nothing(self) -> bool:
        """Whether the gradients leave open how F gets from x' to x: F stays where it is, or jumps."""
        for n_steps in (10, 100):
            values, (at_baseline, at_image) = self.rule("trapezoid", n_steps), self.scores(np.array([0.0, 1.0]))
            moves = np.abs(values).sum() > LEAST_MOVE * max(abs(at_baseline), abs(at_image))
            if moves and abs(values.sum()) > abs(at_image - at_baseline) / 2:
                return False
        return True

    def mean_gradient(self, nodes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The gradients' weighted sum, (*shape).

        The last one is kept: it is asked for again with each factor, sign and range, or with a term more at one end.
        """
        self._take(nodes)
        terms = list(zip(_keys(nodes), weights.tolist(), strict=True))
        known, mean = self._last_mean
        if mean is None or terms != known:
            if mean is not None and known in (terms[1:], terms[:-1]):
                total, new = torch.from_numpy(mean.copy()), terms[:1] if known == terms[1:] else terms[-1:]
            else:
                total, new = torch.zeros_like(self.image, dtype=torch.float64), terms
            for key, weight in new:
                block, row = self._gradients[key]
                total.add_(block[row], alpha=weight)
            self._last_mean = terms, (mean := total.numpy())
        return mean

    def weighted(self, nodes: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """(x - x') times the gradients' weighted sum."""
        return self.difference * self.mean_gradient(nodes, weights)

    def rule(self, rule: str, n_steps: int) -> np.ndarray:
        """IG by one of the rules of igref."""
        nodes, weights = quadrature.nodes_and_weights(rule, n_steps)
        return self.weighted(nodes.numpy(), weights.numpy())

    def interpolatory(self, nodes: np.ndarray) -> np.ndarray:
        """The rule that integrates polynomials through these nodes exactly, as those of Clenshaw, Curtis and Fejer do."""
        moments = np.zeros(len(nodes))  # of Chebyshev's polynomials, moved to [0, 1]
        moments[::2] = 1 / (1 - np.arange(0, len(nodes), 2) ** 2)
        return self.weighted(nodes, np.linalg.solve(chebvander(2 * nodes - 1, len(nodes) - 1).T, moments))

    def knows(self, nodes: np.ndarray) -> bool:
        """Whether the gradients at all these nodes have been computed."""
        return all(key in self._gradients for key in _keys(nodes))

    def _take(self, nodes: np.ndarray) -> None:
        by_key = dict(zip(_keys(nodes), nodes.tolist(), strict=True))
        new = np.array([node for key, node in by_key.items() if key not in self._gradients])
        if not len(new):
            return
        chunks = torch.from_numpy(new).split(max(1, CHUNK // self.image.numel()))
        if isinstance(self.forward, KeptGradients):  # so that two processes that need the same share the work
            chunks = random.sample(chunks, len(chunks))
        for some in chunks:
            alphas = some.to(self.image).view(-1, *[1] * self.image.ndim)
            points = self.baseline + alphas * (self.image - self.baseline)
            points[some == 1] = self.image  # itself, where the sum would round: near a kink, that is another gradient
            self.deadline.check()
            scores, gradients = self._ask(points)
            for row, (key, score) in enumerate(zip(_keys(some.numpy()), scores.tolist(), strict=True)):
                self._scores[key], self._gradients[key] = score, (gradients, row)

    def _ask(self, points: Tensor) -> tuple[Tensor, Tensor]:
        try:
            if isinstance(self.forward, KeptGradients):
                return self.forward.scores_and_gradients(points, self.target)
            return scores_and_gradients(self.forward, points, torch.full((len(points),), self.target))
        except ValueError:  # a wrong variant may have no finite score there, such as the logarithm of a negative one
            return torch.full((len(points),), torch.nan), torch.full_like(points, torch.nan)


def _keys(nodes: np.ndarray) -> list[float]:
    return np.round(nodes, 9).tolist()  # k/n and 2k/2n are the same node, whatever their last bits


@dataclass
class Pair:
    """A line, and what the textbook rules leave of it at a number of steps.

    More steps than MAX_RECOMPUTED_STEPS are compared with the rules at that count, which only widens what is allowed.
    """

    line: Line
    stated_steps: int
    is_unsure: bool = False
    """Whether there was no time to compare to rounding with every rule."""

    @cached_property
    def n_steps(self) -> int:
        """As stated, if that is not too many; where there is a deadline, as many as the reference has in time."""
        most = min(self.stated_steps, MAX_RECOMPUTED_STEPS)
        if not self.line.deadline.is_set:
            return most
        return self._refined(_nested_counts(most), lambda count: _panels(2 * count))

    def _refined(self, counts: Sequence[int], nodes: Callable[[int], np.ndarray]) -> int:
        """The last of some counts at whose nodes there are gradients in time; the first, whatever it takes."""
        reached = counts[0]
        self.line.scores(nodes(reached))
        with suppress(TooLateError), self.line.deadline.within(WITHIN_REFERENCE):
            for count in counts[1:]:
                self.line.scores(nodes(count))
                reached = count
        self.line.deadline.check()  # where the block around this one is too late as well
        return reached

    @property
    def exact_steps(self) -> int:
        """The steps at which maps are compared to rounding: as stated, or as many as the reference has."""
        return min(self.stated_steps, 2 * self.n_steps)

    @cached_property
    def score_difference(self) -> float:
        at_baseline, at_image = self.line.scores(np.array([0.0, 1.0]))
        return float(at_image - at_baseline)

    @cached_property
    def reference(self) -> np.ndarray:
        """IG by the trapezoid rule with 2 n_steps intervals."""
        return self.line.rule("trapezoid", 2 * self.n_steps)

    @cached_property
    def rules(self) -> dict[str, np.ndarray]:
        """IG by the rules with n_steps intervals, out of the reference's gradients."""
        return {name: self.line.rule(name, self.n_steps) for name in ("trapezoid", "midpoint", "right", "left")}

    @property
    def rule_names(self) -> list[str]:
        """The textbook rules that every map of this picture is held against: of a photo, those of the reference's gradients."""
        if self.line.image.numel() <= SMALL_PICTURE:
            return list(RIGHT_RULES)
        names = [name for name in RIGHT_RULES if name in FOR_PHOTOS - NODES_OF_THEIR_OWN]
        if not self.line.deadline.is_set:
            return names
        return [name for name in names if self.line.knows(RIGHT_RULES[name](self.exact_steps)[0])]

    def right_maps(self, values: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
        """Each textbook rule that these values may be of, and its map at the stated steps."""
        if self.exact_steps < min(self.stated_steps, 2 * MAX_RECOMPUTED_STEPS):
            self.is_unsure = True
            return
        names = self.rule_names
        for name in names:
            right = self.in_time(lambda name=name: self.line.weighted(*RIGHT_RULES[name](self.exact_steps)))
            yield from [(name, right)] if right is not None else []
        if self.line.image.numel() > SMALL_PICTURE and self.is_in_reach(values):
            for name in RIGHT_RULES:
                if name in FOR_PHOTOS and name not in names:
                    right = self.in_time(lambda name=name: self.line.weighted(*RIGHT_RULES[name](self.exact_steps)))
                    yield from [(name, right)] if right is not None else []

    def in_time(self, compute: Callable[[], np.ndarray]) -> np.ndarray | None:
        """A map that needs gradients of its own; None where it would be too late, and then this pair is unsure of exact matches."""
        with suppress(TooLateError), self.line.deadline.within(WITHIN_RULES):
            return compute()
        self.line.deadline.check()
        self.is_unsure = True
        return None

    def is_in_reach(self, values: np.ndarray) -> bool:
        """Whether a rule with nodes of its own could give these values: see IN_REACH."""
        few = self.stated_steps <= FEW_STEPS  # which cost little, and where rules err widely
        return few or distance(values, self.reference) <= IN_REACH * self.allowed_map_error

    def textbook_rule(self, values: np.ndarray) -> str:
        """The textbook rule whose map this is, to rounding; empty where it is none's."""
        found = self._on_the_ends(values) if self.line.image.numel() > SMALL_PICTURE else ""
        if found:
            return found
        return next((name for name, right in self.right_maps(values) if distance(values, right) <= EXACT_MAP), "")

    def _on_the_ends(self, values: np.ndarray) -> str:
        """The same, of rules of photos with their nodes at the ends of the panels: half of the reference's gradients will do."""
        n = min(self.stated_steps, 2 * MAX_RECOMPUTED_STEPS)
        if self.line.deadline.is_set and self._refined(_nested_counts(n), _panels) < n and not self.is_in_reach(values):
            return ""
        for name in ON_THE_ENDS:
            right = self.in_time(lambda name=name: self.line.weighted(*RIGHT_RULES[name](n)))
            if right is not None and distance(values, right) <= EXACT_MAP:
                return name
        return ""

    @cached_property
    def allowed_map_error(self) -> float:
        worst = max(distance(values, self.reference) for values in self.rules.values())
        return min(MAP_MARGIN * worst + RECOMPUTED_GRADIENT, LARGEST_MAP_ERROR)

    @cached_property
    def panel_gap(self) -> float:
        """What textbook rules on the ends of the panels leave: none needs a gradient that the trapezoid does not."""
        stated = min(self.stated_steps, MAX_RECOMPUTED_STEPS)
        return self._allowed_gap(
            ("trapezoid", "right", "left"), stated if self.line.knows(_panels(stated)) else self.n_steps
        )

    @cached_property
    def allowed_gap(self) -> float:
        """What textbook rules leave at this count: the worst of them, or the panels' errors without their signs."""
        return self._allowed_gap(tuple(self.rules), self.n_steps)

    def _allowed_gap(self, rules: Sequence[str], n_steps: int) -> float:
        sums = [self.line.rule(name, n_steps).sum() for name in rules]
        worst = max(abs(total - self.score_difference) for total in sums)
        nodes = _panels(n_steps)
        gradients = self.line.gradients(nodes).double().numpy()
        slopes = (gradients * self.line.difference).reshape(len(nodes), -1).sum(axis=1)
        residuals = np.diff(self.line.scores(nodes)) - (slopes[1:] + slopes[:-1]) / (2 * n_steps)
        return max(RULE_MARGIN * worst, float(np.abs(residuals).sum())) + RECOMPUTED_GRADIENT


def _panels(n: int) -> np.ndarray:
    """The ends of n panels of the path."""
    return np.arange(n + 1) / n


def _nested_counts(n: int) -> list[int]:
    """Counts up to n, the first of them small; where n divides, each is a multiple of the one before, whose gradients it shares.

    >>> _nested_counts(50), _nested_counts(96), _nested_counts(47)
    ([5, 25, 50], [6, 12, 24, 48, 96], [10, 47])
    """
    counts = [n]
    while counts[0] > FEW_STEPS and (divisors := [k for k in range(2, 8) if counts[0] % k == 0]):
        counts.insert(0, counts[0] // divisors[0])
    return counts if counts[0] <= FEW_STEPS else [FEW_STEPS, *counts]


def distance(values: np.ndarray, reference: np.ndarray) -> float:
    """L2 distance relative to the reference; infinite where values are not finite."""
    with np.errstate(all="ignore"):
        error = np.linalg.norm(values - reference) / max(np.linalg.norm(reference), 1e-30)
    return float(error) if np.isfinite(error) else float("inf")
