"""The graph of the live page has the model's probabilities, and the gradient that automatic differentiation finds."""

import gzip
import re

import numpy as np
import onnxruntime
import pytest
import torch
import torchvision
from torch import nn

import igref
from lecture.live import packing
from lecture.live.graph import GRADIENT, PICTURE, PROBABILITIES, TARGET, UntranslatedError, gradient_graph


def run(graph, picture, target, classes):
    one = torch.zeros(1, classes)
    one[0, target] = 1
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    found = session.run([PROBABILITIES, GRADIENT], {PICTURE: picture.numpy(), TARGET: one.numpy()})
    return [torch.from_numpy(part) for part in found]


@pytest.mark.parametrize(("name", "near"), [("digits_cnn", 1e-3), ("efficientnet_lite0", 1e-2)])
def test_the_graph_is_the_model_with_its_gradient(name, near):
    """Where units sit near their kinks, two ways of rounding differ by up to 1e-2: docs/igref.md."""
    model = igref.load_model(name)
    picture = igref.load_digits()[0][:1] if name == "digits_cnn" else igref.load_photos()[0].pixels[None]
    expected = model.probabilities(picture)
    target = int(expected.argmax())
    probabilities, gradient = run(gradient_graph(model, picture.shape[1:]), picture, target, expected.shape[1])
    torch.testing.assert_close(probabilities, expected, atol=1e-5, rtol=0)
    by_autograd = igref.gradient(model.probabilities, picture, target)
    assert float((gradient - by_autograd).norm() / by_autograd.norm()) < near


class Small(nn.Module):
    """What a classifier of igref has, for a network with strides, groups, dilation, padding and pooling."""

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(*layers)
        self.eval().requires_grad_(False)

    def probabilities(self, x):
        return self.layers(x).flatten(1).softmax(1)


class Beside(nn.Module):
    """What comes of a picture beside the picture: added, joined or multiplied."""

    def __init__(self, how: str, *layers: nn.Module) -> None:
        super().__init__()
        self.how, self.layers = how, nn.Sequential(*layers)

    def forward(self, x):
        y = self.layers(x)
        if self.how == "joined":
            one, other = torch.cat([x, y], dim=1).flatten(1).view(len(x), 2, -1).transpose(1, 2).chunk(2, dim=1)
            return (one - 2 * other).reshape(x.shape)
        return x + y if self.how == "added" else x * y


class OfTokens(nn.Module):
    """Pixels as tokens, normalised over their channels."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.act = nn.LayerNorm(4), nn.GELU()

    def forward(self, x):
        return self.act(self.norm(x.permute(0, 2, 3, 1))).permute(0, 3, 1, 2)


def norm(channels: int) -> nn.BatchNorm2d:
    """A batch norm with statistics and weights of its own."""
    layer, drawn = nn.BatchNorm2d(channels), torch.Generator().manual_seed(2)
    for values in (layer.running_mean, layer.running_var, layer.weight.data, layer.bias.data):
        values.copy_(torch.rand(channels, generator=drawn) + 0.5)
    return layer


NETWORKS = {
    "residual": Small(
        nn.Conv2d(3, 4, 3), Beside("added", nn.Conv2d(4, 4, 3, padding=1), norm(4), nn.ReLU(inplace=True))
    ),
    "squeezed": Small(
        nn.Conv2d(3, 4, 3), nn.SiLU(), Beside("multiplied", nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 4, 1), nn.Sigmoid())
    ),
    "hard": Small(nn.Conv2d(3, 4, 3), nn.Hardswish(), nn.AvgPool2d(2), nn.Conv2d(4, 3, 1), nn.Hardsigmoid()),
    "joined": Small(nn.Conv2d(3, 4, 3), Beside("joined", nn.Conv2d(4, 4, 1), nn.Tanh()), nn.AdaptiveAvgPool2d((5, 3))),
    "tokens": Small(nn.Conv2d(3, 4, 3), OfTokens(), nn.AvgPool2d(3, stride=2, padding=1)),
    "strides": Small(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(4, 5, 4, stride=3)),
    "groups": Small(nn.Conv2d(3, 6, 3, groups=3, padding=1), nn.ReLU6(), nn.Conv2d(6, 6, 5, groups=6, padding=2)),
    "dilation": Small(nn.Conv2d(3, 4, 3, dilation=2, padding=2), nn.ReLU(), nn.Conv2d(4, 2, 1)),
    "pooling": Small(nn.Conv2d(3, 4, 3), nn.MaxPool2d(3, stride=2, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1)),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_every_kind_of_layer_is_differentiated(name):
    network, picture = NETWORKS[name], torch.rand(1, 3, 12, 11, generator=torch.Generator().manual_seed(1))
    expected = network.probabilities(picture)
    probabilities, gradient = run(gradient_graph(network, picture.shape[1:]), picture, 1, expected.shape[1])
    torch.testing.assert_close(probabilities, expected)
    torch.testing.assert_close(gradient, igref.gradient(network.probabilities, picture, 1), atol=1e-6, rtol=1e-4)


OF_TORCHVISION = {  # every kind of block, few of each: to trace a whole network takes longer. A whole one: test_live.py
    "ResNet": lambda models: models.ResNet(models.resnet.BasicBlock, [1, 1, 1, 1], num_classes=5),
    "MobileNetV3": lambda models: models.MobileNetV3(
        [
            models.mobilenetv3.InvertedResidualConfig(16, 3, 16, 16, True, "RE", 2, 1, 1),
            models.mobilenetv3.InvertedResidualConfig(16, 3, 32, 24, False, "RE", 2, 1, 1),
            models.mobilenetv3.InvertedResidualConfig(24, 5, 48, 24, True, "HS", 1, 1, 1),
        ],
        64,
        num_classes=5,
    ),
    "ShuffleNetV2": lambda models: models.ShuffleNetV2([2, 1, 1], [24, 32, 48, 64, 96], num_classes=5),
}


@pytest.mark.parametrize("name", OF_TORCHVISION)
def test_torchvisions_networks_are_differentiated(name):
    network = Small(OF_TORCHVISION[name](torchvision.models))
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    probabilities, gradient = run(gradient_graph(network, picture.shape[1:]), picture, 1, 5)
    torch.testing.assert_close(probabilities, network.probabilities(picture))
    expected = igref.gradient(network.probabilities, picture, 1)
    assert expected.any() and float((gradient - expected).norm() / expected.norm()) < 1e-3


class Sorted(nn.Module):
    def forward(self, x):
        return x.sort(dim=1).values


def test_an_operation_without_a_form_is_named():
    with pytest.raises(UntranslatedError, match="sort"):
        gradient_graph(Small(nn.Conv2d(3, 2, 1), Sorted()), (3, 4, 4))


def test_weights_are_kept_bit_by_bit():
    graph = gradient_graph(igref.load_model("digits_cnn"), (1, 8, 8))
    stripped, weights = packing.split(graph)
    assert len(stripped) + weights.nbytes < 1.02 * len(graph.SerializeToString())
    assert len(stripped) < 0.2 * len(graph.SerializeToString())


def test_packed_bytes_stand_in_a_page_unchanged():
    """Nothing in them that HTML would end, replace or normalise; and unmarked they are gzip's."""
    data = np.random.default_rng(0).integers(0, 256, 20_000, dtype=np.uint8).tobytes()
    packed = packing.in_page(data)
    assert not set(packed) & set(b"\0\r<")
    unmarked = re.sub(rb"=(.)", lambda found: bytes([found[1][0] - packing.SHIFT]), packed, flags=re.DOTALL)
    assert gzip.decompress(unmarked) == data
