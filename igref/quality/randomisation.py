"""A sanity check: a map that stays the same when the network forgets what it learnt does not explain the network.

Source: J. Adebayo et al., Sanity Checks for Saliency Maps, NeurIPS 2018, arXiv 1810.03292, section 3: cascading
randomisation, from the last layer to the first.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float
from scipy.stats import spearmanr
from torch import Tensor, nn

from igref import arguments

# The paper compares by eye and gives no limit; half is the convention here.
LARGEST_CORRELATION = 0.5


@dataclass(frozen=True)
class RandomisationCheck:
    """How alike the maps stay while layer after layer is randomised.

    Attributes:
        layers: the first layer that is random at each of the S stages; all after it are random too.
        correlation: Spearman's rank correlation of the map, with its signs, with that of the trained network.
        absolute_correlation: the same of the sizes |map|. It stays higher, as (x - x') is the same in both maps.
    """

    layers: tuple[str, ...]
    correlation: Float[Tensor, "S N"]
    absolute_correlation: Float[Tensor, "S N"]

    @property
    def passed(self) -> bool:
        """Whether the maps of the fully random network are unlike those of the trained one, on average."""
        return float(self.correlation[-1].mean()) <= LARGEST_CORRELATION

    def table(self) -> str:
        """One row a stage: mean rank correlations with the trained network's maps."""
        width = max(map(len, (*self.layers, "random from")))
        lines = [f"{'random from':<{width}}  with signs  sizes only"]
        rows = zip(self.layers, self.correlation.mean(1), self.absolute_correlation.mean(1), strict=True)
        lines += [f"{layer:<{width}}  {float(signed):10.2f}  {float(size):10.2f}" for layer, signed, size in rows]
        return "\n".join(lines)


def model_randomisation(
    model: nn.Module, attribute: Callable[[nn.Module], Float[Tensor, " N *shape"]], *, stages: int = 5, seed: int = 0
) -> RandomisationCheck:
    """Randomise the layers of a copy of the model, from the last to the first, and compare the maps at each stage.

    The weights of a layer are shuffled, each tensor by itself: what was learnt is lost, while their distribution stays,
    so that the scores of a deep network neither vanish nor overflow.

    Args:
        model: the trained network, in evaluation mode; it is left as it is.
        attribute: what makes the maps (N, *shape) of a model, for the same inputs and labels each time.
        stages: after how many shares of the layers the maps are compared, at least 1.
        seed: of the shuffling.

    Raises:
        TypeError: the model is not a torch module, or attribute does not return a tensor of floats.
        ValueError: the model has no weights, or the maps are not (N, *shape), finite, and of the same shape each time.

    Source: arXiv 1810.03292, section 3.1.

    Example:
        >>> from igref.attribution import gradient
        >>> network = nn.Sequential(nn.Linear(20, 20), nn.ReLU(), nn.Linear(20, 2)).eval()
        >>> x = torch.rand(3, 20)
        >>> check = model_randomisation(network, lambda model: gradient(model, x, 1), stages=2)
        >>> check.layers, check.correlation.shape
        (('2', '0'), torch.Size([2, 3]))
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model: expected a torch module, got {type(model).__name__}.")
    if not callable(attribute):
        raise TypeError(
            f"attribute: expected a function from a model to attributions, got {arguments.kind(attribute)}."
        )
    model = copy.deepcopy(model)
    layers = [
        (name or "the network", layer)
        for name, layer in model.named_modules()
        if any(weights.numel() > 1 for weights in layer.parameters(recurse=False))
    ][::-1]
    if not layers:
        raise ValueError(f"model: expected a network with weights, got {type(model).__name__} without any.")
    trained = arguments.batch(attribute(model), "attribute(model)")
    generator = torch.Generator().manual_seed(arguments.seed(seed))
    stages = min(arguments.count(stages, "stages"), len(layers))
    names, maps = [], []
    for stage in range(stages):
        group = layers[stage * len(layers) // stages : (stage + 1) * len(layers) // stages]
        for _, layer in group:
            _shuffle(layer, generator)
        names.append(group[-1][0])
        made = attribute(model)
        maps.append(arguments.batch_like(made, trained, "attribute(model)", one_for_all=False))
    signed = torch.stack([_rank_correlation(trained, made) for made in maps])
    sizes = torch.stack([_rank_correlation(trained.abs(), made.abs()) for made in maps])
    return RandomisationCheck(tuple(names), signed, sizes)


@torch.no_grad()
def _shuffle(layer: nn.Module, generator: torch.Generator) -> None:
    for weights in layer.parameters(recurse=False):
        order = torch.randperm(weights.numel(), generator=generator).to(weights.device)
        weights.copy_(weights.flatten()[order].view_as(weights))


def _rank_correlation(one: Float[Tensor, " N *shape"], other: Float[Tensor, " N *shape"]) -> Float[Tensor, " N"]:
    """Spearman's rho of each pair of maps; 0 where one of them is constant, as it has no order."""
    correlations = []
    for a, b in zip(one.flatten(1).cpu().numpy(), other.flatten(1).cpu().numpy(), strict=True):
        constant = (a == a[0]).all() or (b == b[0]).all()
        correlations.append(0.0 if constant else float(spearmanr(a, b).statistic))
    return torch.tensor(correlations)
