"""How many steps are enough: integrated gradients at many step counts, in one pass.

Rules at different counts share nodes: the trapezoid at 5, 10, 20, 50, 100 and 200 steps has 391 nodes, of
which 201 are different. A sweep computes one gradient at each different node and adds it to every sum that
has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

import torch
from jaxtyping import Float, Float64
from torch import Tensor

from igref import arguments
from igref.attribution.core import Attribution, completeness_gap, relative_gap, weighted_gradients
from igref.attribution.map_error import ChangesAlongPaths, drift_weights, is_told, relative_norm
from igref.attribution.precision import warn_of_autocast
from igref.attribution.quadrature import RULES, degree_of_exactness, nodes_and_weights
from igref.memory import kept_meanwhile
from igref.progress import Progress
from igref.types import Forward, Targets

TOLERANCE = 0.05
IN_A_ROW = 5


@dataclass(frozen=True)
class StepSweep:
    """Integrated gradients of N inputs at S step counts of one rule, or of several, one rule after the other.

    Attributes:
        rules: the rule of each of the S entries.
        steps: the step count of each entry.
        values: attributions, in the dtype of the inputs.
        scores: F(x), the score of the target class at each input.
        baseline_scores: F(x') at each baseline.
        n_gradients: gradients the sweep computed, over all inputs.
        seconds: what the sweep took.
        error_maps: how far off each value is expected to be, as `Attribution.error_map`; NaN where it is not told.
    """

    rules: tuple[str, ...]
    steps: tuple[int, ...]
    values: Float[Tensor, "S N *shape"]
    scores: Float64[Tensor, " N"]
    baseline_scores: Float64[Tensor, " N"]
    n_gradients: int
    seconds: float
    error_maps: Float[Tensor, "S N *shape"] | None = None

    @property
    def completeness_gap(self) -> Float64[Tensor, "S N"]:
        """Sum of values minus (F(x) - F(x')), signed."""
        return torch.stack([completeness_gap(v, self.scores, self.baseline_scores) for v in self.values])

    @property
    def relative_gap(self) -> Float64[Tensor, "S N"]:
        """|gap| / |F(x) - F(x')|."""
        difference = self.scores - self.baseline_scores
        return relative_gap(self.completeness_gap, difference.expand(len(self.steps), -1))

    @property
    def finest(self) -> int:
        """The entry that the others are compared with: most steps, then the rule of the highest degree."""
        entries = range(len(self.steps))
        return max(entries, key=lambda s: (self.steps[s], degree_of_exactness(self.rules[s], self.steps[s])))

    @property
    def map_error(self) -> Float64[Tensor, "S N"]:
        """Distance of each map from the finest one, |values - finest| / |finest|, both Euclidean norms.

        A small completeness gap does not prove a good map, as errors of opposite sign cancel in the sum. What each
        map says of its own error, without a finer one beside it, is `expected_map_error`.
        """
        maps = self.values.double().flatten(2)
        distance = (maps - maps[self.finest]).norm(dim=2)
        return relative_gap(distance, maps[self.finest].norm(dim=1).expand_as(distance))

    @property
    def expected_map_error(self) -> Float64[Tensor, "S N"] | None:
        """|error_maps| / |values|, the `map_error` of each entry's attribution; NaN where it is not told."""
        if self.error_maps is None:
            return None
        return torch.stack([relative_norm(*entry) for entry in zip(self.error_maps, self.values, strict=True)])

    @property
    def seconds_alone(self) -> tuple[float, ...]:
        """What each entry would take by itself, at the sweep's average time for a gradient."""
        each = self.seconds / self.n_gradients * len(self.scores)
        return tuple(each * _n_nodes(*entry) for entry in zip(self.rules, self.steps, strict=True))

    def attribution(self, n_steps: int, rule: str | None = None) -> Attribution:
        """One entry by itself. Raises `ValueError` for a count or a rule that the sweep does not have."""
        entry = (arguments.choice(rule or self.rules[0], tuple(dict.fromkeys(self.rules)), "rule"), n_steps)
        entries = list(zip(self.rules, self.steps, strict=True))
        if entry not in entries:
            counts = ", ".join(map(str, dict.fromkeys(self.steps)))
            raise ValueError(f"n_steps: expected one of {counts}; got {n_steps}.")
        s = entries.index(entry)
        n_gradients = len(self.scores) * _n_nodes(*entry)
        error_map = None if self.error_maps is None or self.error_maps[s].isnan().any() else self.error_maps[s]
        return Attribution(
            self.values[s],
            self.scores,
            self.baseline_scores,
            self.completeness_gap[s],
            n_gradients,
            error_map=error_map,
        )

    def stays_within(
        self, tolerance: float = TOLERANCE, *, in_a_row: int = IN_A_ROW, rule: str | None = None
    ) -> tuple[int | None, ...]:
        """For each input the step count from which on the relative gap stays within the tolerance.

        The gap changes sign on its way to zero, so that a single count within the tolerance can be luck, as
        can the last of a short run. Said is the smallest count of the sweep from which on every count is
        within, up to the largest; and only if these are at least `in_a_row` counts. None means that the
        sweep does not show it: its counts are too few or too small.

        Args:
            tolerance: share of |F(x) - F(x')|, at least 0.
            in_a_row: how many counts have to be within, at least 1.
            rule: which rule of the sweep, its first by default.
        """
        tolerance = arguments.number(tolerance, "tolerance", low=0.0)
        in_a_row = arguments.count(in_a_row, "in_a_row")
        rule = arguments.choice(rule or self.rules[0], tuple(dict.fromkeys(self.rules)), "rule")
        entries = sorted((n, s) for s, (r, n) in enumerate(zip(self.rules, self.steps, strict=True)) if r == rule)
        within = self.relative_gap[[s for _, s in entries]] <= tolerance
        run = within.flip(0).long().cumprod(0).sum(0)  # how many of the largest counts in a row are within
        return tuple(entries[-k][0] if k >= in_a_row else None for k in run.tolist())

    def table(self, tolerance: float = TOLERANCE) -> str:
        """The sweep as text: medians over the inputs, and from which count on the gap stays small."""
        title = f"{'rule':<14}  steps  gradients  median gap  largest gap  median map error  seconds alone"
        lines = [title, "-" * len(title)]
        rows = zip(self.rules, self.steps, self.relative_gap, self.map_error, self.seconds_alone, strict=True)
        for rule, n, gap, error, seconds in rows:
            lines.append(
                f"{rule:<14} {n:>6} {_n_nodes(rule, n):>10} {float(gap.median()):>11.2%} "
                f"{float(gap.max()):>12.2%} {float(error.median()):>17.2%} {seconds:>14.2f}"
            )
        each = self.n_gradients // len(self.scores)
        lines.append(f"in one pass: {each} gradients an input, {self.seconds:.2f} seconds")
        for rule in dict.fromkeys(self.rules):
            counts = self.stays_within(tolerance, rule=rule)
            shown = sorted({n for n in counts if n is not None})
            n_shown = sum(n is not None for n in counts)
            lines.append(
                f"{rule}: the gap stays within {tolerance:.0%} from n = {', '.join(map(str, shown)) or '?'} "
                f"({n_shown} of {len(counts)} inputs; {IN_A_ROW} counts in a row)"
            )
        return "\n".join(lines)


@kept_meanwhile()
def step_sweep(
    forward: Forward,
    inputs: Float[Tensor, " N *shape"],
    baselines: Float[Tensor, "..."],
    targets: Targets,
    *,
    steps: Sequence[int] = (5, 10, 20, 50, 100, 200),
    rule: str | Sequence[str] = "trapezoid",
    chunk_size: int | None = None,
    progress: Progress | bool | None = None,
) -> StepSweep:
    """Integrated gradients at many step counts, of one rule or several, one gradient for each different node.

    The values are those of `integrated_gradients` at each count, up to rounding.

    Args:
        forward, inputs, baselines, targets: as for `integrated_gradients`.
        steps: step counts, each at least 1; counted as by `integrated_gradients`.
        rule: one name in `igref.attribution.quadrature.RULES`, or several.
        chunk_size, progress: as for `integrated_gradients`.

    Raises:
        TypeError: an argument, or what forward returned, is of the wrong kind.
        ValueError: an argument, or what forward returned, has the wrong shape or value; no steps, no rule,
            or one of them twice.

    Example:
        >>> x = torch.tensor([[1.0, 2.0]], dtype=torch.float64)
        >>> sweep = step_sweep(lambda x: x**3, x, torch.zeros_like(x), 1, steps=(2, 4, 8))
        >>> sweep.n_gradients, [round(gap, 3) for gap in sweep.completeness_gap[:, 0].tolist()]
        (9, [1.0, 0.25, 0.062])
    """
    forward = arguments.forward_function(forward)
    inputs = arguments.batch(inputs)
    baselines = arguments.batch_like(baselines, inputs)
    targets = arguments.target_indices(targets, inputs)
    warn_of_autocast(inputs)
    rules = [
        arguments.choice(r, RULES, "rule")
        for r in ([rule] if isinstance(rule, str) else arguments.several(rule, "rule"))
    ]
    steps = [arguments.count(n, "steps") for n in arguments.several(steps, "steps")]
    for name, given in (("steps", steps), ("rule", rules)):
        if not given or len(set(given)) < len(given):
            raise ValueError(f"{name}: expected at least one, and each once; got {given}.")
    entries = [(r, n) for r in rules for n in steps]
    nodes, weights = _union(entries)
    start = perf_counter()
    told = torch.tensor([is_told(r, _n_nodes(r, n)) for r, n in entries])
    changes = ChangesAlongPaths(nodes, weights[told], inputs)
    rows = torch.cat([weights, _drift_rows(nodes, weights[told])])
    sums, scores = weighted_gradients(
        forward, inputs, baselines, targets, nodes, rows, changes, chunk_size=chunk_size, progress=progress
    )
    mean_gradients, drift = sums[: len(entries)], sums[len(entries) :]
    values = torch.stack([((inputs - baselines) * mean).to(inputs.dtype) for mean in mean_gradients])
    error_maps = torch.full_like(values, torch.nan)
    error_maps[told.to(inputs.device)] = changes.error_maps(inputs - baselines, drift)
    seconds = perf_counter() - start
    rule_of, steps_of = zip(*entries, strict=True)
    n_gradients = len(inputs) * len(nodes)
    return StepSweep(rule_of, steps_of, values, scores[1.0], scores[0.0], n_gradients, seconds, error_maps)


def _n_nodes(rule: str, n_steps: int) -> int:
    return len(nodes_and_weights(rule, n_steps)[0])


def _union(entries: Sequence[tuple[str, int]]) -> tuple[Float64[Tensor, " K"], Float64[Tensor, "S K"]]:
    """All different nodes, ascending, and the weights of each entry there, zero at nodes of others."""
    each = [nodes_and_weights(*entry) for entry in entries]
    nodes = torch.cat([own for own, _ in each]).unique()
    weights = torch.zeros(len(entries), len(nodes), dtype=torch.float64)
    for row, (own, w) in zip(weights, each, strict=True):
        row[torch.searchsorted(nodes, own)] = w
    return nodes, weights


def _drift_rows(nodes: Float64[Tensor, " K"], weights: Float64[Tensor, "R K"]) -> Float64[Tensor, "R K"]:
    """`drift_weights` of each row, at the nodes that it has."""
    rows = torch.zeros_like(weights)
    for drift, row in zip(rows, weights, strict=True):
        own = row.nonzero()[:, 0]
        drift[own] = drift_weights(nodes[own], row[own])
    return rows
