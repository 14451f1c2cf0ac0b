"""What the explorer knows of one path: at each of many alphas the score, its slope, and the integrand of the map.

Equal steps of a size that a page can hold do not always add up to the rise of the score. So some alphas are added where the
trapezoid is most wrong, until its sum arrives: the explorer's rule "adaptive".
"""

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
TOLERANCE = 0.05  # of the rise of the score
ROUNDS_WITHIN = 3  # in a row, as one alone can be luck
MOST_POINTS = 240


class NotArrivedError(RuntimeError):
    """A path on which the sum does not come near the rise of the score."""


@dataclass(frozen=True)
class AlongPath:
    """The path x' + a (x - x') at K equally spaced alphas from 0 to 1, and at some more between them.

    Attributes:
        alphas: the equally spaced ones first, then those in between in the order in which they were added.
        scores: F, the score of the target.
        slopes: dF/da, the sum over all features of (x - x') dF/dx.
        maps: (x - x') dF/dx summed over channels, and over blocks of pixels: a frame adds up to its slope.
        attribution: integrated gradients summed over channels, by the trapezoid rule over the K equally spaced alphas.
    """

    alphas: Float[Tensor, " K"]
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
    """F and its gradient at the ends of `intervals` equal parts of the path, and between them where the trapezoid is most wrong.

    Args:
        forward: (B, 3, H, W) -> (B, K) class scores.
        x: the photo, in [0, 1]; height and width are multiples of `block`.
        baseline: where the path begins.
        target: the class.
        intervals: at least 1.
        block: side, in pixels, of the squares over which the maps are summed.

    Raises:
        NotArrivedError: the sum is not within `TOLERANCE` of the rise after `MOST_POINTS` gradients.
    """
    alphas, weights = nodes_and_weights("trapezoid", intervals)
    path = _measure(forward, x, baseline, target, alphas, block)
    attribution = torch.tensordot(weights, path.pop("integrands"), dims=1)
    rounds_within = 0
    while True:
        order = path["alphas"].argsort()
        positions, scores, slopes = (path[name][order] for name in ("alphas", "scores", "slopes"))
        residuals = positions.diff() * (slopes[:-1] + slopes[1:]) / 2 - scores.diff()
        allowed = TOLERANCE * (scores[-1] - scores[0]).abs()
        rounds_within = rounds_within + 1 if residuals.sum().abs() <= allowed else 0
        if residuals.abs().sum() <= allowed or rounds_within > ROUNDS_WITHIN:
            break
        if len(order) >= MOST_POINTS:
            raise NotArrivedError(
                f"The sum is {residuals.sum():+.4f} off the rise of {scores[-1] - scores[0]:.4f} after {len(order)} gradients; "
                f"{TOLERANCE:.0%} are allowed. Take another photo or baseline, or more gradients: MOST_POINTS in {__file__}."
            )
        worst = residuals.abs().topk(min(POINTS_AT_ONCE, len(residuals))).indices
        more = _measure(forward, x, baseline, target, (positions[worst] + positions[worst + 1]) / 2, block)
        path = {name: torch.cat([known, more[name]]) for name, known in path.items()}
    return AlongPath(**path, attribution=attribution)


def _measure(
    forward: Forward, x: Tensor, baseline: Tensor, target: int, alphas: Float[Tensor, " K"], block: int
) -> dict[str, Tensor]:
    """At each alpha the score, its slope, the map in blocks, and the map itself."""
    difference = (x - baseline).double()
    scores, integrands = [], []
    for some in alphas.split(POINTS_AT_ONCE):
        points = baseline + some.to(x).view(-1, 1, 1, 1) * (x - baseline)
        values, gradients = scores_and_gradients(forward, points, torch.full((len(some),), target))
        scores.append(values.double())
        integrands.append((difference * gradients).sum(1))
    maps = torch.cat(integrands)
    return {
        "alphas": alphas,
        "scores": torch.cat(scores),
        "slopes": maps.sum((1, 2)),
        "maps": block**2 * torch.nn.functional.avg_pool2d(maps, block),
        "integrands": maps,
    }


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
