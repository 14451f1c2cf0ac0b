"""Layers with torch's parameters and results that take a CPU less time: docs/igref.md, "What a gradient costs"."""

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional


class PointwiseConv2d(nn.Conv2d):
    """A 1x1 convolution with stride 1. On one thread it is a product: a matrix with a row for each pixel times the weights.

    There torch computes it for small batches in `_slow_conv2d`, which copies; the rows lie in channels_last memory as
    they are. On several threads torch takes oneDNN, which is as fast but for a single image.
    """

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D H W"]:
        if not (_is_run_on_cpu(images) and _rows_are_faster(images)):  # a graph that is exported is asked no size
            return super().forward(images)
        rows = images.permute(0, 2, 3, 1)
        return functional.linear(rows, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)


def _rows_are_faster(images: Tensor) -> bool:
    torch_is_slow = torch.get_num_threads() == 1 or len(images) == 1
    return torch_is_slow and images.is_contiguous(memory_format=torch.channels_last)


class SameConv2d(nn.Conv2d):
    """A convolution of ceil(size / stride) outputs along an axis, TensorFlow's SAME, that pads in its kernel; dilation is 1.

    An odd zero stands behind the image. torch's kernels pad both sides alike, so there the weights get a line of zeros
    in front, instead of the image a copy with a margin.
    """

    def forward(self, images: Float[Tensor, "B C H W"]) -> Float[Tensor, "B D h w"]:
        if not _is_run_on_cpu(images):
            from timm.layers import pad_same

            return super().forward(pad_same(images, list(self.kernel_size), list(self.stride)))
        zeros = [
            max((-(-size // stride) - 1) * stride + kernel - size, 0)
            for size, kernel, stride in zip(images.shape[2:], self.kernel_size, self.stride, strict=True)
        ]
        height, width = zeros
        weight = functional.pad(self.weight, (width % 2, 0, height % 2, 0))
        each_side = [-(-n // 2) for n in zeros]
        return functional.conv2d(images, weight, self.bias, self.stride, each_side, self.dilation, self.groups)


def _is_run_on_cpu(images: Tensor) -> bool:
    """Not on an accelerator, nor in a graph that is exported: that has the ordinary layers, on every machine alike."""
    return images.device.type == "cpu" and not (torch.compiler.is_compiling() or torch.jit.is_tracing())


class ReLU6(nn.ReLU6):
    """Works in place where no gradient is asked for; else torch would copy its input first, which the gradient needs."""

    def forward(self, values: Tensor) -> Tensor:
        inplace = not values.requires_grad and _is_run_on_cpu(values)
        return functional.hardtanh(values, self.min_val, self.max_val, inplace)


def replace_layers(network: nn.Module) -> None:
    """Put these layers into a network of timm, in the places of those whose parameters they take over."""
    from timm.layers import Conv2dSame

    for parent in network.modules():
        for name, layer in list(parent.named_children()):
            if isinstance(layer, Conv2dSame) and layer.dilation == (1, 1):
                setattr(parent, name, _with_parameters_of(layer, SameConv2d))
            elif isinstance(layer, nn.Conv2d) and _is_pointwise(layer):
                setattr(parent, name, _with_parameters_of(layer, PointwiseConv2d))
            elif isinstance(layer, nn.ReLU6):
                setattr(parent, name, ReLU6())


def _is_pointwise(layer: nn.Conv2d) -> bool:
    return layer.kernel_size == layer.stride == (1, 1) and layer.padding == (0, 0) and layer.groups == 1


def _with_parameters_of(layer: nn.Conv2d, kind: Callable[..., nn.Conv2d]) -> nn.Conv2d:
    made = kind(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        layer.padding,
        layer.dilation,
        layer.groups,
        device="meta",
    )
    made.weight, made.bias = layer.weight, layer.bias
    return made.train(layer.training)
