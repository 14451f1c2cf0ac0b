"""Integrated gradients that decide for themselves where to take a gradient, and when there are enough.

The line from x' to x is cut into panels, and the panels that are most wrong are halved until little is. Two things can
be wrong with a panel from a to b of width h:

- the map: its integrand changes from one end to the other, and where in between is not known. How much of that change
  are jumps, and how much a drift of which the trapezoid rule knows, is told by the panel beside it
  (`igref.attribution.map_error`): the other half of what was cut;
- the sum: the trapezoid estimate of how much F rises over the panel is off by a residual, as the true rise,
  F(b) - F(a), comes with the gradients for free. The residuals add up to the completeness gap.

A small gap does not prove a good map, so the map comes first: it is brought within a tolerance, and then the gap.
"""

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from igref import arguments
from igref.attribution.chunking import batches, chunk_size_for
from igref.attribution.core import Attribution, completeness_gap, scores_and_gradients
from igref.attribution.precision import warn_of_autocast
from igref.memory import kept_meanwhile
from igref.progress import Progress, reporter
from igref.types import Forward, Targets

FIRST_PANELS = 8
CUTS_A_ROUND, SHARE_A_ROUND, MOST_A_ROUND = 4, 4, 32  # four panels, or a quarter of them where that is more, up to 32
Pair = tuple[float, float, float]
STOPS = ("map", "gap", "residuals")
ROUNDS_WITHIN = 5  # as many as step counts in a row, for a gap of which `StepSweep.stays_within` says that it stays
OF_JUMPS = 1 / 3  # of the squared error by jumps is what jumps alone are expected to leave in the squared one by drift
AT_AN_END = 3  # a jump at the end of a panel costs h^2 / 4 squared, one anywhere in it h^2 / 12 in the mean
GAIN = 0.75  # halving a panel quarters its squared map error, and its residual where F is smooth
KEPT_GRADIENTS = 256  # of one input, at work; beyond, those at the ends of the best panels are let go


@dataclass(frozen=True)
class Panels:
    """The panels of one input, from the baseline to the input: P of them between E = P + 1 ends.

    Attributes:
        positions: 0 = a_0 < ... < a_P = 1 on the line from x' to x.
        scores: F at the positions.
        slopes: dF/da at the positions, the gradient times (x - x') summed.
        errors: how far off each panel's part of the map is expected to be; their squares add up to that of the map,
            with what is expected by drift, a sum with signs, in shares like those of the rest.
    """

    positions: Float64[Tensor, " E"]
    scores: Float64[Tensor, " E"]
    slopes: Float64[Tensor, " E"]
    errors: Float64[Tensor, " P"] | None = None

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
        converged: whether what was asked for by `stop` is within the tolerance, for each input.
        gradients_per_input: how many gradients each input took.
    """

    panels: tuple[Panels, ...]
    converged: Bool[Tensor, " N"]
    gradients_per_input: Int[Tensor, " N"]


@kept_meanwhile()
def adaptive_integrated_gradients(
    forward: Forward,
    inputs: Float[Tensor, " N *shape"],
    baselines: Float[Tensor, "..."],
    targets: Targets,
    *,
    tolerance: float = 0.05,
    max_gradients: int = 2000,
    stop: str = "map",
    chunk_size: int | None = None,
    progress: Progress | bool | None = None,
) -> AdaptiveAttribution:
    """Integrated gradients on panels that are halved until the error of the map is within a tolerance, and the gap too.

    Where `.converged`, the expected error of the map, `.map_error`, and the relative gap are at most the tolerance. The
    map's true error is near the expected one where many ReLUs switch on the way, spread around it where few do, and
    smaller where the network is smooth (benchmarks/README.md). What happens within one of the first eight panels, is
    over at its ends and leaves no gap goes unseen.

    Args:
        forward, inputs, baselines, targets, chunk_size: as for `integrated_gradients`.
        tolerance: at least 0; a share of the map's norm, and of |F(x) - F(x')| for the gap.
        max_gradients: for each input, at least 2; where they run out first, `.converged` is False.
        stop: "map", when the error of the map is within the tolerance, and then the gap is; "gap", when the gap is,
            after each of five rounds of cuts in a row, or the residuals' absolute values together are; "residuals", when
            the latter are. The last two say nothing of the map.
        progress: True for a bar, or a function of (inputs done, all inputs).

    Memory does not grow with the number of gradients beyond 256 of an input at work and those of a round, 96 at most;
    one input is at work for every four points of a chunk. What is let go is computed again, and counted, should it be
    needed after all.

    Raises:
        TypeError: an argument, or what forward returned, is of the wrong kind.
        ValueError: an argument, or what forward returned, has the wrong shape or value.

    Source: the integral is arXiv 1703.01365, equation 1; the bisection is the globally adaptive quadrature
    of P. Davis and P. Rabinowitz, Methods of Numerical Integration, 1984, section 6.2, of a function whose values are
    maps (compare `scipy.integrate.quad_vec`).

    Example:
        >>> late = lambda x: torch.sigmoid(40 * x - 36)  # all of the rise is near a = 0.9
        >>> x = torch.ones(1, 1, dtype=torch.float64)
        >>> ig = adaptive_integrated_gradients(late, x, torch.zeros_like(x), 0)
        >>> ig.converged.tolist(), ig.n_gradients < 40, float(ig.map_error) <= 0.05
        ([True], True, True)
    """
    forward = arguments.forward_function(forward)
    inputs = arguments.batch(inputs)
    baselines = arguments.batch_like(baselines, inputs)
    targets = arguments.target_indices(targets, inputs)
    warn_of_autocast(inputs)
    tolerance = arguments.number(tolerance, "tolerance", low=0.0)
    max_gradients = arguments.count(max_gradients, "max_gradients", at_least=2)
    stop = arguments.choice(stop, STOPS, "stop")
    size, report, done = chunk_size_for(inputs, chunk_size), reporter(progress), 0
    sums = torch.zeros(3, len(inputs), inputs[:1].numel(), dtype=torch.float64, device=inputs.device)
    one_point = (inputs == baselines).flatten(1).all(1).tolist()
    lines: list[_Line] = []
    at_work: list[_Line] = []
    waiting = deque(range(len(inputs)))
    while waiting or at_work:
        while waiting and len(at_work) < max(1, size // CUTS_A_ROUND):
            row = waiting.popleft()
            at_work.append(_Line(row, one_point[row], stop, tolerance, max_gradients))
            lines.append(at_work[-1])
        _measure(forward, inputs, baselines, targets, at_work, size)
        for some in _together(at_work, size):
            _take_in(some, sums)
        for line in at_work:
            line.choose_cuts()
            if not line.wanted:
                report(done := done + 1, len(inputs))
        at_work = [line for line in at_work if line.wanted]
    panels = tuple(line.panels() for line in lines)
    jump_factors = torch.tensor([line.jump_factor() for line in lines], dtype=torch.float64).to(inputs.device)
    values, error_maps = (maps.view_as(inputs).to(inputs) for maps in _maps(sums[0], sums[1], sums[2], jump_factors))
    scores, baseline_scores = (torch.stack([p.scores[end] for p in panels]).to(inputs.device) for end in (-1, 0))
    gradients_per_input = torch.tensor([line.n_gradients for line in lines])
    return AdaptiveAttribution(
        values,
        scores,
        baseline_scores,
        completeness_gap(values, scores, baseline_scores),
        int(gradients_per_input.sum()),
        panels,
        torch.tensor([line.converged for line in lines]),
        gradients_per_input,
        error_map=error_maps,
    )


def _measure(
    forward: Forward, inputs: Tensor, baselines: Tensor, targets: Tensor, lines: Iterable["_Line"], size: int
) -> None:
    """Hand each line what it wants to know, F and the integrand of the map at some positions; they share chunks."""
    wanted = [(line, position) for line in lines for position in line.wanted]
    for some, n_points in batches(len(wanted), size, inputs):
        asked = wanted[some]
        asked += asked[-1:] * (n_points - len(asked))
        rows = torch.tensor([line.row for line, _ in asked]).to(inputs.device, non_blocking=True)
        alphas = torch.tensor([a for _, a in asked], dtype=torch.float64).to(inputs, non_blocking=True)
        alphas = alphas.view(-1, *[1] * (inputs.ndim - 1))
        difference = inputs[rows] - baselines[rows]
        scores, gradients = scores_and_gradients(forward, baselines[rows] + alphas * difference, targets[rows])
        integrands = (arguments.finite(gradients, "the gradient of forward along the path") * difference).flatten(1)
        figures = torch.stack([scores.double(), integrands.sum(1, dtype=torch.float64)]).tolist()
        for (line, position), score, slope, integrand in zip(asked, *figures, integrands, strict=True):
            line.fresh[position] = score, slope, integrand.clone()  # a view would keep the whole chunk


def _together(lines: list["_Line"], size: int) -> Iterator[list["_Line"]]:
    """The lines in groups whose pairs, new ones and those that were cut, are no more than a chunk; or one line."""
    some: list[_Line] = []
    n_pairs = 0
    for line in lines:
        of_line = 2 * len(line.cuts) or FIRST_PANELS // 2
        if some and n_pairs + of_line > size:
            yield some
            some, n_pairs = [], 0
        some.append(line)
        n_pairs += of_line
    yield some


def _take_in(lines: list["_Line"], sums: Float64[Tensor, "3 N F"]) -> None:
    """Replace panels by their halves, in the lines and in the sums: each map, its squared error by jumps, its error by drift.

    What is wrong with the new pairs is added, and what was wrong with the panels in their place is taken away. With D and
    D' the changes over the panels of a pair, of width h, (D' - D)^2 is what jumps add to both, and h (D' - D) / 6 is the
    trapezoid rule's error by drift in both, the third of what the cut changed in the map (Richardson). A panel has of
    these what it has of |D|^2 + |D'|^2: where one jump is all, all is its own. An accelerator is waited for once.
    """
    for line in lines:
        if not line.pair:
            integrands, ends = torch.stack([line.fresh[end][2] for end in line.wanted]), torch.tensor(line.wanted)
            sums[0, line.row] = torch.trapezoid(integrands.double(), ends.to(sums, non_blocking=True), dim=0)
    taken = [line.take_in() for line in lines]
    left, middle, right = (
        torch.stack([line.kept[pair[k]] for line, some in zip(lines, taken, strict=True) for pair in some.pairs])
        for k in range(3)
    )
    first, second = middle - left, right - middle
    squares = [half.square().sum(1) for half in (first, second)]
    of_line = [len(some.pairs) for some in taken]
    weights = torch.cat([some.weights() for some in taken], dim=1).to(first, non_blocking=True).split(of_line, dim=1)
    bends, norms = second.sub_(first), []
    for line, some, own, (by_cut, by_drift, by_jumps) in zip(lines, taken, bends.split(of_line), weights, strict=True):
        values, squared_error, drift = sums[:, line.row]
        if some.shares:
            values -= by_cut[: some.n_new] @ own[: some.n_new]
        drift += by_drift @ own
        squared_error += by_jumps @ own.square_()
        norms += [values @ values, drift @ drift]
    told = torch.cat([*squares, bends.sum(1), torch.stack(norms)], dim=0).double().cpu()
    of_pairs = told[: 3 * len(bends)].view(3, -1).split(of_line, dim=1)
    for line, some, own, sizes in zip(lines, taken, of_pairs, told[3 * len(bends) :].view(-1, 2).tolist(), strict=True):
        line.note(some, own[:, : some.n_new], *sizes)


def _maps(
    values: Float64[Tensor, "N F"],
    squared_error: Float64[Tensor, "N F"],
    drift: Float64[Tensor, "N F"],
    jump_factors: Float64[Tensor, " N"],
) -> tuple[Tensor, Tensor]:
    """The maps, and their errors feature by feature, in place of what they are made of."""
    jumps, drift = squared_error.clamp_(min=0).mul_(jump_factors[:, None]), drift.square_()
    shares = (1 - OF_JUMPS * jumps.sum(1, keepdim=True) / drift.sum(1, keepdim=True)).clamp(min=0).nan_to_num(0)
    return values, jumps.add_(drift.mul_(shares)).sqrt_()


class _Replaced(NamedTuple):
    """The pairs of panels that are new, then those that had the panels which were cut, with the panel's share in each."""

    pairs: list[Pair]
    n_new: int
    shares: list[float]

    def weights(self) -> Float64[Tensor, "3 P"]:
        """What a pair's bend counts in the change of the map by a cut and in the drift, and its square in the jumps."""
        widths = np.array([b - m for _, m, b in self.pairs])
        signs = np.array([1.0] * self.n_new + [-share for share in self.shares])
        return torch.from_numpy(np.stack([widths / 2, signs * widths / 6, signs * widths**2 / 12]))


class _Line:
    """The line from one baseline to one input: its panels, what is known at their ends, and which to cut next.

    Lengths are in units of the map: what is kept of a gradient is its product with x - x'. All but these is on the CPU.
    Panels come in pairs of one width, the halves of one that was cut: a pair is its ends and its middle, a panel is named by
    its left end.
    """

    def __init__(self, row: int, one_point: bool, stop: str, tolerance: float, max_gradients: int) -> None:
        self.row, self.one_point, self.stop = row, one_point, stop
        self.tolerance, self.max_gradients = tolerance, max_gradients
        self.known: dict[float, tuple[float, float]] = {}  # F and its slope, by position
        self.kept: dict[float, Tensor] = {}  # integrands, by position
        self.pair: dict[float, Pair] = {}  # of each panel
        self.share: dict[float, float] = {}  # of each panel, in what is wrong with its pair
        self.anywhere: dict[float, float] = {}  # of each panel, the squared map error by jumps that are anywhere in it
        self.squares: dict[float, float] = {}  # the same, where some are known to be at an end of the path
        self.map_square, self.drift_square = 0.0, 0.0  # squared norms of the map and of its error by drift
        self.fresh: dict[float, tuple[float, float, Tensor]] = {}
        self.n_gradients, self.rounds_within, self.converged = 0, 0, False
        self.cuts: list[float] = []
        first = min(FIRST_PANELS, max_gradients - 1)
        self.wanted: list[float] = torch.linspace(
            0, 1, max(1, first - first % 2) + 1, dtype=torch.float64
        ).tolist()  # an even number of panels, or a single one

    def take_in(self) -> _Replaced:
        """Take over what was measured, and say which pairs come of it, and which panels of which pairs they replace."""
        self.n_gradients += len(self.fresh)
        for position, (score, slope, integrand) in self.fresh.items():
            self.known.setdefault(position, (score, slope))
            self.kept[position] = integrand
        if self.one_point:  # scored in different batches, which may round it differently
            self.known = dict.fromkeys(self.known, self.known[0.0])
        if self.pair:
            new = [(a, (a + b) / 2, b) for a, b in zip(self.cuts, map(self._right, self.cuts), strict=True)]
        else:
            ends = self.wanted
            single = [(0.0, 0.0, 1.0)]  # beside it is nothing
            new = list(zip(ends[::2], ends[1::2], ends[2::2], strict=False)) or single
        before, shares = [self.pair[panel] for panel in self.cuts], [self.share[panel] for panel in self.cuts]
        self.fresh, self.wanted, self.cuts = {}, [], []
        return _Replaced([*new, *before], len(new), shares)

    def _right(self, panel: float) -> float:
        left, middle, right = self.pair[panel]
        return middle if left == panel < middle else right

    def note(
        self, replaced: _Replaced, squares: Float64[Tensor, "3 P"], map_square: float, drift_square: float
    ) -> None:
        """Keep what is wrong with the new pairs, from the squares of the changes over their panels and of their bends.

        A baseline may be a kink itself, as a black picture is of max-pooling, where all pixels of a window are equal. Then
        the panel at that end keeps all of the change however often it is cut, and the jump is at its end, not anywhere.
        """
        self.map_square, self.drift_square = map_square, drift_square
        pairs = replaced.pairs[: replaced.n_new]
        for pair, first, second, bend in zip(pairs, *squares.tolist(), strict=True):
            error, both = bend * (pair[2] - pair[1]) ** 2 / 12, first + second
            for panel, end, square in zip(pair, pair[1:], (first, second), strict=False):
                share = square / both if 0 < both < math.inf else 0.0
                at_an_end = pair[0] < pair[1] and (panel == 0 or end == 1)
                times = 1 + (AT_AN_END - 1) * max(0.0, 2 * share - 1) if at_an_end else 1.0
                self.pair[panel], self.share[panel], self.anywhere[panel] = pair, share, share * error
                self.squares[panel] = times * share * error

    def jump_factor(self) -> float:
        """How many times as large the squared error by jumps is as of jumps that are anywhere in their panels."""
        anywhere = sum(self.anywhere.values())
        return sum(self.squares.values()) / anywhere if anywhere else 1.0

    def choose_cuts(self) -> None:
        """Say which positions are wanted next; none where the error is within what is allowed, or nothing can be done."""
        panels = self.panels()
        residuals = panels.residuals.numpy()
        errors, allowed = self._errors(panels, residuals)
        excess = errors.sum() - allowed
        self.rounds_within = self.rounds_within + 1 if abs(residuals.sum()) <= allowed else 0
        self.converged = bool(excess <= 0 or (self.stop == "gap" and self.rounds_within == ROUNDS_WITHIN))
        if self.converged:
            return
        worst_first = np.argsort(-errors, kind="stable")
        self._let_go(panels, worst_first)
        needed = int((GAIN * errors[worst_first].cumsum() < excess).sum()) + 1
        share = min(len(errors) // SHARE_A_ROUND, MOST_A_ROUND)
        most = max(CUTS_A_ROUND, share) if self.stop == "map" else CUTS_A_ROUND
        needed = min(needed, int((errors > 0).sum()))
        for k in worst_first[: min(needed, most)].tolist():
            a, b = panels.positions[k : k + 2].tolist()
            ends = dict.fromkeys(((a + b) / 2, *self.pair[a]))
            wanted = [p for p in ends if p not in self.kept and p not in self.wanted]
            if a < (a + b) / 2 < b and self.n_gradients + len(self.wanted) + len(wanted) <= self.max_gradients:
                self.cuts.append(a)
                self.wanted += wanted

    def _errors(self, panels: Panels, residuals: np.ndarray) -> tuple[np.ndarray, float]:
        """What counts as the error of each panel, and how large their sum may be."""
        allowed_gap = self.tolerance * abs(float(panels.scores[-1] - panels.scores[0]))
        if self.stop == "map" and panels.errors is not None:
            squares, allowed = panels.errors.numpy() ** 2, self.tolerance**2 * self.map_square
            if squares.sum() > allowed or abs(residuals.sum()) <= allowed_gap:
                return squares, allowed
        return abs(residuals), allowed_gap

    def _let_go(self, panels: Panels, worst_first: np.ndarray) -> None:
        """Keep no more than so many integrands, at the ends of the panels that will be cut first."""
        if len(self.kept) > KEPT_GRADIENTS:
            worst = panels.positions[worst_first].tolist()
            ends = dict.fromkeys(end for panel in worst for end in self.pair[panel] if end in self.kept)
            self.kept = {p: self.kept[p] for p in list(ends)[:KEPT_GRADIENTS]}

    def panels(self) -> Panels:
        positions = sorted(self.known)
        scores, slopes = np.array([self.known[p] for p in positions]).T.copy()
        squares = np.array([self.squares[p] for p in positions[:-1]])
        jumps = squares.sum()
        errors = np.sqrt(squares * (1 + max(0.0, self.drift_square / jumps - OF_JUMPS))) if jumps else squares
        return Panels(*map(torch.from_numpy, (np.array(positions), scores, slopes, errors)))
