"""Which parts of an input made a network give its score: gradient, gradient x input, integrated gradients.

Throughout, `forward` maps a batch (B, *shape) to class scores (B, K), an input x is attributed relative to a
baseline x', and F is the score of the target class.

Source: M. Sundararajan, A. Taly, Q. Yan, Axiomatic Attribution for Deep Networks, ICML 2017,
arXiv 1703.01365.
"""

from dataclasses import dataclass, field

import torch
from jaxtyping import Float, Float64, Int
from torch import Tensor

from igref import arguments
from igref.attribution.chunking import chunk_size_for, chunks, image_layout, on_accelerator, points_of, rows_of
from igref.attribution.map_error import ChangesAlongPaths, drift_weights, is_told, relative_norm
from igref.attribution.precision import warn_of_autocast
from igref.attribution.quadrature import nodes_and_weights
from igref.memory import kept_meanwhile
from igref.progress import Progress, reporter
from igref.types import Forward, Targets


@dataclass(frozen=True)
class Attribution:
    """Attributions of N inputs, and how far they are from adding up.

    Attributes:
        values: what each feature contributed to F, in the dtype of the inputs.
        scores: F(x), the score of the target class at each input.
        baseline_scores: F(x') at each baseline.
        completeness_gap: sum of values minus (F(x) - F(x')), signed; the exact integral has none (section 3).
        n_gradients: gradients computed, over all inputs.
        error_map: how far off each value is expected to be (`igref.attribution.map_error`), in the dtype of the inputs;
            None where it cannot be told: by the rules left and right, and from fewer than three gradients.
    """

    values: Float[Tensor, " N *shape"]
    scores: Float64[Tensor, " N"]
    baseline_scores: Float64[Tensor, " N"]
    completeness_gap: Float64[Tensor, " N"]
    n_gradients: int
    error_map: Float[Tensor, " N *shape"] | None = field(default=None, kw_only=True)

    @property
    def map_error(self) -> Float64[Tensor, " N"] | None:
        """How far off each map is expected to be, |error_map| / |values|, both Euclidean norms; None as above."""
        return None if self.error_map is None else relative_norm(self.error_map, self.values)

    @property
    def relative_gap(self) -> Float64[Tensor, " N"]:
        """|gap| / |F(x) - F(x')|: 0 where both are zero, infinite where only F(x) - F(x') is."""
        return relative_gap(self.completeness_gap, self.scores - self.baseline_scores)


def gradient(
    forward: Forward,
    inputs: Float[Tensor, " N *shape"],
    targets: Targets,
    *,
    chunk_size: int | None = None,
) -> Float[Tensor, " N *shape"]:
    """The gradient of the target's score, dF/dx, at each input.

    Args:
        forward: (B, *shape) -> (B, K) class scores, differentiable; a model has to be in evaluation mode.
        inputs: float32 or float64, finite.
        targets: one class index for all inputs, or one each, 0 <= target < K.
        chunk_size: inputs per forward pass; chosen for the machine by default, without effect on the result.

    Raises:
        TypeError: an argument, or what forward returned, is of the wrong kind.
        ValueError: an argument, or what forward returned, has the wrong shape or value.

    Example:
        >>> gradient(lambda x: x**2, torch.tensor([[1.0, 3.0]]), 1)
        tensor([[0., 6.]])
    """
    forward = arguments.forward_function(forward)
    inputs = arguments.batch(inputs)
    targets = arguments.target_indices(targets, inputs)
    warn_of_autocast(inputs)
    gradients = torch.empty_like(inputs)
    for rows, _ in chunks(len(inputs), 1, chunk_size_for(inputs, chunk_size)):
        _, gradients[rows] = scores_and_gradients(forward, inputs[rows], targets[rows])
    return arguments.finite(gradients, "the gradient of forward")


def gradient_times_input(
    forward: Forward,
    inputs: Float[Tensor, " N *shape"],
    targets: Targets,
    *,
    chunk_size: int | None = None,
) -> Float[Tensor, " N *shape"]:
    """The gradient at each input times the input, x dF/dx: the older method that IG is compared with.

    For a linear F without constant it is IG from a zero baseline; in general it is not complete.
    Arguments and errors as for `gradient`. Source: A. Shrikumar et al., 2016, arXiv 1605.01713, section 1.

    Example:
        >>> gradient_times_input(lambda x: x**2, torch.tensor([[1.0, 3.0]]), 1)
        tensor([[ 0., 18.]])
    """
    inputs = arguments.batch(inputs)
    return inputs * gradient(forward, inputs, targets, chunk_size=chunk_size)


def integrated_gradients(
    forward: Forward,
    inputs: Float[Tensor, " N *shape"],
    baselines: Float[Tensor, "..."],
    targets: Targets,
    *,
    n_steps: int = 50,
    rule: str = "midpoint",
    chunk_size: int | None = None,
    progress: Progress | bool | None = None,
) -> Attribution:
    """Integrated gradients: (x - x') times the mean of dF/dx along the straight line from x' to x.

        IG_i(x) = (x_i - x'_i)  integral from 0 to 1 of  dF/dx_i (x' + a (x - x'))  da

    Args:
        forward: (B, *shape) -> (B, K) class scores, differentiable; a model has to be in evaluation mode.
        inputs: float32 or float64, finite; of any shape, images or not.
        baselines: (N, *shape), or one for all inputs, (*shape) or (1, *shape).
        targets: one class index for all inputs, or one each, 0 <= target < K.
        n_steps: at least 1. Counts intervals for the rules left, right, midpoint and trapezoid (which has
            n_steps + 1 points), nodes for gauss_legendre.
        rule: a name in `igref.attribution.quadrature.RULES`.
        chunk_size: points per forward pass; chosen for the machine by default, without effect on the result.
        progress: True for a bar, or a function of (done, total).

    Raises:
        TypeError: an argument, or what forward returned, is of the wrong kind.
        ValueError: an argument, or what forward returned, has the wrong shape or value.

    Source: arXiv 1703.01365, section 3, equation 1; the sum in its section 5 is the rule `right`.

    Example:
        >>> product = lambda x: x.prod(dim=1, keepdim=True)
        >>> ig = integrated_gradients(product, torch.tensor([[3.0, 4.0]]), torch.zeros(2), 0)
        >>> ig.values, ig.completeness_gap.abs() < 1e-5
        (tensor([[6., 6.]]), tensor([True]))
    """
    forward = arguments.forward_function(forward)
    inputs = arguments.batch(inputs)
    baselines = arguments.batch_like(baselines, inputs)
    targets = arguments.target_indices(targets, inputs)
    warn_of_autocast(inputs)
    nodes, weights = nodes_and_weights(rule, n_steps)
    rows, changes = weights[None], None
    if is_told(rule, len(nodes)):
        rows = torch.stack([weights, drift_weights(nodes, weights)])
        changes = ChangesAlongPaths(nodes, weights[None], inputs)
    (mean_gradient, *drift), scores = weighted_gradients(
        forward, inputs, baselines, targets, nodes, rows, changes, chunk_size=chunk_size, progress=progress
    )
    values = ((inputs - baselines) * mean_gradient).to(inputs.dtype)
    gap = completeness_gap(values, scores[1.0], scores[0.0])
    error_map = None if changes is None else changes.error_maps(inputs - baselines, torch.stack(drift))[0]
    return Attribution(values, scores[1.0], scores[0.0], gap, len(inputs) * len(nodes), error_map=error_map)


@kept_meanwhile()
def weighted_gradients(
    forward: Forward,
    inputs: Float[Tensor, " N *shape"],
    baselines: Float[Tensor, " N *shape"],
    targets: Int[Tensor, " N"],
    nodes: Float64[Tensor, " K"],
    weights: Float64[Tensor, "R K"],
    changes: ChangesAlongPaths | None = None,
    *,
    chunk_size: int | None = None,
    progress: Progress | bool | None = None,
) -> tuple[Float64[Tensor, "R N *shape"], dict[float, Float64[Tensor, " N"]]]:
    """Sums of w_k dF/dx (x' + a_k (x - x')) for R rows of weights over the same nodes, and F at both ends.

    One gradient an input and node, in chunks, summed in float64. The arguments are taken as checked. `changes` sees
    every gradient as well.
    The ends of the path are the keys 0.0 and 1.0 of the scores.
    """
    report, done = reporter(progress), 0
    size = chunk_size_for(inputs, chunk_size)
    missing = {end: at for end, at in ((0.0, baselines), (1.0, inputs)) if not (nodes == end).any()}
    beside = torch.cat([inputs[:0], *missing.values()])
    beside_targets = targets.repeat(len(missing))
    in_one = on_accelerator(inputs) and len(inputs) * len(nodes) + len(beside) <= size
    start, difference = image_layout(baselines), image_layout(inputs - baselines)
    alphas = nodes.to(inputs).view(-1, *[1] * (inputs.ndim - 1))
    sums = torch.zeros(len(weights), *rows_of(inputs).shape, dtype=torch.float64, device=inputs.device)
    scores = torch.empty(len(inputs), len(nodes), dtype=torch.float64, device=inputs.device)
    weights = weights.to(inputs.device, non_blocking=True)
    for i, k in chunks(len(inputs), len(nodes), size):
        first, last, here = int(i[0]), int(i[-1]) + 1, (i, k)
        i, k = i.to(inputs.device, non_blocking=True), k.to(inputs.device, non_blocking=True)
        of = slice(first, last) if last == first + 1 else i  # of one input it takes no copies
        points = (alphas[k] * difference[of]).add_(start[of])  # rounds as x' + a (x - x') does: near a kink it matters
        asked = targets[i]
        if in_one:  # a batch more costs an accelerator more than a few points
            points, asked = torch.cat([points, beside]), torch.cat([asked, beside_targets])
        values, gradients = scores_and_gradients(forward, points, asked)
        found, gradients = values[len(i) :].double(), rows_of(gradients[: len(i)])
        scores[i, k] = values[: len(i)].double()
        if changes is not None:
            changes.add(*here, gradients)
        shares = torch.zeros(len(weights), last - first, len(i), dtype=torch.float64, device=inputs.device)
        shares[:, i - first, torch.arange(len(i), device=i.device)] = weights[:, k]
        sums[:, first:last] += shares @ gradients.double()  # each row of weights, each input: its part of the sum
        report(done := done + len(i), scores.numel())
    ends = {end: scores[:, (nodes == end).nonzero()[0, 0]] for end in (0.0, 1.0) if end not in missing}
    if missing:
        found = found if in_one else target_scores(forward, beside, beside_targets, chunk_size)
        ends |= zip(missing, found.split(len(inputs)), strict=True)
    sums = points_of(sums, inputs.shape[1:]).contiguous()
    return arguments.finite(sums, "the gradient of forward along the path"), ends


def scores_and_gradients(
    forward: Forward, points: Float[Tensor, " B *shape"], targets: Int[Tensor, " B"]
) -> tuple[Float[Tensor, " B"], Float[Tensor, " B *shape"]]:
    """F and dF/dx at one chunk of points: inputs do not mix, so the gradient of the sum is that of each."""
    with torch.inference_mode(False), torch.enable_grad():
        leaf = image_layout(points.clone() if points.is_inference() else points.detach()).requires_grad_()
        scores = forward(leaf.clone())  # a copy, as a model may begin with an in-place operation
        scores = arguments.class_scores(scores, points, targets)
        chosen = scores.gather(1, targets.clone()[:, None])[:, 0]
        try:
            gradients = torch.autograd.grad(chosen.sum(), leaf, allow_unused=True)[0] if scores.requires_grad else None
        except RuntimeError as error:
            raise arguments.no_backward(error) from error
    return chosen.detach(), arguments.connected(gradients)


@torch.no_grad()
def target_scores(
    forward: Forward,
    points: Float[Tensor, " N *shape"],
    targets: Int[Tensor, " N"],
    chunk_size: int | None = None,
) -> Float64[Tensor, " N"]:
    """F, the score of its target, at each point."""
    scores = []
    for rows, _ in chunks(len(points), 1, chunk_size_for(points, chunk_size)):
        some = image_layout(points[rows])
        every_class = arguments.class_scores(forward(some.clone()), some, targets[rows])
        scores.append(every_class.gather(1, targets[rows, None])[:, 0].double())
    return torch.cat(scores)


def completeness_gap(
    values: Float[Tensor, " N *shape"], scores: Float64[Tensor, " N"], baseline_scores: Float64[Tensor, " N"]
) -> Float64[Tensor, " N"]:
    """Sum of the values minus (F(x) - F(x')), signed."""
    return values.double().flatten(1).sum(1) - (scores - baseline_scores)


def relative_gap(gap: Float64[Tensor, "..."], difference: Float64[Tensor, "..."]) -> Float64[Tensor, "..."]:
    """|gap| / |difference|, where nothing out of nothing is 0.

    Example:
        >>> relative_gap(torch.tensor([0.01, 0.0]).double(), torch.tensor([0.5, 0.0]).double())
        tensor([0.0200, 0.0000], dtype=torch.float64)
    """
    return torch.where(gap == 0, 0.0, gap.abs() / difference.abs())
