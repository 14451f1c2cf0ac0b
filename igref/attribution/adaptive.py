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

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Float64, Int
from torch import Tensor

from igref import arguments
from igref.attribution.chunking import chunk_size_for, chunks, usual_batch
from igref.attribution.core import Attribution, completeness_gap, scores_and_gradients
from igref.attribution.precision import warn_of_half_precision
from igref.memory import kept_meanwhile
from igref.progress import Progress, reporter
from igref.types import Forward, Targets

FIRST_PANELS = 8
CUTS_A_ROUND, SHARE_A_ROUND, MOST_A_ROUND = 4, 4, 32  # four panels, or a quarter of them where that is more, up to 32
Pair = tuple[float, float, float]
STOPS = ("map", "gap", "residuals")
ROUNDS_WITHIN = 5  # as many as step counts in a row, for a gap of which `StepSweep.stays_within` says that it stays
OF_JUMPS = 1 / 3  # of the squared error by jumps is what jumps alone are expected to leave in the squared one by drift
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
    warn_of_half_precision(forward, inputs)
    tolerance = arguments.number(tolerance, "tolerance", low=0.0)
    max_gradients = arguments.count(max_gradients, "max_gradients", at_least=2)
    stop = arguments.choice(stop, STOPS, "stop")
    size, report, done = chunk_size_for(inputs, chunk_size), reporter(progress), 0
    lines: list[_Line] = []
    at_work: list[_Line] = []
    waiting = deque(range(len(inputs)))
    while waiting or at_work:
        while waiting and len(at_work) < max(1, size // CUTS_A_ROUND):
            at_work.append(_Line(waiting.popleft(), inputs, baselines, stop, tolerance, max_gradients))
            lines.append(at_work[-1])
        _measure(forward, inputs, baselines, targets, at_work, size)
        for line in at_work:
            line.take_in()
            line.choose_cuts()
            if not line.wanted:
                report(done := done + 1, len(inputs))
        at_work = [line for line in at_work if line.wanted]
    panels = tuple(line.panels() for line in lines)
    values, error_maps = (
        torch.stack(maps).view_as(inputs).to(inputs) for maps in zip(*(line.maps() for line in lines), strict=True)
    )
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
    for some, _ in chunks(len(wanted), 1, size):
        asked = [wanted[k] for k in some.tolist()]
        asked += asked[-1:] * (usual_batch(len(asked), inputs) - len(asked))
        rows = torch.tensor([line.row for line, _ in asked]).to(inputs.device, non_blocking=True)
        alphas = torch.tensor([a for _, a in asked], dtype=torch.float64).to(inputs, non_blocking=True)
        alphas = alphas.view(-1, *[1] * (inputs.ndim - 1))
        difference = inputs[rows] - baselines[rows]
        scores, gradients = scores_and_gradients(forward, baselines[rows] + alphas * difference, targets[rows])
        integrands = (arguments.finite(gradients, "the gradient of forward along the path") * difference).flatten(1)
        figures = torch.stack([scores.double(), integrands.sum(1, dtype=torch.float64)]).tolist()
        for (line, position), score, slope, integrand in zip(asked, *figures, integrands, strict=True):
            line.fresh[position] = score, slope, integrand.clone()  # a view would keep the whole chunk


class _Line:
    """The line from one baseline to one input: its panels, what is known at their ends, and which to cut next.

    Lengths are in units of the map: what is kept of a gradient is its product with x - x'. All but these and the three
    sums, the map, its squared error by jumps and its error by drift, is on the CPU. Panels come in pairs of one width, the
    halves of one that was cut: a pair is its ends and its middle, a panel is named by its left end.
    """

    def __init__(
        self, row: int, inputs: Tensor, baselines: Tensor, stop: str, tolerance: float, max_gradients: int
    ) -> None:
        self.row, self.stop, self.tolerance, self.max_gradients = row, stop, tolerance, max_gradients
        self.one_point = torch.equal(inputs[row], baselines[row])
        self.known: dict[float, tuple[float, float]] = {}  # F and its slope, by position
        self.kept: dict[float, Tensor] = {}  # integrands, by position
        self.pair: dict[float, Pair] = {}  # of each panel
        self.share: dict[float, float] = {}  # of each panel, in what is wrong with its pair
        self.squares: dict[float, float] = {}  # of each panel, the squared map error by jumps
        sums = torch.zeros(3, inputs[0].numel(), dtype=torch.float64, device=inputs.device)
        self.map, self.squared_error, self.drift = sums
        self.fresh: dict[float, tuple[float, float, Tensor]] = {}
        self.n_gradients, self.rounds_within, self.converged = 0, 0, False
        self.cuts: list[float] = []
        first = min(FIRST_PANELS, max_gradients - 1)
        self.wanted: list[float] = torch.linspace(
            0, 1, max(1, first - first % 2) + 1, dtype=torch.float64
        ).tolist()  # an even number of panels, or a single one

    def take_in(self) -> None:
        """Replace the panels that were to be cut by their halves, now that the middles are known."""
        self.n_gradients += len(self.fresh)
        for position, (score, slope, integrand) in self.fresh.items():
            self.known.setdefault(position, (score, slope))
            self.kept[position] = integrand
        if self.one_point:  # scored in different batches, which may round it differently
            self.known = dict.fromkeys(self.known, self.known[0.0])
        if self.pair:
            pairs = [(a, (a + b) / 2, b) for a, b in zip(self.cuts, map(self._right, self.cuts), strict=True)]
            self.map -= self._replace(pairs, self.cuts)
        else:
            ends = self.wanted
            integrands, at = torch.stack([self.kept[end] for end in ends]), torch.tensor(ends).to(self.map)
            self.map += torch.trapezoid(integrands.double(), at, dim=0)
            single = [(0.0, 0.0, 1.0)]  # beside it is nothing
            self._replace(list(zip(ends[::2], ends[1::2], ends[2::2], strict=False)) or single, [])
        self.fresh, self.wanted, self.cuts = {}, [], []

    def _right(self, panel: float) -> float:
        left, middle, right = self.pair[panel]
        return middle if left == panel < middle else right

    def _replace(self, pairs: list[Pair], panels: list[float]) -> Tensor:
        """Add what is wrong with new pairs to the sums, and take that away which was wrong with the panels in their place.

        With D and D' the changes over the panels of a pair, of width h, (D' - D)^2 is what jumps add to both, and
        h (D' - D) / 6 is the trapezoid rule's error by drift in both, the third of what the cut changed in the map
        (Richardson), which is returned, the map before less the map after. A panel has of these what it has of
        |D|^2 + |D'|^2: where one jump is all, all is its own.
        """
        before = [self.pair[panel] for panel in panels]
        left, middle, right = (
            torch.stack([self.kept[end] for end in ends]) for ends in zip(*pairs, *before, strict=True)
        )
        first, second = middle - left, right - middle
        n_new = len(pairs)
        parts = torch.stack([half[:n_new].square().sum(1) for half in (first, second)]).double()
        bends = second.sub_(first)
        widths = torch.tensor([b - m for _, m, b in (*pairs, *before)], dtype=torch.float64)
        signs = torch.tensor([1.0] * n_new + [-self.share[panel] for panel in panels], dtype=torch.float64)
        sizes = torch.stack([widths / 2, signs * widths / 6, signs * widths**2 / 12]).to(bends)
        change = sizes[0, :n_new] @ bends[:n_new]
        self.drift += sizes[1] @ bends
        squares = bends.square_()
        self.squared_error += sizes[2] @ squares
        of_pairs = squares[:n_new].sum(1).double().cpu() * widths[:n_new] ** 2 / 12
        shares = (parts / parts.sum(0)).nan_to_num(0).T.tolist()
        for pair, both, square in zip(pairs, shares, of_pairs.tolist(), strict=True):
            for panel, share in zip(pair, both, strict=False):
                self.pair[panel], self.share[panel], self.squares[panel] = pair, share, share * square
        return change

    def choose_cuts(self) -> None:
        """Say which positions are wanted next; none where the error is within what is allowed, or nothing can be done."""
        panels = self.panels()
        errors, allowed = self._errors(panels)
        excess = float(errors.sum()) - allowed
        self.rounds_within = self.rounds_within + 1 if abs(float(panels.residuals.sum())) <= allowed else 0
        self.converged = excess <= 0 or (self.stop == "gap" and self.rounds_within == ROUNDS_WITHIN)
        if self.converged:
            return
        largest = errors.sort(descending=True)
        self._let_go(panels, largest.indices)
        needed = int((GAIN * largest.values.cumsum(0) < excess).sum()) + 1
        share = min(len(errors) // SHARE_A_ROUND, MOST_A_ROUND)
        most = max(CUTS_A_ROUND, share) if self.stop == "map" else CUTS_A_ROUND
        needed = min(needed, int((errors > 0).sum()))
        for k in largest.indices[: min(needed, most)].tolist():
            a, b = panels.positions[k : k + 2].tolist()
            ends = dict.fromkeys(((a + b) / 2, *self.pair[a]))
            wanted = [p for p in ends if p not in self.kept and p not in self.wanted]
            if a < (a + b) / 2 < b and self.n_gradients + len(self.wanted) + len(wanted) <= self.max_gradients:
                self.cuts.append(a)
                self.wanted += wanted

    def _errors(self, panels: Panels) -> tuple[Tensor, float]:
        """What counts as the error of each panel, and how large their sum may be."""
        residuals, allowed_gap = panels.residuals, self.tolerance * abs(float(panels.scores[-1] - panels.scores[0]))
        if self.stop == "map" and panels.errors is not None:
            squares, allowed = panels.errors**2, self.tolerance**2 * float(self.map @ self.map)
            if float(squares.sum()) > allowed or abs(float(residuals.sum())) <= allowed_gap:
                return squares, allowed
        return residuals.abs(), allowed_gap

    def _let_go(self, panels: Panels, worst_first: Tensor) -> None:
        """Keep no more than so many integrands, at the ends of the panels that will be cut first."""
        if len(self.kept) > KEPT_GRADIENTS:
            worst = panels.positions[worst_first].tolist()
            ends = dict.fromkeys(end for panel in worst for end in self.pair[panel] if end in self.kept)
            self.kept = {p: self.kept[p] for p in list(ends)[:KEPT_GRADIENTS]}

    def panels(self) -> Panels:
        positions = sorted(self.known)
        scores, slopes = torch.tensor([self.known[p] for p in positions], dtype=torch.float64).T
        squares = torch.tensor([self.squares[p] for p in positions[:-1]], dtype=torch.float64)
        jumps = float(squares.sum())
        errors = (
            (squares * (1 + max(0.0, float(self.drift @ self.drift) / jumps - OF_JUMPS))).sqrt() if jumps else squares
        )
        return Panels(torch.tensor(positions, dtype=torch.float64), scores, slopes, errors)

    def maps(self) -> tuple[Tensor, Tensor]:
        """The map, and its error feature by feature."""
        jumps, drift = self.squared_error.clamp(min=0), self.drift.square()
        share = (1 - OF_JUMPS * jumps.sum() / drift.sum()).clamp(min=0) if drift.any() else 0
        return self.map, (jumps + share * drift).sqrt()
