"""What the explorer knows of one path: at each of many alphas the score, its slope, and the integrand of the map."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from igref.attribution.core import scores_and_gradients
from igref.attribution.quadrature import RULES, nodes_and_weights
from igref.types import Forward

# The course's step counts, and some between them. The explorer offers those whose nodes lie on its grid of alphas.
STEP_COUNTS = (1, 2, 5, 10, 20, 40, 50, 100, 200)
POINTS_AT_ONCE = 4  # the fastest on two cores


@dataclass(frozen=True)
class AlongPath:
    """The path x' + a (x - x') at K equally spaced alphas from 0 to 1.

    Attributes:
        scores: F, the score of the target.
        slopes: dF/da, the sum over all features of (x - x') dF/dx.
        maps: (x - x') dF/dx summed over channels, and over blocks of pixels: a frame adds up to its slope.
        attribution: integrated gradients summed over channels, by the trapezoid rule over all K alphas.
    """

    scores: Float[Tensor, " K"]
    slopes: Float[Tensor, " K"]
    maps: Float[Tensor, "K rows columns"]
    attribution: Float[Tensor, "height width"]


def follow(
    forward: Forward,
    x: Float[Tensor, "1 3 height width"],
    baseline: Float[Tensor, "1 3 height width"],
    target: int,
    *,
    intervals: int,
    block: int = 2,
) -> AlongPath:
    """F and its gradient at the ends of `intervals` equal parts of the path, K = intervals + 1 points.

    Args:
        forward: (B, 3, H, W) -> (B, K) class scores.
        x: the photo, in [0, 1]; height and width are multiples of `block`.
        baseline: where the path begins.
        target: the class.
        intervals: at least 1.
        block: side, in pixels, of the squares over which the maps are summed.
    """
    alphas, weights = nodes_and_weights("trapezoid", intervals)
    targets = torch.full((len(alphas),), target)
    attribution = torch.zeros(x.shape[2:], dtype=torch.float64)
    scores, slopes, maps = [], [], []
    for some, w, of_these in zip(*(t.split(POINTS_AT_ONCE) for t in (alphas, weights, targets)), strict=True):
        points = baseline + some.to(x).view(-1, 1, 1, 1) * (x - baseline)
        values, gradients = scores_and_gradients(forward, points, of_these)
        integrand = ((x - baseline).double() * gradients).sum(1)
        scores.append(values.double())
        slopes.append(integrand.sum((1, 2)))
        maps.append(block**2 * torch.nn.functional.avg_pool2d(integrand, block))
        attribution += torch.tensordot(w, integrand, dims=1)
    return AlongPath(torch.cat(scores), torch.cat(slopes), torch.cat(maps), attribution)


def step_counts(intervals: int) -> dict[str, list[int]]:
    """For each rule with equal steps the counts whose nodes all lie on the grid k / intervals.

    Example:
        >>> step_counts(20)["midpoint"]
        [1, 2, 5, 10]
    """

    def on_grid(rule: str, n_steps: int) -> bool:
        where = nodes_and_weights(rule, n_steps)[0] * intervals
        return bool(torch.isclose(where, where.round(), rtol=0, atol=1e-9).all())

    rules = [rule for rule in RULES if rule != "gauss_legendre"]  # whose nodes lie on no grid
    return {rule: [n for n in STEP_COUNTS if on_grid(rule, n)] for rule in rules}
