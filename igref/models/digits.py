"""A small network for scikit-learn's digits: piecewise linear, so that its integrated gradients are known exactly.

Trained by `python -m igref.models.train_digits`, which writes the weights beside this file.
"""

from pathlib import Path

from torch import nn

from igref.models.classifier import Classifier
from igref.models.files import check_sha256, fit_weights, read_weights

NAME = "digits_cnn"
WEIGHTS = Path(__file__).with_name("digits_cnn.safetensors")
SHA256 = "6ff58a092c789cb01b5a0a977ce55543d552f97e71b89d9514011bca9e1a4f12"
REMEDY = "Get the file again from the repository, or train it: python -m igref.models.train_digits"

# On the 450 digits that it was not trained on.
HELD_OUT_ACCURACY = 448 / 450


def build_network() -> nn.Sequential:
    """Images (B, 1, 8, 8) to scores (B, 10): three convolutions, ReLU, max-pooling, one linear layer."""
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 2 * 2, 10),
    )


def load(path: Path | None = None) -> Classifier:
    """The classifier, from the weights of the kit or a local file."""
    if path is None:
        path = WEIGHTS
        check_sha256(path, SHA256, REMEDY)
    network = build_network()
    fit_weights(network, read_weights(path), path.name)
    return Classifier(network, NAME, [str(digit) for digit in range(10)], mean=(0.0,), std=(1.0,), input_size=8)
