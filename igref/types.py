"""The types that the whole package speaks of: the function that is attributed, and the classes of which it is attributed."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Int
from torch import Tensor

Forward = Callable[[Tensor], Tensor]  # (B, *shape) -> (B, K): a batch to its class scores, each row on its own
# One class for all inputs, or one for each of N.
Targets = int | np.integer | Sequence[int | np.integer] | Int[np.ndarray, " N"] | Int[Tensor, " N"] | Int[Tensor, ""]
