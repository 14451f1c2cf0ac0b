"""The graph of the live page has the model's probabilities, and the gradient that automatic differentiation finds."""

import gzip
import re

import numpy as np
import onnxruntime
import pytest
import torch
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


NETWORKS = {
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


def test_an_operation_without_a_form_is_named():
    with pytest.raises(UntranslatedError, match=r"erf|gelu"):
        gradient_graph(Small(nn.Conv2d(3, 2, 1), nn.GELU()), (3, 4, 4))


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
