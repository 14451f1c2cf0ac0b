"""A classifier's probabilities and input gradient as one ONNX graph: the backward pass is written out, node by node.

PyTorch traces what automatic differentiation does for one picture (`make_fx`); each of its operations becomes one or a few
ONNX nodes. So a runtime that only knows how to run a graph, as one in a browser, can compute integrated gradients.
"""

import copy
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor
from torch._decomp import core_aten_decompositions, get_decompositions
from torch.func import functionalize, vjp
from torch.fx import Node
from torch.fx.experimental.proxy_tensor import make_fx

from igref.models import Classifier

OPSET = 18
_ATEN = torch.ops.aten
_TAKEN_APART = (
    *(
        _ATEN.native_batch_norm,
        _ATEN.native_batch_norm_backward,
        _ATEN.native_layer_norm,
        _ATEN.native_layer_norm_backward,
    ),
    *(_ATEN.gelu, _ATEN.gelu_backward, _ATEN._scaled_dot_product_flash_attention_for_cpu),
)
"""Operations that PyTorch calls its core, and can take apart all the same."""
PICTURE, TARGET, PROBABILITIES, GRADIENT = "picture", "target", "probabilities", "gradient"


class UntranslatedError(NotImplementedError):
    """The network has an operation for which there is no ONNX form here."""


def gradient_graph(model: Classifier, shape: Sequence[int]) -> onnx.ModelProto:
    """The graph (picture, target) -> (probabilities, gradient).

    Args:
        model: a classifier of igref.
        shape: of one picture, (C, H, W).

    Returns:
        A model with the inputs `picture` (1, C, H, W), pixels in [0, 1], and `target` (1, K), which is 1 for the class that is
        asked for and 0 elsewhere; and the outputs `probabilities` (1, K) and `gradient` (1, C, H, W), of the target's
        probability by the pixels.

    Raises:
        UntranslatedError: the network has an operation that is not translated.
    """
    # In the plain memory layout: for the other one, PyTorch's pooling has views that write in place.
    model = copy.deepcopy(model).to(memory_format=torch.contiguous_format)

    def both(picture: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        probabilities, backward = vjp(model.probabilities, picture)
        return probabilities, backward(target)[0]

    picture = torch.zeros(1, *shape)
    target = torch.zeros_like(model.probabilities(picture))
    # Nothing is written in place, and what has no form here is taken apart into what has, as far as PyTorch can.
    known = {**core_aten_decompositions(), **get_decompositions(_TAKEN_APART)}
    parts = {one: how for one, how in known.items() if _name_of(one) not in _OPERATIONS}
    traced = make_fx(functionalize(both, remove="mutations_and_views"), decomposition_table=parts)(picture, target)
    traced.graph.eliminate_dead_code()
    return _Translation(traced).model()


class _Translation:
    """From PyTorch's graph to ONNX's, one operation at a time."""

    def __init__(self, traced: torch.fx.GraphModule) -> None:
        self.traced = traced
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}
        self.names: dict[Node, Any] = {}  # the ONNX name of a value, or a tuple of them

    def model(self) -> onnx.ModelProto:
        inputs = []
        for node in self.traced.graph.nodes:
            if node.op == "placeholder":
                name = (PICTURE, TARGET)[len(inputs)]
                self.names[node] = name
                inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, tuple(node.meta["val"].shape)))
            elif node.op == "get_attr":
                self.names[node] = self.constant(self.attribute(node.target), str(node.target))
            elif node.op == "call_function":
                self.names[node] = self._call(node)
            elif node.op == "output":
                outputs = [self._output(*pair) for pair in zip(node.args[0], (PROBABILITIES, GRADIENT), strict=True)]
        used = {name for node in self.nodes for name in node.input}
        constants = [numpy_helper.from_array(value, name) for name, value in self.constants.items() if name in used]
        graph = helper.make_graph(self.nodes, "probabilities and input gradient", inputs, outputs, constants)
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
        onnx.checker.check_model(made)
        return made

    def constant(self, value: Any, name: str | None = None) -> str:
        """The name of a constant; the same tensor is kept once."""
        name = name or f"constant_{len(self.constants)}"
        if name not in self.constants:
            array = value.detach().contiguous().numpy() if isinstance(value, Tensor) else np.asarray(value)
            self.constants[name] = array
        return name

    def add(self, kind: str, *inputs: str, outputs: int = 1, **attributes: Any) -> Any:
        """Append a node, and return the name of its output, or of its outputs."""
        made = [f"{kind.lower()}_{len(self.nodes)}_{k}" for k in range(outputs)]
        self.nodes.append(
            helper.make_node(kind, list(inputs), made, name=made[0] if outputs > 1 else None, **attributes)
        )
        return made[0] if outputs == 1 else tuple(made)

    def of(self, value: Any) -> str:
        """The ONNX name of an argument: a value of the graph, or a number."""
        return self.names[value] if isinstance(value, Node) else self.constant(np.float32(value))

    def attribute(self, target: str) -> Tensor:
        return getattr(self.traced, target)

    def _output(self, node: Node, name: str) -> onnx.ValueInfoProto:
        self.nodes.append(helper.make_node("Identity", [self.names[node]], [name]))
        return helper.make_tensor_value_info(name, TensorProto.FLOAT, tuple(node.meta["val"].shape))

    def _call(self, node: Node) -> Any:
        translate = _OPERATIONS.get(_name_of(node.target))
        if translate is None:
            raise UntranslatedError(
                f"{node.target} has no ONNX form in lecture/live/graph.py; add it to _OPERATIONS there, or take another network."
            )
        return translate(self, node, *node.args)


def _name_of(operation: Any) -> str:
    """What an operation is called in `_OPERATIONS`: without its overload, and without what says that it makes a copy."""
    return getattr(operation, "__name__", str(operation)).split(".")[0].removesuffix("_copy")


def _shape(node: Node) -> tuple[int, ...]:
    return tuple(node.meta["val"].shape)


def _same(t: _Translation, node: Node, value: Node, *_: Any) -> str:
    return t.of(value)


def _binary(kind: str) -> Callable:
    return lambda t, node, one, other: t.add(kind, t.of(one), t.of(other))


def _reshape(t: _Translation, node: Node, value: Node, *_: Any) -> str:
    return t.add("Reshape", t.of(value), t.constant(np.array(_shape(node), dtype=np.int64)))


def _expand(t: _Translation, node: Node, value: Node, *_: Any) -> str:
    return t.add("Expand", t.of(value), t.constant(np.array(_shape(node), dtype=np.int64)))


def _transpose(t: _Translation, node: Node, value: Node, *axes: Any) -> str:
    """The order of the axes: all of them, two that are exchanged, or the two of a matrix."""
    order = list(range(len(_shape(value))))
    if len(axes) == 1:
        order = [axis % len(order) for axis in axes[0]]
    else:
        one, other = axes or (0, 1)
        order[one], order[other] = order[other], order[one]
    return t.add("Transpose", t.of(value), perm=order)


def _constant_like(fill: float) -> Callable:
    return lambda t, node, *_: t.constant(np.full(_shape(node), fill, dtype=np.float32))


def _full(t: _Translation, node: Node, shape: Any, fill: float, *_: Any) -> str:
    return t.constant(np.full(_shape(node), fill, dtype=np.float32))


def _unary(kind: str) -> Callable:
    return lambda t, node, value: t.add(kind, t.of(value))


def _bounded(t: _Translation, node: Node, value: Node, low: float | None = None, high: float | None = None) -> str:
    return t.add("Clip", t.of(value), *("" if bound is None else t.of(bound) for bound in (low, high)))


def _joined(t: _Translation, node: Node, several: Sequence[Node], axis: int = 0) -> str:
    return t.add("Concat", *map(t.of, several), axis=axis)


def _cut(t: _Translation, value: Node, axis: int, start: int, end: int, step: int = 1) -> str:
    how = (t.constant(np.array([one], dtype=np.int64)) for one in (start, end, axis, step))
    return t.add("Slice", t.of(value), *how)


def _slice(
    t: _Translation,
    node: Node,
    value: Node,
    axis: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> str:
    return _cut(t, value, axis, start or 0, np.iinfo(np.int64).max if end is None else end, step)


def _select(t: _Translation, node: Node, value: Node, axis: int, index: int) -> str:
    index %= _shape(value)[axis]
    return t.add("Reshape", _cut(t, value, axis, index, index + 1), t.constant(np.array(_shape(node), dtype=np.int64)))


def _split(t: _Translation, node: Node, value: Node, sizes: Any, axis: int = 0) -> tuple:
    if isinstance(sizes, int):
        n = _shape(value)[axis]
        sizes = [min(sizes, n - start) for start in range(0, n, sizes)]
    ends = np.cumsum(sizes)
    return tuple(_cut(t, value, axis, int(end - size), int(end)) for end, size in zip(ends, sizes, strict=True))


def _filled_slice(
    t: _Translation, node: Node, upstream: Node, shape: Sequence[int], axis: int, start: int, end: int, step: int
) -> str:
    """The gradient of a slice: zeros around it."""
    if step != 1:
        raise UntranslatedError("slices with a step have no gradient in lecture/live/graph.py.")
    rank, end = len(shape), min(end, shape[axis])
    before, after = [0] * rank, [0] * rank
    before[axis], after[axis] = start, shape[axis] - end
    where = t.constant(np.array(before + after, dtype=np.int64))
    return t.add("Pad", t.of(upstream), where, t.constant(np.float32(0)))


def _linear(t: _Translation, node: Node, bias: Node, value: Node, weight: Node) -> str:
    return t.add("Gemm", t.of(value), t.of(weight), t.of(bias))


def _sum(
    t: _Translation, node: Node, value: Node, axes: Sequence[int] | None = None, keep: bool = False, **_: Any
) -> str:
    over = [] if not axes else [t.constant(np.array(axes, dtype=np.int64))]
    return t.add("ReduceSum", t.of(value), *over, keepdims=int(keep))


def _mean(t: _Translation, node: Node, value: Node, axes: Sequence[int], keep: bool = False) -> str:
    return t.add("ReduceMean", t.of(value), t.constant(np.array(axes, dtype=np.int64)), keepdims=int(keep))


def _variance_and_mean(t: _Translation, node: Node, value: Node, axes: Sequence[int]) -> tuple:
    if node.kwargs.get("correction"):
        raise UntranslatedError("a variance over n - 1 has no ONNX form in lecture/live/graph.py.")
    over, keep = t.constant(np.array(axes, dtype=np.int64)), int(node.kwargs.get("keepdim", False))
    moved = t.add("Sub", t.of(value), t.add("ReduceMean", t.of(value), over, keepdims=1))
    variance = t.add("ReduceMean", t.add("Mul", moved, moved), over, keepdims=keep)
    return variance, t.add("ReduceMean", t.of(value), over, keepdims=keep)


def _pad(t: _Translation, node: Node, value: Node, pads: Sequence[int], fill: float = 0.0) -> str:
    """PyTorch names the last axis first, and cuts where a pad is negative; so does ONNX, by axis."""
    rank = len(_shape(node))
    before, after = [0] * rank, [0] * rank
    for axis in range(len(pads) // 2):
        before[rank - 1 - axis], after[rank - 1 - axis] = pads[2 * axis : 2 * axis + 2]
    where = t.constant(np.array(before + after, dtype=np.int64))
    return t.add("Pad", t.of(value), where, t.constant(np.float32(fill)))


def _convolution(t: _Translation, node: Node, x: Node, weight: Node, bias: Node | None, *how: Any) -> str:
    stride, padding, dilation, transposed, _, groups = how
    if transposed:
        raise UntranslatedError("transposed convolutions have no ONNX form in lecture/live/graph.py.")
    given = [t.of(x), t.of(weight)] + ([] if bias is None else [t.of(bias)])
    return t.add("Conv", *given, strides=stride, pads=[*padding, *padding], dilations=dilation, group=groups)


_BACKWARDS = (
    [-1, -1],
    [np.iinfo(np.int64).min] * 2,
    [2, 3],
    [-1, -1],
)  # starts, ends, axes and steps, over both axes of a kernel


def _convolution_backward(t: _Translation, node: Node, upstream: Node, x: Node, weight: Node, *rest: Any) -> tuple:
    """The gradient by the input: a convolution, too, with the weights turned by half a turn, where the stride is 1."""
    _, stride, padding, dilation, _, _, groups, _ = rest
    _, inward, *kernel = _shape(weight)
    reach = [d * (k - 1) - p for d, k, p in zip(dilation, kernel, padding, strict=True)]
    if set(stride) == {1} and min(reach) >= 0 and groups in (1, _shape(weight)[0]) and (groups == 1 or inward == 1):
        # The runtime makes these when it loads the graph, so that no weight is stored twice.
        name = t.of(weight)
        if max(kernel) > 1:
            name = t.add("Slice", name, *(t.constant(np.array(value, dtype=np.int64)) for value in _BACKWARDS))
        if groups == 1:
            name = t.add("Transpose", name, perm=[1, 0, 2, 3])
        return (t.add("Conv", t.of(upstream), name, pads=[*reach, *reach], dilations=dilation, group=groups), None)
    missing = [
        size - ((given - 1) * s - 2 * p + d * (k - 1) + 1)
        for size, given, s, p, d, k in zip(
            _shape(x)[2:], _shape(upstream)[2:], stride, padding, dilation, kernel, strict=True
        )
    ]
    how = {"strides": stride, "pads": [*padding, *padding], "dilations": dilation, "group": groups}
    return (t.add("ConvTranspose", t.of(upstream), t.of(weight), output_padding=missing, **how), None)


def _clip(t: _Translation, node: Node, value: Node, low: float, high: float) -> str:
    return t.add("Clip", t.of(value), t.of(low), t.of(high))


def _clip_backward(t: _Translation, node: Node, upstream: Node, value: Node, low: float, high: float) -> str:
    inside = t.add("And", t.add("Greater", t.of(value), t.of(low)), t.add("Less", t.of(value), t.of(high)))
    return t.add("Where", inside, t.of(upstream), t.of(0.0))


def _threshold_backward(t: _Translation, node: Node, upstream: Node, value: Node, threshold: float) -> str:
    return t.add("Where", t.add("Greater", t.of(value), t.of(threshold)), t.of(upstream), t.of(0.0))


def _softmax(t: _Translation, node: Node, value: Node, axis: int, *_: Any) -> str:
    return t.add("Softmax", t.of(value), axis=axis)


def _softmax_backward(t: _Translation, node: Node, upstream: Node, softmax: Node, axis: int, *_: Any) -> str:
    """p (g - sum of g p)."""
    axes = t.constant(np.array([axis], dtype=np.int64))
    total = t.add("ReduceSum", t.add("Mul", t.of(upstream), t.of(softmax)), axes, keepdims=1)
    return t.add("Mul", t.of(softmax), t.add("Sub", t.of(upstream), total))


def _max_pool(t: _Translation, node: Node, value: Node, kernel: Sequence[int], *how: Any) -> tuple:
    stride, padding, dilation, ceil = (*how, *(None, [0, 0], [1, 1], False)[len(how) :])
    return t.add(
        "MaxPool",
        t.of(value),
        outputs=2,
        kernel_shape=kernel,
        strides=stride or kernel,
        pads=[*padding, *padding],
        dilations=dilation,
        ceil_mode=int(ceil),
    )


def _max_pool_backward(t: _Translation, node: Node, upstream: Node, value: Node, *rest: Any) -> str:
    """Each gradient goes to where its maximum came from; ONNX counts these places over the whole tensor."""
    places = t.of(rest[-1])
    flat = t.constant(np.array([-1], dtype=np.int64))
    zeros = t.constant(np.zeros(int(np.prod(_shape(value))), dtype=np.float32))
    given = [t.add("Reshape", name, flat) for name in (places, t.of(upstream))]
    summed = t.add("ScatterElements", zeros, *given, axis=0, reduction="add")
    return t.add("Reshape", summed, t.constant(np.array(_shape(value), dtype=np.int64)))


def _average_pool(t: _Translation, node: Node, value: Node, kernel: Sequence[int], *how: Any) -> str:
    stride, padding, ceil, counts_padding, divisor = (*how, *([], [0, 0], False, True, None)[len(how) :])
    if divisor is not None:
        raise UntranslatedError("pooling with a divisor of its own has no ONNX form in lecture/live/graph.py.")
    return t.add(
        "AveragePool",
        t.of(value),
        kernel_shape=kernel,
        strides=stride or kernel,
        pads=[*padding, *padding],
        ceil_mode=int(ceil),
        count_include_pad=int(counts_padding),
    )


def _average_pool_backward(
    t: _Translation, node: Node, upstream: Node, value: Node, kernel: Sequence[int], *how: Any
) -> str:
    """Each gradient is shared out over its window: a transposed convolution of each channel with one number."""
    stride, padding, ceil, counts_padding, divisor = (*how, *([], [0, 0], False, True, None)[len(how) :])
    if ceil or divisor is not None or (any(padding) and not counts_padding):
        raise UntranslatedError("pooling over windows of several sizes has no gradient in lecture/live/graph.py.")
    stride, channels = stride or kernel, _shape(value)[1]
    share = t.constant(np.full((channels, 1, *kernel), 1 / np.prod(kernel), dtype=np.float32))
    missing = [
        size - ((given - 1) * s - 2 * p + k)
        for size, given, s, p, k in zip(_shape(value)[2:], _shape(upstream)[2:], stride, padding, kernel, strict=True)
    ]
    how_ = {"strides": stride, "pads": [*padding, *padding], "output_padding": missing, "group": channels}
    return t.add("ConvTranspose", t.of(upstream), share, **how_)


def _windows(given: Node, pooled: Node) -> list[int]:
    """The size of a window where a picture is pooled to a size that divides its own."""
    pairs = list(zip(_shape(given)[2:], _shape(pooled)[2:], strict=True))
    if any(size % wanted for size, wanted in pairs):
        raise UntranslatedError(
            "pooling to a size that does not divide the picture's has no form in lecture/live/graph.py."
        )
    return [size // wanted for size, wanted in pairs]


def _adaptive_pool(t: _Translation, node: Node, value: Node, *_: Any) -> str:
    return _average_pool(t, node, value, _windows(value, node))


def _adaptive_pool_backward(t: _Translation, node: Node, upstream: Node, value: Node) -> str:
    return _average_pool_backward(t, node, upstream, value, _windows(value, upstream))


_OPERATIONS: dict[str, Callable] = {
    "getitem": lambda t, node, several, index: t.names[several][index],
    "detach": _same,
    "clone": _same,
    "add": _binary("Add"),
    "sub": _binary("Sub"),
    "mul": _binary("Mul"),
    "div": _binary("Div"),
    "view": _reshape,
    "_unsafe_view": _reshape,
    "squeeze": _reshape,
    "unsqueeze": _reshape,
    "expand": _expand,
    "ones_like": _constant_like(1),
    "zeros_like": _constant_like(0),
    "empty_permuted": _constant_like(0),  # whose values nobody reads
    "full": _full,
    "full_like": _full,
    "scalar_tensor": lambda t, node, fill: t.constant(np.float32(fill)),
    "alias": _same,
    "_to": _same,  # a copy in the one precision that there is
    "var_mean": _variance_and_mean,
    "t": _transpose,
    "transpose": _transpose,
    "permute": _transpose,
    "cat": _joined,
    "slice": _slice,
    "select": _select,
    "split": _split,
    "split_with_sizes": _split,
    "slice_backward": _filled_slice,
    "avg_pool2d": _average_pool,
    "avg_pool2d_backward": _average_pool_backward,
    "_adaptive_avg_pool2d": _adaptive_pool,
    "_adaptive_avg_pool2d_backward": _adaptive_pool_backward,
    "neg": _unary("Neg"),
    "exp": _unary("Exp"),
    "erf": _unary("Erf"),
    "sqrt": _unary("Sqrt"),
    "rsqrt": lambda t, node, value: t.add("Reciprocal", t.add("Sqrt", t.of(value))),
    "reciprocal": _unary("Reciprocal"),
    "sigmoid": _unary("Sigmoid"),
    "tanh": _unary("Tanh"),
    "pow": _binary("Pow"),
    "maximum": _binary("Max"),
    "minimum": _binary("Min"),
    "clamp": _bounded,
    "clamp_min": _bounded,
    "clamp_max": lambda t, node, value, high: _bounded(t, node, value, None, high),
    "eq": _binary("Equal"),
    "gt": _binary("Greater"),
    "ge": _binary("GreaterOrEqual"),
    "lt": _binary("Less"),
    "le": _binary("LessOrEqual"),
    "logical_not": _unary("Not"),
    "logical_and": _binary("And"),
    "logical_or": _binary("Or"),
    "bitwise_and": _binary("And"),
    "bitwise_or": _binary("Or"),
    "where": lambda t, node, mask, one, other: t.add("Where", t.of(mask), t.of(one), t.of(other)),
    "bmm": _binary("MatMul"),
    "addmm": _linear,
    "mm": _binary("MatMul"),
    "sum": _sum,
    "mean": _mean,
    "constant_pad_nd": _pad,
    "convolution": _convolution,
    "convolution_backward": _convolution_backward,
    "relu": lambda t, node, value: t.add("Relu", t.of(value)),
    "threshold_backward": _threshold_backward,
    "hardtanh": _clip,
    "hardtanh_backward": _clip_backward,
    "_softmax": _softmax,
    "_softmax_backward_data": _softmax_backward,
    "max_pool2d_with_indices": _max_pool,
    "max_pool2d_with_indices_backward": _max_pool_backward,
}
