"""Which method is best? Compare them with several fills, and say so when the answer depends on the fill."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from jaxtyping import Float
from torch import Tensor

from igref import arguments
from igref.quality.curves import FRACTIONS, area_under, bootstrap_interval
from igref.quality.imputation import imputer
from igref.quality.masking import checked_fractions, importance_ranks, random_ranks, scores_with_masked
from igref.types import Forward, Targets

THREE_FILLS = ("mean", "blurred", "noisy_linear")
RANDOM = "random ranking"


@dataclass(frozen=True)
class Flip:
    """Two methods of which the one is better with one fill, and the other with another."""

    better_with: dict[str, str]
    clear: bool

    def __str__(self) -> str:
        fills_of: dict[str, list[str]] = {method: [] for method in self.better_with.values()}
        for fill, method in self.better_with.items():
            fills_of[method].append(fill)
        said = ", ".join(f"{method} is better with {' and '.join(fills)}" for method, fills in fills_of.items())
        return said if self.clear else f"{said} (within chance for these inputs)"


@dataclass(frozen=True)
class FillComparison:
    """Areas under the retention curves of M methods with F fills.

    Attributes:
        fills: names of the fills.
        methods: names of the methods; the last is the random ranking, the control.
        areas: area of each input's curve.
    """

    fills: tuple[str, ...]
    methods: tuple[str, ...]
    areas: Float[Tensor, "F M N"]

    def ranking(self, fill: str) -> tuple[str, ...]:
        """The methods by their mean area with this fill, best first. Raises ValueError for an unknown fill."""
        means = self.areas[self.fills.index(arguments.choice(fill, self.fills, "fill"))].mean(1)
        return tuple(self.methods[m] for m in means.argsort(descending=True).tolist())

    @property
    def flips(self) -> tuple[Flip, ...]:
        """Pairs of methods whose order depends on the fill.

        A flip is clear where the 95 % bootstrap intervals of their difference, on the same inputs, lie on both sides of
        zero; else it may be chance.
        """
        found = []
        for one, other in combinations(range(len(self.methods)), 2):
            difference = (self.areas[:, one] - self.areas[:, other]).T
            means = difference.mean(0)
            if not ((means > 0).any() and (means < 0).any()):
                continue
            low, high = bootstrap_interval(difference)
            better = {
                fill: self.methods[one if mean > 0 else other]
                for fill, mean in zip(self.fills, means.tolist(), strict=True)
                if mean
            }
            found.append(Flip(better, clear=bool((low > 0).any() and (high < 0).any())))
        return tuple(found)

    @property
    def warning(self) -> str:
        """What has to be said beside any ranking of these methods; empty where all fills agree."""
        if not self.flips:
            return ""
        return "The ranking depends on the fill, so it is no property of the methods alone: " + "; ".join(
            map(str, self.flips)
        )

    def table(self) -> str:
        """Mean areas with their 95 % intervals, one row a method, one column a fill, and the warning."""
        width = max(map(len, self.methods))
        lines = [" " * width + "".join(f"  {fill:>20}" for fill in self.fills)]
        for m, method in enumerate(self.methods):
            low, high = bootstrap_interval(self.areas[:, m].T)
            cells = zip(self.areas[:, m].mean(1).tolist(), low.tolist(), high.tolist(), strict=True)
            lines.append(method.ljust(width) + "".join(f"  {a:.3f} [{lo:.3f}, {hi:.3f}]" for a, lo, hi in cells))
        return "\n".join([*lines, self.warning] if self.warning else lines)


def compare_with_fills(
    forward: Forward,
    inputs: Float[Tensor, " N *shape"],
    attributions: Mapping[str, Float[Tensor, "..."]],
    targets: Targets,
    *,
    fills: Sequence[str] = THREE_FILLS,
    fractions: Sequence[float] = FRACTIONS,
    patch: int = 1,
    seed: int = 0,
) -> FillComparison:
    """Retention of several methods, and of a random ranking, with several fills.

    Args:
        forward, inputs, targets, fractions, patch, seed: as for `retention_curve`.
        attributions: method to attributions (N, *shape).
        fills: names in `igref.quality.imputation.FILLS`.

    Raises:
        TypeError: an argument, or what forward returned, is of the wrong kind.
        ValueError: there is no method or no fill, or an argument has the wrong shape or value.

    Source: Rong et al., ICML 2022, arXiv 2202.00449, who found rankings of methods to depend on the fill.

    Example:
        >>> x = torch.linspace(1, 2, 24).view(4, 6)
        >>> methods = {"the weights": x * torch.arange(6.0), "their opposite": -x * torch.arange(6.0)}
        >>> total = lambda x: (x * torch.arange(6.0)).sum(1, keepdim=True)
        >>> comparison = compare_with_fills(total, x, methods, 0, fills=("mean", "zero"))
        >>> comparison.ranking("zero")[0], comparison.warning
        ('the weights', '')
    """
    forward = arguments.forward_function(forward)
    inputs = arguments.batch(inputs)
    targets = arguments.target_indices(targets, inputs)
    shares = checked_fractions(fractions)
    if not isinstance(attributions, Mapping):
        raise TypeError(
            f"attributions: expected a dictionary, method to attributions, got {arguments.kind(attributions)}."
        )
    fills, seed = arguments.several(fills, "fills"), arguments.seed(seed)
    if not attributions or RANDOM in attributions or not fills or len({*fills}) < len(fills):
        raise ValueError(
            f"attributions, fills: expected at least one method and one fill, each once, and {RANDOM!r} is added by itself; "
            f"got {list(attributions)} and {fills}."
        )
    ranks = {str(name): importance_ranks(values, inputs, seed, patch) for name, values in attributions.items()}
    ranks[RANDOM] = random_ranks(inputs, seed, patch)
    areas = []
    for fill in fills:
        imputed = imputer(fill, forward, inputs, seed)
        of_orders = scores_with_masked(forward, inputs, [*ranks.values()], targets, shares, imputed)
        areas += [area_under(scores, shares) for scores, _ in of_orders]
    return FillComparison(tuple(fills), tuple(ranks), torch.stack(areas).view(len(fills), len(ranks), -1).cpu())
