"""Integrated gradients without an integration error, for networks where the integral can be done exactly.

Along a straight line, a network of linear layers, ReLU and max-pooling is piecewise linear in the position
a: its gradient is constant between breakpoints, where a ReLU switches or a maximum changes hands. With all
breakpoints known the integral is a finite sum, exact to rounding. A softmax or sigmoid at the end is smooth
on each piece, where Gauss-Legendre quadrature converges to rounding as well. For a polynomial one rule is
exact.

Nothing here uses `igref.attribution`, so that the two can check each other. All of it is in float64.
"""

from collections.abc import Iterator
from copy import deepcopy

import numpy as np
import torch
from jaxtyping import Float, Float64
from torch import Tensor, nn

from igref import arguments
from igref.types import Forward, Targets

LINEAR = (nn.Linear, nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)
UNCHANGED = (nn.Flatten, nn.Identity, nn.Dropout)
SMOOTH = (nn.Softmax, nn.Sigmoid)
SMOOTH_NODES = 32
SMOOTH_SWING = 4.0  # the pre-softmax scores change by at most this much over one panel of 32 nodes


def exact_integrated_gradients(
    network: nn.Sequential,
    inputs: Float[Tensor, " N *shape"],
    baselines: Float[Tensor, "..."],
    targets: Targets,
) -> Float64[Tensor, " N *shape"]:
    """Integrated gradients of a small ReLU or max-pool network, exact to rounding.

    The cost grows with the number of breakpoints. A ReLU whose input is zero on a whole piece has gradient
    zero there, as in torch.

    Args:
        network: Linear, Conv2d, BatchNorm, AvgPool2d, AdaptiveAvgPool2d, Flatten, Identity, Dropout, ReLU,
            LeakyReLU and MaxPool2d (without padding or dilation) in any order, nested or not, in evaluation
            mode; as the last layer also Softmax or Sigmoid. The network stays as it is: the work is done on
            a float64 copy.
        inputs: float32 or float64, finite.
        baselines: (N, *shape), or one for all inputs, (*shape) or (1, *shape).
        targets: one class index for all inputs, or one each, 0 <= target < K.

    Raises:
        TypeError: the network has a layer of another kind, or an argument is of the wrong kind.
        ValueError: an argument, or what the network returned, has the wrong shape or value.

    Source: M. Sotoudeh, A. Thakur, Computing Linear Restrictions of Neural Networks, NeurIPS 2019,
    arXiv 1908.06214, section 4, for exact IG by pieces; arXiv 1703.01365, equation 1, for the integral.

    Example:
        >>> saturated = nn.Sequential(nn.Linear(1, 1), nn.ReLU(), nn.Linear(1, 1)).eval()  # 1 - ReLU(1 - x)
        >>> values = [[[-1.0]], [1.0], [[-1.0]], [1.0]]
        >>> saturated.load_state_dict(dict(zip(saturated.state_dict(), map(torch.tensor, values))))
        <All keys matched successfully>
        >>> exact_integrated_gradients(saturated, torch.tensor([[2.0]]), torch.tensor([[0.0]]), 0)
        tensor([[1.]], dtype=torch.float64)
    """
    layers = _layers(network)
    inputs = arguments.batch(inputs)
    baselines = arguments.batch_like(baselines, inputs).double()
    targets = arguments.target_indices(targets, inputs)
    values = []
    for x, x0, target in zip(inputs.double(), baselines, targets, strict=True):
        positions, weights = _nodes(layers, x, x0)
        values.append((x - x0) * _weighted_gradient(nn.Sequential(*layers), x, x0, target, positions, weights))
    return torch.stack(values)


def breakpoints(
    network: nn.Sequential, x: Float[Tensor, "*shape"], x0: Float[Tensor, "*shape"]
) -> Float64[Tensor, " P"]:
    """Positions 0 = a_0 < ... < a_P = 1 with the network linear between neighbours on the line from x0 to x.

    All kinks are among them; some may not be kinks, as where a unit switches that no later layer looks at.
    For one input `x` and one baseline `x0` of the same shape. Network and errors as for
    `exact_integrated_gradients`.

    Example:
        >>> breakpoints(nn.Sequential(nn.ReLU()).eval(), torch.tensor([3.0, 1.0]), torch.tensor([-1.0, 2.0]))
        tensor([0.0000, 0.2500, 1.0000], dtype=torch.float64)
    """
    x, x0 = (end[None] if isinstance(end, Tensor) else end for end in (x, x0))
    x = arguments.batch(x, "x")
    x0 = arguments.batch_like(x0, x, "x0", one_for_all=False)
    return _pieces(_layers(network), x[0].double(), x0[0].double())[0]


def exact_integrated_gradients_of_polynomial(
    forward: Forward,
    inputs: Float[Tensor, " N *shape"],
    baselines: Float[Tensor, "..."],
    targets: Targets,
    *,
    degree: int,
) -> Float64[Tensor, " N *shape"]:
    """Integrated gradients of a polynomial, exact to rounding.

    Along the line the gradient is a polynomial of degree - 1 in a, which Gauss-Legendre quadrature with
    ceil(degree / 2) nodes integrates exactly.

    Args:
        forward: (B, *shape) -> (B, K), each score a polynomial of at most `degree` in the inputs together.
        inputs, baselines, targets: as for `exact_integrated_gradients`.
        degree: total degree, at least 1: 3 for x y z.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: an argument, or what forward returned, has the wrong shape or value.

    Example:
        >>> product = lambda x: x.prod(dim=1, keepdim=True)
        >>> x = torch.tensor([[1.0, 2.0, 3.0]])
        >>> exact_integrated_gradients_of_polynomial(product, x, torch.zeros(3), 0, degree=3)
        tensor([[2., 2., 2.]], dtype=torch.float64)
    """
    forward = arguments.forward_function(forward)
    inputs = arguments.batch(inputs)
    baselines = arguments.batch_like(baselines, inputs).double()
    targets = arguments.target_indices(targets, inputs)
    n_nodes = -(-arguments.count(degree, "degree") // 2)
    positions, weights = _gauss_legendre(_ends(inputs), n_nodes)
    values = [
        (x - x0) * _weighted_gradient(forward, x, x0, target, positions, weights)
        for x, x0, target in zip(inputs.double(), baselines, targets, strict=True)
    ]
    return torch.stack(values)


def _layers(network: nn.Sequential) -> list[nn.Module]:
    """The layers in order, as float64 copies, after a look at each: do we know it?"""
    if getattr(type(network), "forward", None) is not nn.Sequential.forward:
        raise TypeError(f"network: expected a torch.nn.Sequential, got {type(network).__name__}.")
    arguments.forward_function(network)
    layers = list(_in_order(network))
    if not layers:
        raise TypeError("network: expected at least one layer, got an empty Sequential.")
    for place, layer in enumerate(layers):
        if isinstance(layer, nn.Softmax) and layer.dim == 0:
            raise TypeError(f"network: layer {place}, {layer}, mixes the inputs of a batch. Use Softmax(dim=1).")
        if not (_is_known(layer) or (isinstance(layer, SMOOTH) and place == len(layers) - 1)):
            raise TypeError(
                f"network: layer {place}, {layer}, is not one that is integrated exactly here. Use "
                f"{', '.join(kind.__name__ for kind in LINEAR + UNCHANGED)}, ReLU, LeakyReLU, MaxPool2d without "
                "padding or dilation, and at the end Softmax or Sigmoid."
            )
    with torch.inference_mode(False):
        return [deepcopy(layer).double().requires_grad_(False) for layer in layers]


def _in_order(network: nn.Sequential) -> Iterator[nn.Module]:
    """Every layer as often as it is used: one ReLU may stand in several places."""
    for layer in network:
        if isinstance(layer, nn.Sequential):
            yield from _in_order(layer)
        else:
            yield layer


def _is_known(layer: nn.Module) -> bool:
    if isinstance(layer, nn.MaxPool2d):
        return (layer.padding, layer.dilation, layer.ceil_mode) == (0, 1, False)
    if isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
        return layer.running_mean is not None  # without, it is not linear: it divides by the batch's own spread
    return isinstance(layer, (*LINEAR, *UNCHANGED, nn.ReLU, nn.LeakyReLU))


@torch.no_grad()
def _pieces(layers: list[nn.Module], x: Tensor, x0: Tensor) -> tuple[Tensor, Tensor]:
    """Positions of all breakpoints, and the activations there, without a smooth last layer.

    Between neighbouring positions every activation so far is linear in a, so its values there say all about
    it. A layer that bends adds the positions where it does; values there follow by interpolation.
    """
    positions = _ends(x)
    values = torch.stack([x0, x])
    for layer in layers:
        if isinstance(layer, (nn.ReLU, nn.LeakyReLU)):
            positions, values = _insert(positions, values, _crossings(positions, values))
            values = torch.where(values > 0, values, values * getattr(layer, "negative_slope", 0.0))
        elif isinstance(layer, nn.MaxPool2d):
            positions, values = _max_pool(positions, values, layer)
        elif not isinstance(layer, SMOOTH):
            values = layer(values)
    return positions, values


def _crossings(positions: Tensor, values: Tensor) -> Tensor:
    """Positions where a value changes sign strictly between two neighbouring positions."""
    left, right = values[:-1].flatten(1), values[1:].flatten(1)
    piece, unit = (left * right < 0).nonzero(as_tuple=True)
    share = left[piece, unit] / (left[piece, unit] - right[piece, unit])
    return torch.lerp(positions[piece], positions[piece + 1], share)


def _insert(positions: Tensor, values: Tensor, new: Tensor) -> tuple[Tensor, Tensor]:
    """All positions, ascending, each once, with values between the old positions interpolated linearly."""
    everything = torch.cat([positions, new]).unique()
    right = torch.searchsorted(positions, everything).clamp(min=1)
    share = (everything - positions[right - 1]) / (positions[right] - positions[right - 1])
    share = share.view(-1, *[1] * (values.ndim - 1))
    return everything, torch.lerp(values[right - 1], values[right], share)


def _max_pool(positions: Tensor, values: Tensor, pool: nn.MaxPool2d) -> tuple[Tensor, Tensor]:
    """Max-pooling as a chain of maxima of two, each of which bends where its two arguments cross."""
    height, width = (pool.kernel_size,) * 2 if isinstance(pool.kernel_size, int) else pool.kernel_size
    down, across = (pool.stride,) * 2 if isinstance(pool.stride, int) else pool.stride
    windows = values.unfold(-2, height, down).unfold(-2, width, across).flatten(-2)
    for k in range(1, windows.shape[-1]):
        new = _crossings(positions, windows[..., 0] - windows[..., k])
        positions, windows = _insert(positions, windows, new)
        windows[..., 0] = torch.maximum(windows[..., 0], windows[..., k])
    return positions, windows[..., 0]


def _nodes(layers: list[nn.Module], x: Tensor, x0: Tensor) -> tuple[Tensor, Tensor]:
    """Where to take the gradient, and with which weight: once on a linear piece, else at 32 nodes."""
    positions, values = _pieces(layers, x, x0)
    if not isinstance(layers[-1], SMOOTH):
        return _gauss_legendre(positions, 1)
    swing = values.diff(dim=0).abs().flatten(1).amax(1)
    parts = [
        torch.linspace(a, b, 1 + max(1, int(np.ceil(s / SMOOTH_SWING))), dtype=torch.float64, device=x.device)[:-1]
        for a, b, s in zip(positions[:-1].tolist(), positions[1:].tolist(), swing.tolist(), strict=True)
    ]
    return _gauss_legendre(torch.cat([*parts, positions[-1:]]), SMOOTH_NODES)


def _ends(x: Tensor) -> Tensor:
    """0 and 1, where x is."""
    return torch.tensor([0.0, 1.0], dtype=torch.float64, device=x.device)


def _gauss_legendre(edges: Tensor, n_nodes: int) -> tuple[Tensor, Tensor]:
    """Gauss-Legendre positions and weights on every panel between neighbouring edges, in a row."""
    nodes, weights = (torch.from_numpy(values).to(edges) for values in np.polynomial.legendre.leggauss(n_nodes))
    widths = edges.diff()[:, None]
    return (edges[:-1, None] + widths * (nodes + 1) / 2).flatten(), (widths * weights / 2).flatten()


def _weighted_gradient(
    forward: Forward,
    x: Tensor,
    x0: Tensor,
    target: Tensor,
    positions: Tensor,
    weights: Tensor,
) -> Tensor:
    """The sum of w_k dF/dx (x0 + a_k (x - x0)), by automatic differentiation."""
    total = torch.zeros_like(x)
    for a, w in zip(positions.split(256), weights.split(256), strict=True):
        shape = (-1, *[1] * x.ndim)
        with torch.inference_mode(False), torch.enable_grad():
            points = (x0 + a.view(shape) * (x - x0)).requires_grad_()
            scores = arguments.class_scores(forward(points.clone()), points, target[None])
            chosen = scores[:, target].sum()
            gradients = torch.autograd.grad(chosen, points, allow_unused=True)[0] if chosen.requires_grad else None
        total += (w.view(shape) * arguments.connected(gradients)).sum(0)
    return total
