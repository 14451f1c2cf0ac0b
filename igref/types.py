"""The one type that the whole package speaks of: the function that is attributed."""

from collections.abc import Callable

from torch import Tensor

Forward = Callable[[Tensor], Tensor]  # (B, *shape) -> (B, K): a batch to its class scores, each row on its own
