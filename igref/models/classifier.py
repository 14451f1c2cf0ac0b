"""What every model of the kit is: a frozen function from pixels in [0, 1] to class probabilities."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


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

    mean: Tensor
    std: Tensor

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
        # Where convolutions are fastest on CPUs, whichever layout the images come in.
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # which torch's own stub lacks
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
                + _cure_of_shape(images.shape, channels)
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
        """Evaluation mode stays on: `train()` raises RuntimeError, `eval()` does nothing."""
        if mode:
            raise RuntimeError(
                f"{self.name} stays in evaluation mode, but train() was called. Attributions need a function of one "
                "image; in training mode, batch normalisation and dropout make the score depend on the batch and on "
                "chance. To train, take the bare network: model.network."
            )
        return super().train(False)


def _cure_of_shape(shape: torch.Size, channels: int) -> str:
    """How images of another shape become a batch (B, C, H, W)."""
    if len(shape) > 4:
        return "There are batch dimensions too many: images[0] or images.flatten(0, 1) takes one away."
    if len(shape) == 4:
        last = "Move the channels to the front with images.permute(0, 3, 1, 2). " if shape[3] == channels else ""
        return f"{last}Expected {channels} channels, got {shape[1]}."
    return "Put a single image into a batch with image[None]."
