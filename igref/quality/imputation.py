"""What a masked pixel is imputed with. There is no neutral choice: each fill favours the maps that resemble it.

A picture with masked pixels is off the data manifold: a drop of the score may be due to the masked pixels or to the strange
picture. So quality is measured with at least three fills, and a ranking that holds for one of them only is no finding.
"""

from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from igref import arguments
from igref.blur import blurred
from igref.forward import model_of
from igref.types import Forward

Batch = Float[Tensor, " N *shape"]
Mask = Bool[Tensor, " B *pixels"]

FILLS = ("mean", "blurred", "noisy_linear", "zero")
NOISE_SIGMA = 0.01  # of the authors' code, on pixels in [0, 1]

# Rong et al. 2022, section 4.3: next neighbours count twice as much as diagonal ones.
_WEIGHTS = ((1 / 12, 1 / 6, 1 / 12), (1 / 6, 0.0, 1 / 6), (1 / 12, 1 / 6, 1 / 12))
_LARGEST_RESIDUAL = 2e-4
_MAX_ITERATIONS = 2000

Imputer = Callable[[Int[Tensor, " B"], Mask], Batch]


def imputer(fill: str | Tensor, forward: Forward, inputs: Batch, seed: int) -> Imputer:
    """A function of the rows of some inputs and their masked pixels, that returns these inputs with the pixels imputed.

    Args:
        fill: one of `FILLS`, or the values to show instead:
            `mean`: each image's own mean, channel by channel.
            `blurred`: the image under a Gaussian filter with sigma 20 for 224 pixels; images only.
            `noisy_linear`: each masked pixel the weighted mean of its eight neighbours, masked ones too, by solving the
                linear equations of all, plus noise of 0.01; images only. Source: Y. Rong et al., A Consistent and
                Efficient Evaluation Strategy for Attribution Methods (ROAD), ICML 2022, arXiv 2202.00449, section 4.3.
            `zero`: zero where the network sees it, that is the mean pixel of its training images for a model of
                `load_model`, and 0 for any other forward.
            a tensor: one value a channel (C,), or one fill for all images (*shape).
        forward: for `zero`.
        inputs: all the inputs (N, *shape) that are to be imputed.
        seed: of the noise.

    Raises:
        TypeError: fill is neither a name nor a tensor.
        ValueError: no fill has this name, or it does not fit the inputs.

    Example:
        >>> imputed = imputer("mean", lambda x: x, torch.tensor([[0.0, 1.0]]), seed=0)
        >>> imputed(torch.tensor([0]), torch.tensor([[False, True]]))
        tensor([[0.0000, 0.5000]])
    """
    if isinstance(fill, Tensor):
        return _replacing(inputs, _fitting(fill, inputs))
    if not isinstance(fill, str):
        raise TypeError(f"fill: expected a name or a tensor, got {type(fill).__name__}. Names: {', '.join(FILLS)}.")
    arguments.choice(fill, FILLS, "fill")
    if fill in ("blurred", "noisy_linear") and inputs.ndim != 4:
        raise ValueError(f"fill: {fill} needs images (N, C, H, W), got inputs of shape {tuple(inputs.shape)}.")
    if fill == "noisy_linear":
        return _noisy_linear(inputs, seed)
    if fill == "zero":
        module = model_of(forward)
        return _replacing(inputs, getattr(module, "mean", torch.zeros(())).to(inputs))
    if fill == "mean":
        return _replacing(
            inputs, inputs.mean((2, 3) if inputs.ndim == 4 else tuple(range(1, inputs.ndim)), keepdim=True)
        )
    return _replacing(inputs, blurred(inputs))


def _replacing(inputs: Batch, shown: Tensor) -> Imputer:
    """A fill that shows these values, of all the inputs or the same for each."""
    shown = shown.expand_as(inputs)
    return lambda rows, masked: torch.where(_in_all_channels(masked, inputs), shown[rows], inputs[rows])


def _in_all_channels(masked: Mask, inputs: Batch) -> Bool[Tensor, "..."]:
    return masked[:, None] if inputs.ndim == 4 else masked


def _fitting(fill: Tensor, inputs: Batch) -> Tensor:
    fill = fill.detach().to(inputs)
    if inputs.ndim == 4 and fill.shape == inputs.shape[1:2]:
        fill = fill[:, None, None]
    if fill.ndim and fill.shape not in (inputs.shape[1:], (*inputs.shape[1:2], 1, 1)[: inputs.ndim - 1]):
        raise ValueError(
            f"fill: expected one value a channel, ({inputs.shape[1]},), or one fill for all inputs, "
            f"{tuple(inputs.shape[1:])}; got {tuple(fill.shape)}."
        )
    return arguments.finite(fill, "fill")


def _noisy_linear(inputs: Batch, seed: int) -> Imputer:
    generator = torch.Generator().manual_seed(seed)
    noise = NOISE_SIGMA * torch.randn(inputs.shape[1:], generator=generator, dtype=inputs.dtype).to(inputs)

    def fill(rows: Tensor, masked: Mask) -> Batch:
        interpolated = linear_interpolation(inputs[rows], masked)
        return torch.where(_in_all_channels(masked, inputs), interpolated + noise, interpolated)

    return fill


def linear_interpolation(images: Float[Tensor, "N C H W"], masked: Bool[Tensor, "N H W"]) -> Float[Tensor, "N C H W"]:
    """Each masked pixel the weighted mean of its neighbours; where all are masked, the image's own mean.

    The equations are symmetric and positive definite, so conjugate gradients solve them (Hestenes and Stiefel 1952),
    with products of the sparse matrix written as convolutions; a direct solver takes seconds a picture.

    Example:
        >>> ramp = torch.arange(5.0).expand(1, 1, 5, 5) / 4
        >>> masked = torch.zeros(1, 5, 5, dtype=torch.bool)
        >>> masked[0, 2, 2] = True
        >>> float(linear_interpolation(ramp, masked)[0, 0, 2, 2])
        0.5
    """
    n, channels, height, width = images.shape
    known = images.reshape(1, n * channels, height, width)  # all as channels of one: four times as fast
    mask = masked[:, None].expand_as(images).reshape_as(known).to(images)
    kernel = torch.tensor(_WEIGHTS, dtype=images.dtype, device=images.device).expand(n * channels, 1, 3, 3)

    def neighbours(values: Tensor) -> Tensor:
        return nn.functional.conv2d(values, kernel, padding=1, groups=n * channels)

    total = neighbours(torch.ones_like(known))  # less than 1 at the border, which has fewer neighbours
    solution = _coarse_to_fine(known, 1 - mask) * mask
    residual = mask * (neighbours(known * (1 - mask)) - total * solution + neighbours(solution))
    direction = residual / total
    size = _dot(residual, direction)
    for _ in range(_MAX_ITERATIONS):
        if residual.abs().max() <= _LARGEST_RESIDUAL:
            break
        image_of_direction = mask * (total * direction - neighbours(direction))
        step = size / _dot(direction, image_of_direction).clamp(min=torch.finfo(images.dtype).tiny)
        solution = solution + step * direction
        residual = residual - step * image_of_direction
        preconditioned = residual / total
        size, previous = _dot(residual, preconditioned), size
        direction = preconditioned + size / previous.clamp(min=torch.finfo(images.dtype).tiny) * direction
    return torch.where(mask.bool(), solution, known).reshape_as(images)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).sum((2, 3), keepdim=True)


def _coarse_to_fine(values: Float[Tensor, "1 B H W"], weights: Float[Tensor, "1 B H W"]) -> Float[Tensor, "1 B H W"]:
    """A first guess: each masked pixel gets the mean of the known ones in the smallest square that has any."""
    height, width = values.shape[2:]
    if max(height, width) == 1:
        return values
    pad = (0, width % 2, 0, height % 2)
    sums = nn.functional.avg_pool2d(nn.functional.pad(values * weights, pad), 2) * 4
    counts = nn.functional.avg_pool2d(nn.functional.pad(weights, pad), 2) * 4
    means = torch.where(counts > 0, sums / counts.clamp(min=1e-9), values.mean((2, 3), keepdim=True))
    coarse = _coarse_to_fine(means, (counts > 0).to(values))
    finer = coarse.repeat_interleave(2, 2).repeat_interleave(2, 3)[..., :height, :width]
    return torch.where(weights > 0, values, finer)
