"""Image classifiers that take pixels in [0, 1] and return probabilities.

Normalisation is part of the model, so that black is 0 and white is 1 for every model, and an attribution speaks about
pixels. All models are frozen and in evaluation mode.
"""

from collections.abc import Callable
from difflib import SequenceMatcher, get_close_matches
from os import PathLike
from pathlib import Path

from igref.models import digits, lite0, published
from igref.models.classifier import Classifier
from igref.models.files import WeightsError

__all__ = ["COLLECTIONS", "OFFLINE", "Classifier", "WeightsError", "load_model"]

# Models whose weights are installed with the kit: nothing is downloaded, ever.
OFFLINE: dict[str, Callable[[Path | None], Classifier]] = {
    "efficientnet_lite0": lite0.load,
    "digits_cnn": digits.load,
}

# Hundreds of models by the names of their own packages; their weights are downloaded once, or come from a file.
COLLECTIONS: dict[str, published.Collection] = {
    "torchvision": published.TORCHVISION,
    "timm": published.TIMM,
}


def load_model(name: str = "efficientnet_lite0", *, weights: str | PathLike[str] | None = None) -> Classifier:
    """Load a frozen classifier. The default needs no network.

    Args:
        name: one of
            `efficientnet_lite0`: 1000 ImageNet classes, 224 x 224 (Tan and Le, ICML 2019, arXiv 1905.11946);
            `digits_cnn`: ten digits, 8 x 8 grey, a small ReLU and max-pool network trained by this kit;
            `torchvision/<name>`, such as `torchvision/resnet50` or `torchvision/googlenet` (Inception v1);
            `timm/<name>`, such as `timm/inception_v4`.
        weights: a local file, .pth (loaded without unpickling code) or .safetensors, instead of the usual weights.

    Returns:
        The classifier: `.probabilities`, `.logits`, `.categories`, `.name`, `.input_size`.

    Raises:
        ValueError: no model has this name; the nearest names are said.
        TypeError: the name is not a string.
        WeightsError: the weights are not there and cannot be downloaded, are damaged, or do not fit the network.

    Example:
        >>> import torch
        >>> model = load_model("digits_cnn")
        >>> model.probabilities(torch.zeros(2, 1, 8, 8)).shape
        torch.Size([2, 10])
    """
    if not isinstance(name, str):
        raise TypeError(f"name: expected the name of a model, got {type(name).__name__}. Try 'efficientnet_lite0'.")
    path = None if weights is None else Path(weights)
    if name in OFFLINE:
        return OFFLINE[name](path)
    prefix, _, model = name.partition("/")
    if prefix in COLLECTIONS and model in COLLECTIONS[prefix].names():
        return COLLECTIONS[prefix].load(model, path)
    raise ValueError(
        f"name: no model is called {name!r}. Did you mean {' or '.join(_nearest(name))}? "
        f"There are {', '.join(OFFLINE)}, and {', '.join(f'{prefix}/<name>' for prefix in COLLECTIONS)}."
    )


def _nearest(name: str) -> list[str]:
    known = {*OFFLINE, *(f"{prefix}/{model}" for prefix, part in COLLECTIONS.items() for model in part.names())}
    # Who leaves out the prefix means the model of that name; who mistypes it means one that looks like it.
    without_prefix = [f"{prefix}/{name}" for prefix in COLLECTIONS if f"{prefix}/{name}" in known]
    near = without_prefix or get_close_matches(name, sorted(known), n=3)
    if not near:
        last = name.rpartition("/")[2]
        near = sorted(known, key=lambda full: -_likeness(last, full.rpartition("/")[2]))[:3]
    return [repr(full) for full in near]


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()
