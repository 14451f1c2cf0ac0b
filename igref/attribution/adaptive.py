"""Integrated gradients that decide for themselves where to take a gradient, and when there are enough.

The line from x' to x is cut into panels. A panel from a to b has a trapezoid estimate of how much F rises
over it, from the gradients at its ends, and the true rise F(b) - F(a), which comes with them for free. The
difference is its residual. The residuals add up to the completeness gap, so they say not only that a map is
off but where; the panels with the largest are cut in half until their sum stays small, or until all residuals
together are small.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from igref import arguments
from igref.attribution.chunking import chunk_size_for
from igref.attribution.core import Attribution, completeness_gap, scores_and_gradients
from igref.progress import Progress, reporter
from igref.types import Forward

FIRST_PANELS = 8
CUTS_A_ROUND = 4
STOPS = ("gap", "residuals")
ROUNDS_WITHIN = 5  # as many as step counts in a row, for a gap of which `StepSweep.stays_within` says that it stays
GAIN = 0.75  # halving a panel of a smooth F quarters its residual


@dataclass(frozen=True)
class Panels:
    """The panels of one input, from the baseline to the input: P of them between E = P + 1 ends.

    Attributes:
        positions: 0 = a_0 < ... < a_P = 1 on the line from x' to x.
        scores: F at the positions.
        slopes: dF/da at the positions, the gradient times (x - x') summed.
    """

    positions: Float64[Tensor, " E"]
    scores: Float64[Tensor, " E"]
    slopes: Float64[Tensor, " E"]

    @property
    def residuals(self) -> Float64[Tensor, " P"]:
        """Trapezoid estimate of the rise of F over each panel, minus its rise; they sum to the gap."""
        estimate = self.positions.diff() * (self.slopes[:-1] + self.slopes[1:]) / 2
        return estimate - self.scores.diff()


@dataclass(frozen=True)
class AdaptiveAttribution(Attribution):
    """An attribution with the panels it was computed on.

    Attributes:
        panels: one `Panels` for each input.
        converged: whether what was asked for by `stop` is within the tolerance of |F(x) - F(x')|, for each input.
    """

    panels: tuple[Panels, ...]
    converged: Bool[Tensor, " N"]

    @property
    def gradients_per_input(self) -> Int[Tensor, " N"]:
        """How many gradients each input took."""
        return torch.tensor([len(panels.positions) for panels in self.panels])


def adaptive_integrated_gradients(
    forward: Forward,
    inputs: Float[Tensor, " N *shape"],
    baselines: Float[Tensor, "..."],
    targets: int | Int[Tensor, " N"],
    *,
    tolerance: float = 0.05,
    max_gradients: int = 2000,
    stop: str = "gap",
    chunk_size: int | None = None,
    progress: Progress | bool | None = None,
) -> AdaptiveAttribution:
    """Integrated gradients on panels that are halved until the sum of their residuals is within a tolerance.

    Where `.converged`, the relative gap is at most the tolerance. With `stop="gap"` errors of opposite sign may
    cancel, as they do in every completeness gap; `stop="residuals"` sums their absolute values, which on photos
    leaves a gap of a tenth of the tolerance and half the map's error, for four times the gradients
    (benchmarks/README.md). Either bounds the gap, not the map's error, and a rise and fall of F inside one of the
    first eight panels can go unseen.

    Args:
        forward, inputs, baselines, targets, chunk_size: as for `integrated_gradients`.
        tolerance: share of |F(x) - F(x')|, at least 0.
        max_gradients: for each input, at least 2; where they run out first, `.converged` is False.
        stop: "gap", when the absolute value of the residuals' sum is within the tolerance after each of five
            rounds of cuts in a row, or the sum of their absolute values before; or "residuals", when the latter is.
        progress: True for a bar, or a function of (inputs done, all inputs).

    Raises:
        TypeError: an argument, or what forward returned, is of the wrong kind.
        ValueError: an argument, or what forward returned, has the wrong shape or value.

    Source: the integral is arXiv 1703.01365, equation 1; the bisection is the globally adaptive quadrature
    of P. Davis and P. Rabinowitz, Methods of Numerical Integration, 1984, section 6.2, with the completeness
    axiom for an error estimate.

    Example:
        >>> late = lambda x: torch.sigmoid(40 * x - 36)  # all of the rise is near a = 0.9
        >>> x = torch.ones(1, 1, dtype=torch.float64)
        >>> ig = adaptive_integrated_gradients(late, x, torch.zeros_like(x), 0)
        >>> ig.converged.tolist(), ig.n_gradients < 40, float(ig.relative_gap) <= 0.05
        ([True], True, True)
    """
    forward = arguments.forward_function(forward)
    inputs = arguments.batch(inputs)
    baselines = arguments.batch_like(baselines, inputs)
    targets = arguments.target_indices(targets, inputs)
    tolerance = arguments.number(tolerance, "tolerance", low=0.0)
    max_gradients = arguments.count(max_gradients, "max_gradients", at_least=2)
    stop = arguments.choice(stop, STOPS, "stop")
    size = min(chunk_size_for(inputs, chunk_size), CUTS_A_ROUND)
    report = reporter(progress)
    values, panels, converged = [], [], []
    for n in range(len(inputs)):
        line = _Line(forward, inputs[n], baselines[n], targets[n], size)
        line.measure(torch.linspace(0, 1, min(FIRST_PANELS + 1, max_gradients), dtype=torch.float64))
        allowed, rounds_within = tolerance * line.rise, 0
        while len(cuts := line.cuts(allowed)[: max_gradients - len(line.positions)]):
            rounds_within = rounds_within + 1 if line.gap <= allowed else 0
            if stop == "gap" and rounds_within == ROUNDS_WITHIN:
                break
            line.measure(cuts)
        values.append(line.attribution())
        panels.append(line.panels())
        small = float(panels[-1].residuals.abs().sum()) <= allowed
        converged.append(small or (stop == "gap" and rounds_within == ROUNDS_WITHIN))
        report(n + 1, len(inputs))
    attributed = torch.stack(values)
    scores, baseline_scores = (torch.stack([p.scores[end] for p in panels]) for end in (-1, 0))
    return AdaptiveAttribution(
        attributed,
        scores,
        baseline_scores,
        completeness_gap(attributed, scores, baseline_scores),
        sum(len(p.positions) for p in panels),
        tuple(panels),
        torch.tensor(converged),
    )


class _Line:
    """The line from one baseline to one input, and what is known on it: F, its slope, its gradients."""

    def __init__(self, forward: Forward, x: Tensor, x0: Tensor, target: Tensor, size: int) -> None:
        self.forward, self.x0, self.target, self.size = forward, x0, target, size
        self.difference = x - x0
        self.positions = torch.empty(0, dtype=torch.float64)
        self.scores = torch.empty(0, dtype=torch.float64, device=x.device)
        self.slopes = torch.empty(0, dtype=torch.float64, device=x.device)
        self.gradients: list[Tensor] = []

    def measure(self, new: Tensor) -> None:
        """Take F and its gradient at new positions, and keep everything in the order of the positions."""
        for some in new.split(self.size):
            points = self.x0 + some.to(self.x0).view(-1, *[1] * self.x0.ndim) * self.difference
            scores, gradients = scores_and_gradients(self.forward, points, self.target.expand(len(some)))
            arguments.finite(gradients, "the gradient of forward along the path")
            slopes = (gradients.double() * self.difference).flatten(1).sum(1)
            self.positions = torch.cat([self.positions, some])
            self.scores = torch.cat([self.scores, scores.double()])
            self.slopes = torch.cat([self.slopes, slopes])
            self.gradients += gradients
        self.positions, order = self.positions.sort()
        self.scores, self.slopes = self.scores[order], self.slopes[order]
        self.gradients = [self.gradients[k] for k in order.tolist()]
        if not self.difference.any():  # all positions are one point, scored in different batches
            self.scores[:] = self.scores[0].clone()

    @property
    def rise(self) -> float:
        return abs(float(self.scores[-1] - self.scores[0]))

    @property
    def gap(self) -> float:
        return abs(float(self.panels().residuals.sum()))

    def cuts(self, allowed: float) -> Tensor:
        """Midpoints of the panels to halve next, the largest residual first; none where the sum is allowed.

        No more than bring the sum down to what is allowed, if halving helps as it does for a smooth F.
        """
        residuals = self.panels().residuals.abs().cpu()
        excess = float(residuals.sum()) - allowed
        if excess <= 0:
            return self.positions[:0]
        largest = residuals.sort(descending=True)
        needed = int((GAIN * largest.values.cumsum(0) < excess).sum()) + 1
        worst = largest.indices[: min(needed, CUTS_A_ROUND)]
        left, right = self.positions[worst], self.positions[worst + 1]
        middle = (left + right) / 2
        return middle[(left < middle) & (middle < right)]

    def panels(self) -> Panels:
        return Panels(self.positions, self.scores, self.slopes)

    def attribution(self) -> Tensor:
        """(x - x') times the trapezoid sum of the gradients: each has half the width of its two panels."""
        width = self.positions.diff()
        weights = torch.zeros_like(self.positions)
        weights[:-1] += width / 2
        weights[1:] += width / 2
        total = torch.zeros_like(self.difference, dtype=torch.float64)
        for gradient, weight in zip(self.gradients, weights.tolist(), strict=True):
            total.add_(gradient, alpha=weight)
        return (self.difference * total).to(self.difference.dtype)
