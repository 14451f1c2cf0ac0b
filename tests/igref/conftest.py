"""What several tests of igref use."""

from collections.abc import Callable

import pytest
import torch


@pytest.fixture
def counting() -> Callable:
    """Wrap a forward so that `.points` counts the points that a gradient could be taken at."""

    class Counting:
        def __init__(self, forward: Callable) -> None:
            self.forward, self.points = forward, 0

        def __call__(self, x: torch.Tensor) -> torch.Tensor:
            self.points += len(x) * x.requires_grad
            return self.forward(x)

    return Counting
