"""The small networks that probes are made of.

They are what a student's function meets while it is graded, so this module holds the networks and
nothing that knows their attributions or draws their weights. Each is a callable from a batch `(B, *shape)` to
scores `(B, K)` and answers in the dtype of its input; all but the digits' network compute in float64.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from igref.models.digits import build_network

DIGIT, ENLARGED = 8, 4
"""A digit has 8 x 8 pixels; in a picture that it fills, each of them becomes 4 x 4."""


class Network:
    """A differentiable function of a batch, with a clear error for an input that is not one.

    Attributes:
        shape: the shape of one input, without the batch dimension.
        layers: the layers where the network is piecewise linear, which makes its IG exactly computable;
            None for a smooth one.
        architecture: the name in ARCHITECTURES of the function that made it, and `parts` what it was made of, by name.
    """

    architecture: str
    parts: dict[str, Any]

    def __init__(
        self,
        shape: tuple[int, ...],
        scores: Callable[[Tensor], Tensor],
        layers: nn.Sequential | None = None,
        precision: torch.dtype = torch.float64,
    ) -> None:
        self.shape = shape
        self.layers = layers
        self._precision = precision
        self._scores = scores

    def __call__(self, x: Tensor) -> Tensor:
        if not isinstance(x, Tensor):
            raise TypeError(f"forward expects a torch.Tensor (B, *{self.shape}), got {type(x).__name__}")
        if tuple(x.shape[1:]) != self.shape:
            hint = " (add the batch dimension with x.unsqueeze(0))" if tuple(x.shape) == self.shape else ""
            raise ValueError(
                f"forward expects a batch of shape (B, {', '.join(map(str, self.shape))}), got {tuple(x.shape)}{hint}"
            )
        if not x.dtype.is_floating_point:
            raise TypeError(f"forward expects a floating point tensor, got {x.dtype}")
        return self._scores(x.to(self._precision)).to(x.dtype)


ARCHITECTURES: dict[str, Callable[..., Network]] = {}
"""The functions below, by name: a network can be written down as one of these names and its parts."""


def _architecture(make: Callable[..., Network]) -> Callable[..., Network]:
    signature = inspect.signature(make)

    @wraps(make)
    def made(*args: Any, **kwargs: Any) -> Network:
        network = make(*args, **kwargs)
        network.architecture, network.parts = make.__name__, dict(signature.bind(*args, **kwargs).arguments)
        return network

    ARCHITECTURES[make.__name__] = made
    return made


@_architecture
def affine(weights: np.ndarray, offset: np.ndarray, shape: tuple[int, ...]) -> Network:
    """F(x) = x W + b: the one function whose attribution does not depend on the steps."""
    layer = _linear(weights, offset)
    return _piecewise_linear(shape, nn.Flatten(), layer)


@_architecture
def polynomial(linear: np.ndarray, cubic: np.ndarray, centre: np.ndarray) -> Network:
    """F_k(x) = sum_i linear_ik x_i + cubic_ik (x_i - centre_i)^3."""
    a, c, m = map(torch.from_numpy, (linear, cubic, centre))
    return Network(tuple(centre.shape), lambda x: x @ a + (x - m) ** 3 @ c)


@_architecture
def product(scale: np.ndarray, offset: np.ndarray) -> Network:
    """F_k(x) = the sum over triples of neighbours of scale_ik (x_i + offset_i) x_i+1 x_i+2."""
    s, o = map(torch.from_numpy, (scale, offset))

    def scores(x: Tensor) -> Tensor:
        return ((x + o)[:, :-2] * x[:, 1:-1] * x[:, 2:]) @ s

    return Network(tuple(offset.shape), scores)


@_architecture
def saturating(slopes: np.ndarray, ceilings: np.ndarray) -> Network:
    """F_k(x) = sum_i slope_ik (c_i - ReLU(c_i - x_i)): rises with x_i until x_i = c_i, then stays flat.

    The paper's counterexample to the gradient (Sundararajan et al. 2017, section 2.1) in n dimensions.
    """
    n = len(ceilings)
    first = nn.Linear(n, n, dtype=torch.float64)
    first.weight.data = -torch.eye(n, dtype=torch.float64)
    first.bias.data = torch.from_numpy(ceilings)
    second = _linear(-slopes, slopes.T @ ceilings)
    return _piecewise_linear((n,), first, nn.ReLU(), second)


@_architecture
def relu_network(hidden: np.ndarray, hidden_bias: np.ndarray, out: np.ndarray) -> Network:
    """One hidden layer of ReLUs on a vector."""
    n = hidden.shape[0]
    return _piecewise_linear((n,), _linear(hidden, hidden_bias), nn.ReLU(), _linear(out, np.zeros(out.shape[1])))


@_architecture
def softmax_network(hidden: np.ndarray, hidden_bias: np.ndarray, out: np.ndarray, shape: tuple[int, ...]) -> Network:
    """A smooth classifier: tanh units, then a softmax, so that scores are probabilities."""
    w, b, v = map(torch.from_numpy, (hidden, hidden_bias, out))
    return Network(shape, lambda x: torch.softmax(torch.tanh(x.flatten(1) @ w + b) @ v, dim=1))


@_architecture
def convolutional_network(
    kernels: np.ndarray, kernel_bias: np.ndarray, out: np.ndarray, shape: tuple[int, int, int]
) -> Network:
    """Convolution, ReLU, 2 x 2 max pooling, linear: an image network in miniature."""
    channels, features = shape[0], kernels.shape[0]
    convolution = nn.Conv2d(channels, features, 3, padding=1, dtype=torch.float64)
    convolution.weight.data = torch.from_numpy(kernels)
    convolution.bias.data = torch.from_numpy(kernel_bias)
    last = _linear(out, np.zeros(out.shape[1]))
    return _piecewise_linear(shape, convolution, nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), last)


@_architecture
def enlarged_digits(weights: tuple[np.ndarray, ...], row: int, column: int, side: int) -> Network:
    """The digits' network, for an enlarged digit in a coloured picture: probabilities (B, 10) of (B, 3, 32, 32).

    `weights` are those of `igref.models.digits`, layer by layer. The digit lies in the square of `side` pixels whose upper left
    corner is (row, column); what lies elsewhere the network does not see. It computes in float32, as it was trained.
    """
    layers = build_network().to(memory_format=torch.channels_last).eval().requires_grad_(False)
    layers.load_state_dict(dict(zip(layers.state_dict(), map(torch.from_numpy, weights), strict=True)))

    def scores(x: Tensor) -> Tensor:
        digit = x[:, :, row : row + side, column : column + side].mean(dim=1, keepdim=True)
        return layers(nn.functional.avg_pool2d(digit, side // DIGIT)).softmax(dim=1)

    return Network((3, ENLARGED * DIGIT, ENLARGED * DIGIT), scores, precision=torch.float32)


def _linear(weights: np.ndarray, offset: np.ndarray) -> nn.Linear:
    layer = nn.Linear(*weights.shape, dtype=torch.float64)
    layer.weight.data = torch.from_numpy(np.ascontiguousarray(weights.T))
    layer.bias.data = torch.from_numpy(np.ascontiguousarray(offset))
    return layer


def _piecewise_linear(shape: tuple[int, ...], *layers: nn.Module) -> Network:
    stack = nn.Sequential(*layers).eval().requires_grad_(False)
    return Network(shape, stack, stack)
