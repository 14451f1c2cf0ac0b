"""What the public functions accept, and the one clear error when they do not get it.

Every check returns its argument in the form the caller goes on with, or raises an error that says what was
expected, what came, and what to do: `TypeError` for the wrong kind of thing, `ValueError` for a wrong value.
"""

from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import torch
from torch import Tensor

from igref.forward import FunctionOfOnePoint, model_of
from igref.types import Forward

FLOATS = (torch.float32, torch.float64)
LARGEST_SEED = 2**63 - 2  # as igref adds one to some


def batch(tensor: object, name: str = "inputs") -> Tensor:
    """A batch `(N, *shape)`, detached: float32 or float64, N >= 1, at least two axes, every value finite."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name}: expected a torch tensor (N, *shape), got {kind(tensor)}. {_as_batch(tensor, name)}")
    if tensor.dtype not in FLOATS:
        raise TypeError(
            f"{name}: expected float32 or float64, got {_dtype(tensor)}. A gradient needs real numbers: "
            f"{_as_floats(tensor, name)}"
        )
    if tensor.is_meta or tensor.layout != torch.strided:
        what = "no values, on the device meta" if tensor.is_meta else f"a sparse tensor. Use {name}.to_dense()"
        raise TypeError(f"{name}: expected a dense tensor with values, got {what}.")
    if tensor.ndim >= 2 and not tensor.numel():
        raise ValueError(f"{name}: expected a batch of at least one input, got shape {_shape(tensor)}.")
    if tensor.ndim < 2:
        raise ValueError(
            f"{name}: expected a batch (N, *shape) of at least one input, got shape {_shape(tensor)}. "
            f"One input of shape {_shape(tensor)} is the batch {name}[None]."
        )
    return finite(tensor.detach(), name)


def _as_batch(value: object, name: str) -> str:
    """What to do with something else than a tensor."""
    if isinstance(value, int | float):
        return f"The same number everywhere is torch.full_like(inputs, {value})."
    if value is None or isinstance(value, str):
        if name != "baselines":
            return ""
        return "Black pixels are torch.zeros_like(inputs); igref.make_baseline(name, inputs) makes baselines by name."
    if type(value).__module__.startswith("PIL."):
        return "igref.load_folder reads pictures as tensors."
    if isinstance(value, tuple | list | Mapping) and any(isinstance(part, Tensor) for _, part in _parts(value)):
        if name != "inputs":
            return "One tensor holds them all: torch.stack puts tensors of one shape on top of each other."
        return (
            "Of several inputs of a model, attribute to one and hold the others: "
            "forward=lambda x: model(x, other.expand(len(x), *other.shape[1:])), for one input at a time."
        )
    return f"Use torch.as_tensor({name})." if name.isidentifier() else "Use torch.as_tensor."


def _as_floats(tensor: Tensor, name: str) -> str:
    if tensor.is_complex():
        return f"use torch.view_as_real({name})."
    if tensor.dtype == torch.uint8:
        return f"use {name}.float() / 255 for pixels."
    if _is_integer_tensor(tensor):
        return f"use {name}.float() / 255 for pixels, or {name}.float(); for tokens attribute to their embeddings (docs/igref.md)."
    return f"use {name}.float()."


def finite(tensor: Tensor, name: str) -> Tensor:
    """A tensor without NaN and without infinity."""
    wrong = ~torch.isfinite(tensor)
    if wrong.any():
        where = tuple(wrong.nonzero()[0].tolist())
        raise ValueError(
            f"{name}: expected finite values, got {int(wrong.sum())} NaN or infinite of {tensor.numel()}, "
            f"the first at {where}. Look at what computed {name}."
        )
    return tensor


def batch_like(tensor: object, inputs: Tensor, name: str = "baselines", *, one_for_all: bool = True) -> Tensor:
    """A batch of the shape, dtype and device of `inputs`.

    One of shape `(*shape)` or `(1, *shape)` is repeated for all inputs, unless `one_for_all` is False.
    """
    if isinstance(tensor, Tensor) and tensor.device != inputs.device and not tensor.is_meta:
        raise ValueError(
            f"{name}: expected the device of the inputs, {inputs.device}, got {tensor.device}. "
            f"Use {name}.to(inputs.device)."
        )
    if isinstance(tensor, Tensor) and one_for_all and tensor.shape == inputs.shape[1:]:
        tensor = tensor[None]
    shape = _shape(inputs)
    if isinstance(tensor, Tensor) and tensor.shape != inputs.shape:
        if not (one_for_all and tensor.shape == (1, *inputs.shape[1:])):
            one = f", or one for all inputs, {shape[1:]}" if one_for_all else ""
            number = "" if tensor.ndim else " The same number everywhere is torch.full_like(inputs, number)."
            raise ValueError(f"{name}: expected the shape of the inputs, {shape}{one}; got {_shape(tensor)}.{number}")
        tensor = batch(tensor, name).expand_as(inputs)
    tensor = batch(tensor, name)
    if tensor.dtype != inputs.dtype:
        raise TypeError(
            f"{name}: expected the dtype of the inputs, {_dtype(inputs)}, got {_dtype(tensor)}. "
            f"Use {name}.to(inputs.dtype)."
        )
    return tensor


def target_indices(targets: object, inputs: Tensor) -> Tensor:
    """A LongTensor `(N,)` of class indices, from one whole number for all inputs, or N in a tensor, an array or a list.

    Only the upper end is left open; `class_scores` knows how many classes there are.
    """
    n = len(inputs)
    try:
        given = targets if isinstance(targets, Tensor) else torch.as_tensor(np.asarray(targets))
    except (TypeError, ValueError):  # ragged, or no numbers
        given = torch.empty(0)
    if not _is_integer_tensor(given):
        if isinstance(targets, int) and not isinstance(targets, bool):
            raise ValueError(f"targets: expected a class index, got {targets}.")
        raise TypeError(f"targets: expected one int, or {n} in a LongTensor ({n},), got {kind(targets)}.")
    if given.is_meta:
        raise TypeError("targets: expected a tensor with values, got a meta one.")
    indices = given.to(inputs.device, torch.long)
    if indices.ndim == 0:
        indices = indices.expand(n)
    if indices.shape != (n,):
        raise ValueError(
            f"targets: expected one int, or one class index for each of the {n} inputs, shape ({n},); "
            f"got shape {_shape(indices)}."
        )
    if (indices < 0).any():
        raise ValueError(f"targets: expected class indices from 0 up, got {int(indices.min())}.")
    return indices


def forward_function(forward: object) -> Forward:
    """A callable that has to be a function of one point; a torch module, or a method of one, in evaluation mode."""
    if not callable(forward):
        raise TypeError(
            f"forward: expected a function from a batch (B, *shape) to class scores (B, K), got {kind(forward)}."
        )
    if isinstance(forward, FunctionOfOnePoint):
        return forward
    module = model_of(forward)
    modules = module.modules() if isinstance(module, torch.nn.Module) and not _is_graph(module) else ()
    if any(part.training for part in modules):
        raise ValueError(
            f"forward: expected a model in evaluation mode, got {type(module).__name__} in training mode, "
            "where dropout and batch statistics change its scores from call to call. Call model.eval() first."
        )
    return FunctionOfOnePoint(forward)


def _is_graph(module: torch.nn.Module) -> bool:
    """Whether torch.export or torch.fx made it: its mode is that in which it was made, and calls show what it does."""
    return isinstance(module, torch.fx.GraphModule)


def class_scores(scores: object, points: Tensor, targets: Tensor) -> Tensor:
    """What `forward` returned for the batch `points`: floats `(B, K)`, finite, with every target below K."""
    n = len(points)
    expected = f"forward: expected class scores of shape (B, K) = ({n}, K) for a batch of {n}"
    if not isinstance(scores, Tensor):
        raise TypeError(f"{expected}, a torch tensor; it returned {kind(scores)}.{_as_scores(scores)}")
    if scores.layout != torch.strided:
        raise TypeError(f"{expected}, dense; it returned a sparse tensor. Use lambda x: model(x).to_dense().")
    if scores.ndim != 2 or len(scores) != n or scores.shape[1] == 0:
        raise ValueError(f"{expected}; it returned shape {_shape(scores)}.{_as_scores(scores)}")
    if not scores.is_floating_point():
        raise TypeError(f"{expected}, floats; it returned {_dtype(scores)}, which has no gradient.")
    n_classes = scores.shape[1]
    beyond = targets.max() >= n_classes
    chosen = scores.detach().gather(1, targets.clamp(max=n_classes - 1)[:, None])
    if bool(beyond | torch.isnan(scores).any() | ~torch.isfinite(chosen).all()):  # an accelerator is waited for once
        if beyond:
            raise ValueError(
                f"targets: expected class indices 0 to {n_classes - 1}, as forward returns {n_classes} scores; "
                f"got {int(targets.max())}."
            )
        raise ValueError(
            f"{expected}, finite; it returned NaN or infinity for the target, or NaN for another class. "
            "The inputs are finite: look into the model."
        )
    return scores


def _as_scores(output: object) -> str:
    """How to make class scores of what some models return instead."""
    if isinstance(output, Tensor) and output.ndim == 0:
        return " It is one number for the whole batch: leave out the sum or mean over the inputs."
    if isinstance(output, Tensor) and output.ndim == 1:
        return " One score for each input is scores[:, None]: lambda x: model(x)[:, None], with target 0."
    if isinstance(output, Tensor) and output.ndim > 2:
        return f" Reduce scores of many places to one a class: lambda x: model(x).mean({tuple(range(2, output.ndim))})."
    tensors = [part for part, value in _parts(output) if isinstance(value, Tensor)]
    if not tensors:
        return ""
    likely = next((part for part in tensors if "logits" in part), tensors[0])
    return f" Pick the scores from it, lambda x: model(x){likely}; it has {', '.join(tensors)}."


def _parts(output: object) -> list[tuple[str, object]]:
    """The parts of a dictionary, a dataclass or a tuple, each with what is written to get it."""
    if isinstance(output, Mapping):
        return [(f"[{key!r}]", value) for key, value in output.items()]
    if is_dataclass(output):
        return [(f".{field.name}", getattr(output, field.name)) for field in fields(output)]
    if isinstance(output, tuple | list):
        names = getattr(output, "_fields", None)
        return [(f".{names[k]}" if names else f"[{k}]", value) for k, value in enumerate(output)]
    return [(f".{name}", value) for name, value in getattr(output, "__dict__", {}).items()]


def no_backward(error: RuntimeError) -> RuntimeError:
    """The error of a backward pass, with what to do where that is known."""
    if "cudnn RNN backward" not in str(error):
        return error
    return RuntimeError(
        f"forward: its backward pass is missing, as torch says: {error} cuDNN's recurrent layers have none in evaluation mode; "
        "torch's own do: with torch.backends.cudnn.flags(enabled=False): ..."
    )


def connected(gradients: Tensor | None) -> Tensor:
    """The gradients, where autograd found a way from the scores back to the input."""
    if gradients is None:
        raise ValueError(
            "forward: expected scores that autograd can follow back to the input; these are cut off from it. "
            "Look for torch.no_grad, .detach(), .data, NumPy, .long(), round or argmax inside forward; "
            "of tokens attribute to the embeddings (docs/igref.md)."
        )
    return gradients


def count(value: object, name: str, *, at_least: int = 1) -> int:
    """A whole number not below `at_least`."""
    try:
        number = None if isinstance(value, bool) else value.__index__()  # type: ignore[attr-defined]
    except (AttributeError, TypeError):  # an array of one number says that it is an index, and is none
        number = None
    if number is None:
        raise TypeError(f"{name}: expected a whole number of at least {at_least}, got {value!r}.")
    if number < at_least:
        raise ValueError(f"{name}: expected a whole number of at least {at_least}, got {number}.")
    return number


def seed(value: object) -> int:
    """A seed that every generator takes."""
    if (number := count(value, "seed", at_least=0)) > LARGEST_SEED:
        raise ValueError(f"seed: expected a whole number from 0 to {LARGEST_SEED}, got {number}.")
    return number


def number(value: Any, name: str, *, low: float, high: float = float("inf")) -> float:
    """A real number with low <= value <= high."""
    try:
        if isinstance(value, bool | str):
            raise TypeError
        real = float(value)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"{name}: expected a number from {low} to {high}, got {kind(value)}.") from None
    if not low <= real <= high:
        raise ValueError(f"{name}: expected a number from {low} to {high}, got {value}.")
    return real


def several(values: Any, name: str) -> list[Any]:
    """A list of what may be a list, a tuple, an array or a tensor, but no single value and no text."""
    if isinstance(values, str | Mapping) or not hasattr(values, "__iter__") or getattr(values, "ndim", 1) == 0:
        raise TypeError(f"{name}: expected a list of them, got {values!r}.")
    return list(values)


def feature(value: object, inputs: Tensor, name: str) -> int:
    """The number of a feature, in the order of one flattened input."""
    last = inputs[0].numel() - 1
    if count(value, name, at_least=0) > last:
        raise ValueError(f"{name}: expected features 0 to {last}, got {value}.")
    return count(value, name, at_least=0)


def choice(value: object, choices: Collection[str], name: str) -> str:
    """One of the names in `choices`."""
    if value in list(choices):
        return value
    near = get_close_matches(str(value), choices, n=1)
    meant = f" Did you mean {near[0]!r}?" if near else ""
    raise ValueError(f"{name}: expected one of {', '.join(choices)}; got {value!r}.{meant}")


def _is_integer_tensor(value: object) -> bool:
    return (
        isinstance(value, Tensor)
        and not value.is_floating_point()
        and not value.is_complex()
        and value.dtype != torch.bool
    )


def _shape(tensor: Tensor) -> tuple[int, ...]:
    return tuple(tensor.shape)


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def kind(value: object) -> str:
    """What something is, in the words of an error."""
    if isinstance(value, Tensor):
        return f"a {_dtype(value)} tensor of shape {_shape(value)}"
    module = type(value).__module__
    return type(value).__name__ if module == "builtins" else f"{module}.{type(value).__name__}"
