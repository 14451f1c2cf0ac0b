"""EfficientNet-Lite0's layers are torch's functions, computed in the ways that were measured to be faster."""

import copy
from collections import Counter

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from igref.models import load_model
from igref.models.fast_layers import PointwiseConv2d, ReLU6, SameConv2d, replace_layers
from igref.torchvision_import import import_torchvision

import_torchvision()
from timm.layers import Conv2dSame  # noqa: E402  (torchvision first, which timm imports)

ROUNDING = {torch.float64: 1e-12, torch.float32: 1e-5}

LAYERS = {
    "pointwise": (nn.Conv2d(6, 10, 1), PointwiseConv2d),
    "pointwise without bias": (nn.Conv2d(6, 10, 1, bias=False), PointwiseConv2d),
    "same": (Conv2dSame(6, 8, 3, stride=2), SameConv2d),
    "same, depthwise": (Conv2dSame(6, 6, 5, stride=2, groups=6), SameConv2d),
    "same, unequal": (Conv2dSame(6, 6, (5, 2), stride=(1, 3), bias=False), SameConv2d),
    "relu6": (nn.ReLU6(), ReLU6),
}


def replaced(layer: nn.Module) -> nn.Module:
    network = nn.Sequential(copy.deepcopy(layer))
    replace_layers(network)
    return network[0]


def scores_and_gradient(layer, images):
    images = images.detach().requires_grad_()
    scores = layer(images.clone())
    return scores.detach(), torch.autograd.grad(
        (scores * torch.linspace(-1, 1, scores[0].numel()).view_as(scores[0])).sum(), images
    )[0]


@pytest.mark.parametrize("dtype", ROUNDING)
@pytest.mark.parametrize("memory", (torch.channels_last, torch.contiguous_format))
@pytest.mark.parametrize("name", LAYERS)
def test_the_same_scores_and_gradients_as_torchs_layer(name, memory, dtype):
    torch.manual_seed(0)
    layer, kind = LAYERS[name]
    layer = copy.deepcopy(layer).to(dtype).requires_grad_(False).to(memory_format=memory)
    ours = replaced(layer)
    assert type(ours) is kind and ours.state_dict().keys() == layer.state_dict().keys()
    for height, width in ((12, 12), (13, 13), (12, 13), (9, 14)):
        images = (9 * torch.randn(4, 6, height, width, dtype=dtype)).to(memory_format=memory)
        for found, expected in zip(scores_and_gradient(ours, images), scores_and_gradient(layer, images), strict=True):
            assert found.shape == expected.shape
            assert float((found - expected).norm()) <= ROUNDING[dtype] * float(expected.norm())
        with torch.no_grad():
            torch.testing.assert_close(ours(images.clone()), layer(images))


@pytest.mark.parametrize(
    "layer",
    (
        nn.Conv2d(6, 6, 1, groups=2),
        nn.Conv2d(6, 6, 1, stride=2),
        nn.Conv2d(6, 6, 1, padding=1),
        nn.Conv2d(6, 6, 3),
        Conv2dSame(6, 6, 3, dilation=2),
        nn.ReLU(),
    ),
)
def test_other_layers_stay(layer):
    assert type(replaced(layer)) is type(layer)


class Operations(TorchDispatchMode):
    """Counts what torch computes; of a convolution also whether it is pointwise."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter = Counter()
        self.padded: list[torch.Size] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in ("convolution", "convolution_backward"):
            weight = args[1 if name == "convolution" else 2]
            name = f"{'pointwise ' if weight.shape[2:] == (1, 1) else ''}{name}"
        if name == "constant_pad_nd":
            self.padded.append(args[0].shape)
        self.counts[name] += 1
        return func(*args, **(kwargs or {}))


@pytest.fixture(scope="module")
def model():
    return load_model()


@pytest.fixture(scope="module")
def images():
    return torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))


def test_a_gradient_is_computed_by_products_and_pads_no_image(model, images):
    with Operations() as operations:
        scores_and_gradient(model.logits, images)
    counts = operations.counts
    assert counts["addmm"] == counts["mm"] == 33  # 32 pointwise layers and the classifier
    assert counts["convolution"] == counts["convolution_backward"] == 17
    assert not counts["pointwise convolution"] + counts["pointwise convolution_backward"]
    assert counts["clone"] <= 2, "of the images, and of the gradient of pooling: rows of the others lie there already"
    assert set(operations.padded) == {layer.weight.shape for layer in model.modules() if isinstance(layer, SameConv2d)}


def test_relu6_works_in_place_where_no_gradient_is_asked_for(model, images):
    with Operations() as operations:
        model(images)
    assert operations.counts["hardtanh_"] == 33 and not operations.counts["hardtanh"]


def pointwise_convolutions(layer, images):
    with Operations() as operations:
        layer(images)
    return operations.counts["pointwise convolution"]


def test_off_the_cpu_are_the_ordinary_layers():
    layers = [replaced(layer).to("meta") for layer in (nn.Conv2d(3, 4, 1), Conv2dSame(4, 4, 3, stride=2), nn.ReLU6())]
    images = torch.empty(2, 3, 8, 8, device="meta").to(memory_format=torch.channels_last)
    with Operations() as operations, torch.no_grad():
        nn.Sequential(*layers)(images)
    assert operations.counts["pointwise convolution"] == operations.counts["hardtanh"] == 1
    assert operations.padded == [(2, 4, 8, 8)]


def test_where_torch_is_as_fast_it_convolves():
    layer = replaced(nn.Conv2d(3, 4, 1)).requires_grad_(False).to(memory_format=torch.channels_last)
    images = torch.rand(2, 3, 8, 8).contiguous(memory_format=torch.channels_last)
    assert pointwise_convolutions(layer, images) == 0
    assert pointwise_convolutions(layer, images.contiguous()) == 1  # rows would have to be copied
    torch.set_num_threads(2)
    assert pointwise_convolutions(layer, images) == 1
    assert pointwise_convolutions(layer, images[:1]) == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::torch.jit.TracerWarning")
@pytest.mark.parametrize("threads", (1, 2))
def test_exported_graphs_have_the_ordinary_layers(threads):
    torch.set_num_threads(threads)
    layers = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU6(), Conv2dSame(4, 4, 3, stride=2)).requires_grad_(False)
    ours = nn.Sequential(*map(replaced, layers))
    images, sizes = torch.rand(2, 3, 8, 8).contiguous(memory_format=torch.channels_last), {0: torch.export.Dim("n")}
    graphs = [
        [str(node.target) for node in torch.export.export(each, (images,), dynamic_shapes=(sizes,)).graph.nodes]
        for each in (ours, layers)
    ]
    assert graphs[0] == graphs[1]
    traced = str(torch.jit.trace(ours, images).inlined_graph)  # by which the older export to ONNX is made
    assert traced.count("aten::_convolution(") == 2 and traced.count("aten::pad(") == 1
    assert traced.count("aten::hardtanh(") == 1 and "aten::linear" not in traced
