"""Baselines: the pictures without signal that an attribution is relative to. All in pixel space [0, 1].

No baseline is neutral in every respect: a pixel that equals its baseline gets no attribution, however much the network
looks at it; noise differs from draw to draw; a baseline made from the input keeps some of its signal. `igref.baselines.diagnosis`
says which of these a baseline suffers from.

Source: P. Sturmfels, S. Lundberg, S.-I. Lee, Visualizing the Impact of Feature Attribution Baselines, Distill 2020,
doi 10.23915/distill.00022.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from igref import arguments
from igref.blur import blurred
from igref.types import Forward

Batch = Float[Tensor, " N *shape"]

GAUSSIAN_SIGMA = 0.5  # the article's 1 on a range of [-1, 1]
ATTACK_STEP = 1 / 255


@dataclass(frozen=True)
class Baseline:
    """How a baseline is made: `constant`, `noise`, or `made from the input`."""

    kind: str
    make: Callable[..., Batch]


def make_baseline(name: str, inputs: Float[Tensor, " N *shape"], *, seed: int = 0, **options: Any) -> Batch:
    """A baseline for each input.

    Args:
        name: one of `BASELINES`:
            `black`, `white`: all 0, all 1.
            `constant`: every value `value` (0.5, grey); a tensor gives one value a channel.
            `uniform`: each value drawn from U[low, high] (0, 1).
            `gaussian`: the input plus N(0, sigma) (0.5), clipped to [0, 1].
            `blurred`: a Gaussian filter over height and width, `sigma` in pixels (20 for 224, in proportion else).
            `maximum_distance`: for each value the end of [0, 1] that is farther from it; 0.5 goes to 0.
            `mean_image`: the mean of `images` (M, *shape), or of the inputs.
            `adversarial`: signed-gradient steps of `step` (1/255) until `forward` no longer says `targets`, at most
                `max_steps` (100); needs `forward`, takes its top class where `targets` is left out.
            `own_image`: `image`, one (*shape) for all inputs or (N, *shape).
        inputs: float32 or float64, in [0, 1]; images (N, C, H, W) for `blurred`.
        seed: of the noise. Row n has the same noise whatever the other inputs are.

    Returns:
        (N, *shape), in [0, 1], of the dtype and on the device of the inputs.

    Raises:
        TypeError: an argument is of the wrong kind, or this baseline has no such option, or lacks one.
        ValueError: no baseline has this name, an argument has the wrong shape or range, or the attack fails.

    Source: Distill 2020, doi 10.23915/distill.00022, for the constant, noise, blurred and maximum distance baselines;
    I. Goodfellow et al., 2015, arXiv 1412.6572, and A. Kurakin et al., 2017, arXiv 1607.02533, section 2.2, for the
    signed gradient, repeated.

    Example:
        >>> make_baseline("maximum_distance", torch.tensor([[0.2, 0.5, 0.9]]))
        tensor([[1., 0., 0.]])
    """
    baseline = BASELINES[arguments.choice(name, BASELINES, "name")]
    inputs = pixels(inputs, "inputs")
    allowed = list(inspect.signature(baseline.make).parameters.values())[2:]
    unknown = sorted(options.keys() - {option.name for option in allowed})
    missing = [option.name for option in allowed if option.default is option.empty and option.name not in options]
    if unknown or missing:
        takes = ", ".join(option.name for option in allowed) or "no options"
        problem = f"does not take {', '.join(unknown)}" if unknown else f"needs {', '.join(missing)}"
        raise TypeError(f"options: the baseline {name} {problem}; it takes {takes}.")
    made = baseline.make(inputs, arguments.seed(seed), **options)
    return made.to(inputs).clamp(0, 1).contiguous()


def pixels(tensor: object, name: str) -> Tensor:
    """A batch (N, *shape) with values in [0, 1], or the error that says what came."""
    batch = arguments.batch(tensor, name)
    if batch.min() < 0 or batch.max() > 1:
        raise ValueError(
            f"{name}: expected pixels in [0, 1], got {float(batch.min()):.3g} to {float(batch.max()):.3g}. Divide "
            "0...255 by 255; leave normalisation to the model."
        )
    return batch


def _constant(inputs: Batch, seed: int, value: float | Tensor = 0.5) -> Batch:
    try:
        value = torch.as_tensor(value, dtype=inputs.dtype)
    except (TypeError, ValueError):
        raise TypeError(f"value: expected a number, or one a channel, got {arguments.kind(value)}.") from None
    if value.ndim > 1 or (value.ndim == 1 and len(value) != inputs.shape[1]) or not ((value >= 0) & (value <= 1)).all():
        raise ValueError(
            f"value: expected a number in [0, 1], or {inputs.shape[1]} of them, one a channel; got {value}."
        )
    shape = (-1, *[1] * (inputs.ndim - 2)) if value.ndim else ()
    return torch.zeros_like(inputs) + value.to(inputs.device).view(shape)


def _uniform(inputs: Batch, seed: int, low: float = 0.0, high: float = 1.0) -> Batch:
    low = arguments.number(low, "low", low=0, high=1)
    high = arguments.number(high, "high", low=low, high=1)
    return low + (high - low) * _drawn(torch.rand, inputs, seed)


def _gaussian(inputs: Batch, seed: int, sigma: float = GAUSSIAN_SIGMA) -> Batch:
    return inputs + arguments.number(sigma, "sigma", low=0) * _drawn(torch.randn, inputs, seed)


def _drawn(draw: Callable[..., Tensor], inputs: Batch, seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    return torch.stack([draw(inputs.shape[1:], generator=generator, dtype=inputs.dtype) for _ in inputs]).to(inputs)


def _blurred(inputs: Batch, seed: int, sigma: float | None = None) -> Batch:
    return blurred(inputs, sigma)


def _mean_image(inputs: Batch, seed: int, images: Tensor | None = None) -> Batch:
    images = inputs if images is None else pixels(images, "images")
    if images.shape[1:] != inputs.shape[1:]:
        raise ValueError(f"images: expected (M, {tuple(inputs.shape[1:])}), got {tuple(images.shape)}.")
    if images is inputs and len(inputs) == 1:
        raise ValueError("images: the mean of one input is that input; give the images to take the mean of.")
    return images.to(inputs).mean(0).expand_as(inputs)


def _own_image(inputs: Batch, seed: int, image: Tensor) -> Batch:
    if isinstance(image, Tensor) and image.is_floating_point():
        image = image.to(inputs)
    return pixels(arguments.batch_like(image, inputs, "image"), "image")


def _adversarial(
    inputs: Batch,
    seed: int,
    forward: Forward,
    targets: int | Tensor | None = None,
    step: float = ATTACK_STEP,
    max_steps: int = 100,
) -> Batch:
    from igref.attribution.core import gradient  # here: all other baselines are there where igref.attribution is not

    forward = arguments.forward_function(forward)
    step = arguments.number(step, "step", low=1e-6, high=1)
    top = _top_class(forward, inputs)
    targets = top if targets is None else arguments.target_indices(targets, inputs)
    attacked = inputs.clone()
    left = (top == targets).nonzero()[:, 0]
    for _ in range(arguments.count(max_steps, "max_steps")):
        if not len(left):
            break
        downhill = -gradient(forward, attacked[left], targets[left]).sign()
        attacked[left] = (attacked[left] + step * downhill).clamp(0, 1)
        left = left[_top_class(forward, attacked[left]) == targets[left]]
    if not len(left):
        return attacked
    raise ValueError(
        f"max_steps: {max_steps} steps of {step:.3g} did not change the label of input {', '.join(map(str, left.tolist()))}. "
        "Allow more or larger steps; where the score is saturated and has no gradient, attack model.logits."
    )


@torch.no_grad()
def _top_class(forward: Forward, inputs: Batch) -> Int[Tensor, " N"]:
    any_class = torch.zeros(len(inputs), dtype=torch.long, device=inputs.device)
    return arguments.class_scores(forward(inputs.clone()), inputs, any_class).argmax(1)


BASELINES: dict[str, Baseline] = {
    "black": Baseline("constant", lambda inputs, seed: torch.zeros_like(inputs)),
    "white": Baseline("constant", lambda inputs, seed: torch.ones_like(inputs)),
    "constant": Baseline("constant", _constant),
    "uniform": Baseline("noise", _uniform),
    "gaussian": Baseline("noise", _gaussian),
    "blurred": Baseline("made from the input", _blurred),
    "maximum_distance": Baseline("made from the input", lambda inputs, seed: (inputs < 0.5).to(inputs)),
    "mean_image": Baseline("constant", _mean_image),
    "adversarial": Baseline("made from the input", _adversarial),
    "own_image": Baseline("constant", _own_image),
}
