"""What to know of a baseline before its attributions are read: is it neutral, and where is it blind?"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from igref import arguments
from igref.baselines.named import BASELINES
from igref.types import Forward, Targets

Batch = Float[Tensor, " N *shape"]
LARGEST_DEVIATION = 1e-3  # of the sum of probabilities from one


@dataclass(frozen=True)
class BaselineDiagnosis:
    """What is to be known of a baseline before its attributions are read.

    Attributes:
        kind: `constant`, `noise`, `made from the input`, or `unknown` for a baseline of one's own.
        scores: F(x'), the score of the label at the baseline; attributions add up to F(x) - F(x'), so near 0 is good.
        entropy: of the class probabilities at the baseline, in nats, 0 to ln K; high means the network sees nothing.
        blind_share: share of pixels where x = x' in every channel; they get no attribution, whatever they mean.
    """

    kind: str
    scores: Float[Tensor, " N"]
    entropy: Float[Tensor, " N"]
    blind_share: Float[Tensor, " N"]

    def __str__(self) -> str:
        return (
            f"{self.kind}; score of the label {float(self.scores.mean()):.3f}, "
            f"entropy {float(self.entropy.mean()):.2f} nats, blind at {float(self.blind_share.mean()):.1%} of the pixels"
        )


def diagnose(
    forward: Forward,
    inputs: Float[Tensor, " N *shape"],
    baselines: Float[Tensor, "..."],
    targets: Targets,
    *,
    name: str | None = None,
) -> BaselineDiagnosis:
    """The score of the label, the entropy, the blind pixels and the kind of a baseline.

    Args:
        forward: (B, *shape) -> (B, K) class probabilities.
        inputs: float32 or float64.
        baselines: (N, *shape), or one for all inputs.
        targets: one class index for all inputs, or one each.
        name: which of `BASELINES` it is, for the kind.

    Raises:
        TypeError: an argument, or what forward returned, is of the wrong kind.
        ValueError: an argument has the wrong shape or value, or forward does not return probabilities.

    Example:
        >>> x = torch.tensor([[0.0, 0.5, 1.0]])
        >>> print(diagnose(lambda x: x.softmax(1), x, 0 * x, 2, name="black"))
        constant; score of the label 0.333, entropy 1.10 nats, blind at 33.3% of the pixels
    """
    forward = arguments.forward_function(forward)
    inputs = arguments.batch(inputs)
    baselines = arguments.batch_like(baselines, inputs)
    targets = arguments.target_indices(targets, inputs)
    kind = BASELINES[arguments.choice(name, BASELINES, "name")].kind if name is not None else "unknown"
    with torch.no_grad():
        shares = arguments.class_scores(forward(baselines.clone()), baselines, targets)
    if (shares < 0).any() or ((shares.sum(1) - 1).abs() > LARGEST_DEVIATION).any():
        raise ValueError(
            "forward: expected class probabilities, from 0 up and adding up to 1, for an entropy; got scores from "
            f"{float(shares.min()):.3g} with sums from {float(shares.sum(1).min()):.3g}. Use model.probabilities."
        )
    same = _same_pixels(inputs, baselines)
    return BaselineDiagnosis(
        kind,
        scores=shares.gather(1, targets[:, None])[:, 0],
        entropy=torch.special.entr(shares).sum(1),
        blind_share=same.flatten(1).to(inputs.dtype).mean(1),
    )


def _same_pixels(inputs: Batch, baselines: Batch) -> Bool[Tensor, " N *pixels"]:
    same = inputs == baselines
    return same.all(dim=1) if inputs.ndim == 4 else same
