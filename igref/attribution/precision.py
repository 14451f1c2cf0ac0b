"""In which arithmetic gradients are taken: a warning where it is coarse, and a way to have it fine.

Rounding switches the units of a network that are near their kinks, so that a coarse arithmetic changes a map by far more
than it changes a score: docs/igref.md has the figures.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

HALF = (torch.float16, torch.bfloat16)


class LowPrecisionWarning(UserWarning):
    """Gradients are about to be taken in half precision."""


@contextmanager
def full_precision() -> Iterator[None]:
    """Switch autocast and TensorFloat-32 off for what is computed inside, and leave both as they were.

    It does not change the dtype of a model: for float64 use model.double() and inputs.double().

    Example:
        >>> with torch.autocast("cpu", torch.bfloat16), full_precision():
        ...     (torch.ones(2, 2) @ torch.ones(2, 2)).dtype
        torch.float32
    """
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
    try:
        with torch.autocast("cpu", enabled=False), torch.autocast("cuda", enabled=False):
            yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def warn_of_half_precision(forward: object, inputs: Tensor) -> None:
    """Warn where autocast is on for the device of the inputs, or where parameters of the model are in half precision."""
    device = inputs.device.type
    module = getattr(forward, "__self__", forward)
    if torch.is_autocast_enabled(device):
        dtype, where = torch.get_autocast_dtype(device), "autocast is on, to"
    elif isinstance(module, torch.nn.Module) and (half := [p.dtype for p in module.parameters() if p.dtype in HALF]):
        dtype, where = half[0], "the model has parameters in"
    else:
        return
    warnings.warn(
        f"{where} {str(dtype).removeprefix('torch.')}: maps are off by 9 to 50 % for it (docs/igref.md, Precision). "
        "Use igref.attribution.precision.full_precision(), and model.float().",
        LowPrecisionWarning,
        stacklevel=3,
    )
