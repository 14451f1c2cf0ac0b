"""Relatives of integrated gradients: other paths, and more than one baseline."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import forward_ad

from igref import arguments
from igref.attribution.chunking import chunk_size_for, chunks
from igref.attribution.core import (
    Attribution,
    completeness_gap,
    integrated_gradients,
    scores_and_gradients,
    target_scores,
)
from igref.attribution.precision import warn_of_autocast
from igref.attribution.quadrature import nodes_and_weights
from igref.memory import kept_meanwhile
from igref.progress import Progress, reporter
from igref.types import Forward, Targets

PathFunction = Callable[[Tensor], Tensor]
INTERIOR = tuple((k + 0.5) / 16 for k in range(16))  # where a path is asked whether it moves at all


@kept_meanwhile()
def path_integrated_gradients(
    forward: Forward,
    path: PathFunction,
    targets: Targets,
    *,
    n_steps: int = 50,
    rule: str = "midpoint",
    chunk_size: int | None = None,
    progress: Progress | bool | None = None,
) -> Attribution:
    """The integral of dF/dx_i along any path from the baselines to the inputs.

        PathIG_i = integral from 0 to 1 of  dF/dx_i (gamma(a))  dgamma_i/da  da

    Every path method is complete and sensitive, and implementation invariant where the path does not run along a kink of F. Of
    those that take one path for all ends, scaled to them, only the straight line is symmetric; where the path may depend on the
    ends, others are, too (`igref.counterexamples.symmetric_path_of_the_ends`). A path with kinks needs more steps, or a
    rule whose nodes avoid them.

    Args:
        forward, targets, n_steps, rule, chunk_size, progress: as for `integrated_gradients`.
        path: gamma, from a float64 scalar tensor 0 <= a <= 1 to a batch (N, *shape); gamma(0) are the
            baselines and gamma(1) the inputs. Written with torch functions, as dgamma/da is taken by
            automatic differentiation.

    Raises:
        TypeError: an argument, or what forward or path returned, is of the wrong kind.
        ValueError: an argument, or what forward or path returned, has the wrong shape or value.

    Source: arXiv 1703.01365, section 4 and its theorem 1.

    Example:
        >>> product = lambda x: x.prod(dim=1, keepdim=True)
        >>> x = torch.tensor([[1.0, 1.0]], dtype=torch.float64)
        >>> parabola = lambda a: torch.stack([a, a**2])[None]
        >>> path_integrated_gradients(product, parabola, 0, n_steps=3, rule="gauss_legendre").values
        tensor([[0.3333, 0.6667]], dtype=torch.float64)
    """
    forward = arguments.forward_function(forward)
    if not callable(path):
        raise TypeError(f"path: expected a function of a in [0, 1], got {type(path).__name__}.")
    baselines, inputs = (arguments.batch(path(_scalar(a)), f"path({a})") for a in (0.0, 1.0))
    baselines = arguments.batch_like(baselines, inputs, "path(0.0)", one_for_all=False)
    targets = arguments.target_indices(targets, inputs)
    warn_of_autocast(inputs)
    nodes, weights = nodes_and_weights(rule, n_steps)
    values = torch.zeros_like(inputs, dtype=torch.float64)
    size = chunk_size_for(inputs, chunk_size)
    report = reporter(progress)
    done = 0
    moves = False
    at_once = max(1, size // len(inputs))
    for some, w in zip(nodes.split(at_once), weights.to(values.device).split(at_once), strict=True):
        positions, velocities = zip(*(_position_and_velocity(path, a) for a in some), strict=True)
        moves = moves or any(velocity.any() for velocity in velocities)
        points = torch.cat([arguments.batch_like(p, inputs, "path(a)", one_for_all=False) for p in positions])
        gradients = torch.empty_like(points)
        for rows, _ in chunks(len(points), 1, size):
            _, gradients[rows] = scores_and_gradients(forward, points[rows], targets.repeat(len(some))[rows])
        change = torch.stack(velocities).double() * gradients.unflatten(0, (len(some), len(inputs)))
        values += torch.tensordot(w, change, dims=1)
        report(done := done + len(some), len(nodes))
    if not (moves or torch.equal(inputs, baselines) or _moves_between(path)):
        raise ValueError(
            "path: expected a function that autograd can follow from a; it goes from path(0.0) to path(1.0), and dpath/da is "
            "zero everywhere. Write it with torch functions of a, without float(a), a.item() or NumPy, and without jumps."
        )
    values = arguments.finite(values, "the gradient of forward, or dpath/da, along the path").to(inputs.dtype)
    scores = target_scores(forward, inputs, targets, chunk_size)
    baseline_scores = target_scores(forward, baselines, targets, chunk_size)
    gap = completeness_gap(values, scores, baseline_scores)
    return Attribution(values, scores, baseline_scores, gap, len(inputs) * len(nodes))


def straight_line(inputs: Float[Tensor, " N *shape"], baselines: Float[Tensor, "..."]) -> PathFunction:
    """The path of integrated gradients, gamma(a) = x' + a (x - x').

    Example:
        >>> straight_line(torch.tensor([[4.0, 8.0]]), torch.zeros(2))(torch.tensor(0.25))
        tensor([[1., 2.]])
    """
    inputs = arguments.batch(inputs)
    baselines = arguments.batch_like(baselines, inputs)
    return lambda a: baselines + a.to(inputs) * (inputs - baselines)


def feature_by_feature(inputs: Float[Tensor, " N *shape"], baselines: Float[Tensor, "..."]) -> PathFunction:
    """The path that moves one feature after the other from baseline to input, in the order of their memory.

    It is the path method that depends most on the order: not symmetric. With D features, a midpoint rule
    whose n_steps is a multiple of D has no node on a kink.

    Example:
        >>> gamma = feature_by_feature(torch.tensor([[4.0, 8.0]]), torch.zeros(2))
        >>> gamma(torch.tensor(0.25)), gamma(torch.tensor(0.75))
        (tensor([[2., 0.]]), tensor([[4., 4.]]))
    """
    inputs = arguments.batch(inputs)
    baselines = arguments.batch_like(baselines, inputs)
    n_features = inputs[0].numel()
    order = torch.arange(n_features, dtype=torch.float64, device=inputs.device).view(inputs.shape[1:])
    return lambda a: baselines + (a * n_features - order).clamp(0, 1).to(inputs) * (inputs - baselines)


@kept_meanwhile()
def average_over_baselines(
    forward: Forward,
    inputs: Float[Tensor, " N *shape"],
    baselines: Float[Tensor, "K ..."],
    targets: Targets,
    *,
    n_steps: int = 50,
    rule: str = "midpoint",
    chunk_size: int | None = None,
    progress: Progress | bool | None = None,
) -> Attribution:
    """The mean of the integrated gradients over several baselines: black and white, say, or seeds of a noise.

    Args:
        forward, inputs, targets, n_steps, rule, chunk_size, progress: as for `integrated_gradients`.
        baselines: K of them, each (N, *shape), (1, *shape) or (*shape): a tensor with K in front.

    Returns:
        The mean attribution; `.baseline_scores` and `.completeness_gap` are means over the baselines too.

    Raises:
        TypeError: an argument, or what forward returned, is of the wrong kind.
        ValueError: an argument, or what forward returned, has the wrong shape or value.

    Source: P. Sturmfels, S. Lundberg, S. Lee, Visualizing the Impact of Feature Attribution Baselines,
    Distill 2020, section "Averaging Over Multiple Baselines".

    Example:
        >>> x, black_and_white = torch.full((1, 2), 0.5), torch.tensor([[0.0, 0.0], [1.0, 1.0]])
        >>> average_over_baselines(lambda x: x**2, x, black_and_white, 0).values
        tensor([[-0.2500,  0.0000]])
    """
    forward = arguments.forward_function(forward)
    inputs = arguments.batch(inputs)
    baselines = arguments.batch(baselines, "baselines")
    every = [arguments.batch_like(one, inputs) for one in baselines]
    report, each = reporter(progress), []
    for one in every:
        each.append(
            integrated_gradients(forward, inputs, one, targets, n_steps=n_steps, rule=rule, chunk_size=chunk_size)
        )
        report(len(each), len(every))
    values = torch.stack([ig.values.double() for ig in each]).mean(0).to(inputs.dtype)
    baseline_scores = torch.stack([ig.baseline_scores for ig in each]).mean(0)
    gap = completeness_gap(values, each[0].scores, baseline_scores)
    return Attribution(values, each[0].scores, baseline_scores, gap, sum(ig.n_gradients for ig in each))


@kept_meanwhile()
def expected_gradients(
    forward: Forward,
    inputs: Float[Tensor, " N *shape"],
    references: Float[Tensor, " R *shape"],
    targets: Targets,
    *,
    n_samples: int = 200,
    seed: int = 0,
    chunk_size: int | None = None,
    progress: Progress | bool | None = None,
) -> Attribution:
    """Expected gradients: the mean of (x - x') dF/dx (x' + a (x - x')) over references x' and a ~ U(0, 1).

    It is integrated gradients averaged over baselines drawn from data, both integrals by the same random
    samples. The error falls as 1 / sqrt(n_samples).

    Args:
        forward, inputs, targets, chunk_size, progress: as for `integrated_gradients`.
        references: pictures of the training data, say; each (*shape), at least one.
        n_samples: pairs of a reference and an a, for each input; at least 1.
        seed: the same seed draws the same pairs, whatever else is random.

    Returns:
        The attribution; `.baseline_scores` is the mean of F over all references, and the gap refers to it.

    Raises:
        TypeError: an argument, or what forward returned, is of the wrong kind.
        ValueError: an argument, or what forward returned, has the wrong shape or value.

    Source: G. Erion et al., Learning Explainable Models Using Attribution Priors, arXiv 1906.10670, section
    2.3.

    Example:
        >>> linear = lambda x: x @ torch.tensor([[1.0], [2.0]])
        >>> references = torch.tensor([[0.0, 0.0], [1.0, 1.0]])
        >>> x = torch.tensor([[3.0, 3.0]])
        >>> values = expected_gradients(linear, x, references, 0, n_samples=1000).values
        >>> torch.allclose(values, torch.tensor([[2.5, 5.0]]), rtol=0.05)
        True
    """
    forward = arguments.forward_function(forward)
    inputs = arguments.batch(inputs)
    references = arguments.batch(references, "references")
    references = torch.stack([arguments.batch_like(one, inputs[:1], "references")[0] for one in references])
    targets = arguments.target_indices(targets, inputs)
    warn_of_autocast(inputs)
    n_samples = arguments.count(n_samples, "n_samples")
    generator = torch.Generator().manual_seed(arguments.seed(seed))
    drawn = torch.randint(len(references), (len(inputs), n_samples), generator=generator)
    alphas = torch.rand(len(inputs), n_samples, generator=generator, dtype=torch.float64)
    values = torch.zeros_like(inputs, dtype=torch.float64)
    report, done = reporter(progress), 0
    for i, k in chunks(len(inputs), n_samples, chunk_size_for(inputs, chunk_size)):
        baselines = references[drawn[i, k]]
        difference = inputs[i] - baselines
        points = baselines + alphas[i, k].to(inputs).view(-1, *[1] * (inputs.ndim - 1)) * difference
        _, gradients = scores_and_gradients(forward, points, targets[i])
        values.index_add_(0, i.to(values.device), difference.double() * gradients / n_samples)
        report(done := done + len(i), alphas.numel())
    values = arguments.finite(values, "the gradient of forward along the paths").to(inputs.dtype)
    scores = target_scores(forward, inputs, targets, chunk_size)
    everywhere = [target_scores(forward, references, target.expand(len(references)), chunk_size) for target in targets]
    baseline_scores = torch.stack(everywhere).mean(1)
    gap = completeness_gap(values, scores, baseline_scores)
    return Attribution(values, scores, baseline_scores, gap, alphas.numel())


def _moves_between(path: PathFunction) -> bool:
    """Whether dpath/da is other than zero somewhere inside: at the nodes of a rule it may be zero all the same."""
    return any(_position_and_velocity(path, _scalar(a))[1].any() for a in INTERIOR)


def _scalar(a: float) -> Tensor:
    return torch.tensor(a, dtype=torch.float64)


def _position_and_velocity(path: PathFunction, a: Tensor) -> tuple[Tensor, Tensor]:
    """gamma(a) and dgamma/da, by forward-mode differentiation: there is one a, and many features."""
    with torch.inference_mode(False), forward_ad.dual_level():
        dual = forward_ad.make_dual(a.clone(), torch.ones((), dtype=a.dtype))
        position, velocity = forward_ad.unpack_dual(path(dual))
    return position.detach(), torch.zeros_like(position) if velocity is None else velocity.detach()
