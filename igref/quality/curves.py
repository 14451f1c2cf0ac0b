"""How good is a map? Mask pixels in its order, and see what the network still says: retention, deletion, insertion.

A curve alone says little, as a few pixels of any map are often enough. So each stands beside two controls on the same
images, a random ranking and the reversed one, and its area comes with a bootstrap interval over the images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Real
from scipy.stats import bootstrap
from torch import Tensor

from igref import arguments
from igref.quality.imputation import imputer
from igref.quality.masking import checked_fractions, importance_ranks, random_ranks, scores_with_masked
from igref.types import Forward, Targets

# Closer together where curves bend: most of a score comes or goes with the first pixels.
FRACTIONS = (0.0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
CONFIDENCE = 0.95
N_RESAMPLES = 2000


@dataclass(frozen=True)
class RetentionCurve:
    """Scores of N inputs with a growing share of their pixels kept, inserted or deleted.

    Attributes:
        kind: `retention`, `insertion` or `deletion`.
        fill: what masked pixels show.
        fractions: the K shares of pixels, ascending: kept (retention, insertion) or masked (deletion).
        scores: of the label, with pixels in the order of the map.
        label_survives: whether the label still has the highest score.
        random_scores: a control, with the pixels of each input in a random order.
        reversed_scores: a control, with the pixels in the reversed order of the map.
    """

    kind: str
    fill: str
    fractions: Float[Tensor, " K"]
    scores: Float[Tensor, "N K"]
    label_survives: Bool[Tensor, "N K"]
    random_scores: Float[Tensor, "N K"]
    reversed_scores: Float[Tensor, "N K"]

    @property
    def area(self) -> Float[Tensor, " N"]:
        """Area under each input's curve, by the trapezoid rule, over the range of the fractions.

        Large is good for retention and insertion, small for deletion.
        """
        return area_under(self.scores, self.fractions)

    @property
    def random_area(self) -> Float[Tensor, " N"]:
        """Area under the curve of the random ranking: a map that is no better has found nothing."""
        return area_under(self.random_scores, self.fractions)

    @property
    def reversed_area(self) -> Float[Tensor, " N"]:
        """Area under the curve of the reversed ranking: where it is as good, the order does not matter."""
        return area_under(self.reversed_scores, self.fractions)

    def interval(self, *, seed: int = 0) -> tuple[float, float]:
        """95 % interval of the mean area: percentile bootstrap over the inputs; NaN for a single input."""
        low, high = bootstrap_interval(self.area[:, None], seed=seed)
        return float(low[0]), float(high[0])

    def band(self, *, seed: int = 0) -> tuple[Float[Tensor, " K"], Float[Tensor, " K"]]:
        """95 % interval of the mean score at each fraction, lower and upper."""
        return bootstrap_interval(self.scores, seed=seed)

    def __str__(self) -> str:
        low, high = self.interval()
        return (
            f"{self.kind}, fill {self.fill}, {len(self.scores)} inputs: area {float(self.area.mean()):.3f} "
            f"[{low:.3f}, {high:.3f}]; random {float(self.random_area.mean()):.3f}, "
            f"reversed {float(self.reversed_area.mean()):.3f}"
        )


def retention_curve(
    forward: Forward,
    inputs: Float[Tensor, " N *shape"],
    attributions: Float[Tensor, "..."],
    targets: Targets,
    *,
    fractions: Sequence[float] = FRACTIONS,
    fill: str | Float[Tensor, "..."] = "mean",
    patch: int = 1,
    seed: int = 0,
) -> RetentionCurve:
    """Mask the pixels of relatively low attribution: does the network still give the label? The course's measure.

    Args:
        forward: (B, *shape) -> (B, K) class scores; probabilities for areas from 0 to 1.
        inputs: float32 or float64; images (N, C, H, W) or other features (N, *shape).
        attributions: (N, *shape); channels of an image are summed, as its pixels are masked in all channels together.
            Maps (N, H, W) that are summed already are taken too.
        targets: the label whose score is followed, one for all inputs or one each.
        fractions: shares of pixels kept, ascending, in [0, 1].
        fill: what masked pixels show: a name in `igref.quality.imputation.FILLS`, one value a channel, or one image for all.
        patch: mask squares of patch x patch pixels, by their mean attribution, instead of single pixels. Pixels that are
            strewn over a picture are a texture that no network has seen; squares show more of what a map has found.
        seed: of the random ranking, of the order of equal attributions, and of the fill's noise.

    Raises:
        TypeError: an argument, or what forward returned, is of the wrong kind.
        ValueError: an argument, or what forward returned, has the wrong shape or value.

    Source: the course chapter on Integrated Gradients, on judging the quality of attributions objectively.

    Example:
        >>> x = torch.tensor([[1.0, 2.0, 3.0]])
        >>> total = lambda x: x.sum(dim=1, keepdim=True)
        >>> curve = retention_curve(total, x, x, 0, fractions=(0, 1 / 3, 2 / 3, 1), fill="zero")
        >>> curve.scores, curve.reversed_scores
        (tensor([[0., 3., 5., 6.]]), tensor([[0., 1., 3., 6.]]))
    """
    return _curve("retention", forward, inputs, attributions, targets, fractions, fill, patch, seed)


def insertion_curve(
    forward: Forward,
    inputs: Float[Tensor, " N *shape"],
    attributions: Float[Tensor, "..."],
    targets: Targets,
    *,
    fractions: Sequence[float] = FRACTIONS,
    fill: str | Float[Tensor, "..."] = "blurred",
    patch: int = 1,
    seed: int = 0,
) -> RetentionCurve:
    """Start from the blurred image and put the pixels back, most important first. A good map has a large area.

    It is retention with the blurred fill. Arguments and errors as for `retention_curve`.

    Source: V. Petsiuk et al., RISE, BMVC 2018, arXiv 1806.07421, section 4.2.

    Example:
        >>> x = torch.rand(1, 3, 4, 4)
        >>> curve = insertion_curve(lambda x: x.mean((2, 3)), x, x, 0)
        >>> torch.allclose(curve.scores[:, -1], x.mean((2, 3))[:, 0])
        True
    """
    return _curve("insertion", forward, inputs, attributions, targets, fractions, fill, patch, seed)


def deletion_curve(
    forward: Forward,
    inputs: Float[Tensor, " N *shape"],
    attributions: Float[Tensor, "..."],
    targets: Targets,
    *,
    fractions: Sequence[float] = FRACTIONS,
    fill: str | Float[Tensor, "..."] = "zero",
    patch: int = 1,
    seed: int = 0,
) -> RetentionCurve:
    """Delete pixels, most important first. A good map has a small area.

    The default fill is the paper's: zero where the network sees it, the mean pixel in pixel space. Arguments and errors
    as for `retention_curve`, but that `fractions` are shares of pixels deleted.

    Source: V. Petsiuk et al., RISE, BMVC 2018, arXiv 1806.07421, section 4.2.

    Example:
        >>> x = torch.tensor([[1.0, 2.0, 3.0]])
        >>> total = lambda x: x.sum(dim=1, keepdim=True)
        >>> deletion_curve(total, x, x, 0, fractions=(0, 1 / 3, 2 / 3, 1)).scores
        tensor([[6., 3., 1., 0.]])
    """
    return _curve("deletion", forward, inputs, attributions, targets, fractions, fill, patch, seed)


def area_under(scores: Float[Tensor, "N K"], fractions: Float[Tensor, " K"]) -> Float[Tensor, " N"]:
    """Trapezoid rule, divided by the range of the fractions: a constant score has its own value as area.

    >>> area_under(torch.tensor([[0.0, 1.0, 1.0]]), torch.tensor([0.0, 0.5, 1.0]))
    tensor([0.7500])
    """
    return torch.trapezoid(scores, fractions.to(scores), dim=1) / float(fractions[-1] - fractions[0])


def bootstrap_interval(
    values: Real[Tensor, "N K"] | Bool[Tensor, "N K"], *, seed: int = 0
) -> tuple[Float[Tensor, " K"], Float[Tensor, " K"]]:
    """95 % percentile bootstrap interval of the mean over the rows, of numbers or of yes and no; NaN for a single row.

    >>> low, high = bootstrap_interval(torch.tensor([[1.0], [1.0], [1.0]]))
    >>> float(low), float(high)
    (1.0, 1.0)
    """
    if not isinstance(values, Tensor) or values.ndim != 2 or values.is_complex():
        raise TypeError(f"values: expected a tensor of real numbers (N, K), got {arguments.kind(values)}.")
    seed = arguments.seed(seed)
    if len(values) < 2:
        unknown = torch.full(values.shape[1:], float("nan"))
        return unknown, unknown
    found = bootstrap(
        (values.detach().double().cpu().numpy(),),
        lambda sample, axis: sample.mean(axis=axis),
        n_resamples=N_RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=seed,
    ).confidence_interval
    return torch.from_numpy(found.low).float(), torch.from_numpy(found.high).float()


def _curve(kind, forward, inputs, attributions, targets, fractions, fill, patch, seed) -> RetentionCurve:
    forward = arguments.forward_function(forward)
    inputs = arguments.batch(inputs)
    targets = arguments.target_indices(targets, inputs)
    shares = checked_fractions(fractions)
    seed = arguments.seed(seed)
    imputed = imputer(fill, forward, inputs, seed)
    ranks = importance_ranks(attributions, inputs, seed, patch)
    n_pixels = ranks.shape[1]
    orders = (ranks, random_ranks(inputs, seed, patch), n_pixels - 1 - ranks)
    followed = scores_with_masked(forward, inputs, orders, targets, shares, imputed, mask_first=kind == "deletion")
    (scores, survives), (random_scores, _), (reversed_scores, _) = followed
    name = fill if isinstance(fill, str) else "given values"
    return RetentionCurve(kind, name, shares, scores, survives, random_scores, reversed_scores)
