"""In which arithmetic gradients are taken: a warning where it is coarse, and a way to have it fine.

Rounding switches the units of a network that are near their kinks, so that a coarse arithmetic changes a map by far more
than it changes a score: docs/igref.md has the figures.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from igref.forward import LowPrecisionWarning, warn_of_dtype

__all__ = ["LowPrecisionWarning", "full_precision", "warn_of_autocast"]


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


def warn_of_autocast(inputs: Tensor) -> None:
    """Warn where autocast is on for the device of the inputs; of layers in half precision `igref.forward` warns."""
    device = inputs.device.type
    if torch.is_autocast_enabled(device):
        warn_of_dtype(torch.get_autocast_dtype(device), "autocast is on, to", stacklevel=3)
