"""What `forward` has to be: a function of one point. Nobody can see that in a lambda, so its first call is used to find out.

A point is scored twice, in other company. Where the two scores differ there is dropout, noise, or a layer that mixes the batch, and
whatever the model has changed of its own by then (running statistics) is put back before the error is raised. That costs
four points; of a model it is asked once, of any other function in each call of igref. A function that draws random numbers is asked
once more, about as many copies of the point as the batch has. Its layers are asked for their precision in each call: that changes.
"""

import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary, ref

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from igref.types import Forward

OTHER_DTYPE = re.compile("dtype|scalar type|input type", re.IGNORECASE)  # as torch puts it for its different layers
LARGEST_DIFFERENCE = 1e-4  # of one point's scores, as a share of the largest: the same kernels make both
MOST_COPIES = 64
HALF = (torch.float16, torch.bfloat16)


class LowPrecisionWarning(UserWarning):
    """Gradients are about to be taken in half precision."""


@dataclass(frozen=True)
class _Examined:
    """What is known of a forward: whether images have to be contiguous, and the layers with parameters that it called."""

    contiguous: bool
    layers: tuple[ref[nn.Module], ...] = ()  # a model that is known may not keep itself alive

    def half(self) -> torch.dtype | None:
        """The half precision of a layer, if one has it now."""
        return _half_precision(layer for one in self.layers if (layer := one()) is not None)


# Of models that were examined: by the name of the method.
_examined: WeakKeyDictionary[nn.Module, dict[str, _Examined]] = WeakKeyDictionary()


def model_of(forward: object) -> object:
    """The model behind a `forward` that is a model, or a method of one; else `forward` itself."""
    forward = forward.forward if isinstance(forward, FunctionOfOnePoint) else forward
    return getattr(forward, "__self__", forward)


class FunctionOfOnePoint:
    """`forward`, after its first call has shown that an input's scores depend on that input alone.

    Images come in channels_last memory, where convolutions are fastest. A model that cannot read it, as one that flattens
    with `.view`, gets them as they usually lie.

    Raises:
        ValueError: in the first call, where scores change from call to call or with the other inputs of a batch.
        TypeError: forward does not take the dtype of the points.
    """

    def __init__(self, forward: Forward) -> None:
        self.forward = forward
        model, method = model_of(forward), getattr(forward, "__name__", "__call__")
        self.known = _examined.setdefault(model, {}) if isinstance(model, nn.Module) else {}
        self.method = method
        self.here: _Examined | None = None  # what holds for this call of igref alone
        self.half: torch.dtype | None = None  # of a layer, as the examination has seen it
        self.asked = False  # the layers for their precision

    def __call__(self, points: Tensor) -> Tensor:
        examined = self.known.get(self.method) or self.here or self._examine(points.detach())
        if points.requires_grad and not self.asked:
            self.asked = True
            if half := self.half or examined.half():
                warn_of_dtype(half, "forward has layers in", stacklevel=3)
        return self._scores(points.contiguous() if examined.contiguous else points)

    def _scores(self, points: Tensor) -> Tensor:
        """What forward returns; an error of its own says what it was given."""
        try:
            return self.forward(points)
        except Exception as error:
            _explain(error, points)
            note = (
                f"igref: forward was given a batch of shape {tuple(points.shape)}, {points.dtype}, on {points.device}. "
                "Its first axis counts points: one input is the batch inputs[None]."
            )
            if note not in getattr(error, "__notes__", ()):
                error.add_note(note)
            raise

    def _examine(self, points: Tensor) -> _Examined:
        """Find out about forward. What cannot be scored twice speaks for itself when it is called."""
        pair = points[[0, -1]] if len(points) > 1 else torch.cat([points / 2 + 1 / 4, points])  # stays in [0, 1]
        if torch.equal(pair[0], pair[1]):  # one baseline for all inputs
            pair[0] += 1
        pair = pair.contiguous(memory_format=_format_of(points))
        batches = (
            [pair, pair.contiguous()] if len(points) > 1 else [pair, pair.contiguous(), points, points.contiguous()]
        )
        for company in batches:
            try:
                problem, layers = _problem(self._scores, company, min(len(points), MOST_COPIES))
            except Exception:  # memory in another order that cannot be viewed so; a model that takes no two points
                continue
            if problem:
                raise ValueError(
                    f"forward: expected a function of one point, each input scored by itself; got {problem}"
                )
            self.here = _Examined(company.is_contiguous() and not points.is_contiguous(), tuple(map(ref, layers)))
            self.half = _half_precision(layers)
            if len(company) > 1:
                self.known[self.method] = self.here
            return self.here
        return _Examined(False)


def warn_of_dtype(dtype: torch.dtype, where: str, *, stacklevel: int) -> None:
    """Warn that gradients are taken in half precision."""
    warnings.warn(
        f"{where} {str(dtype).removeprefix('torch.')}: maps are off by 9 to 50 % for it (docs/igref.md, Precision). "
        "Use igref.attribution.precision.full_precision(), and model.float().",
        LowPrecisionWarning,
        stacklevel=stacklevel + 1,
    )


def _explain(error: Exception, points: Tensor) -> None:
    """An error that says what to do, in place of torch's own, where that is known."""
    said = str(error)
    if isinstance(error, RuntimeError) and "'indices'" in said:
        raise TypeError(
            f"forward: it takes whole numbers, as of tokens, which have no gradient; torch says: {said} "
            "Attribute to their embeddings: docs/igref.md has an example."
        ) from error
    if isinstance(error, RuntimeError | ValueError) and OTHER_DTYPE.search(said):
        raise TypeError(
            f"forward: its points come in the dtype of the inputs, {points.dtype}, and torch says: {said}. "
            "Give inputs in the dtype of the model; or model.float(); or convert inside, "
            "lambda x: model(x.half()).float()."
        ) from error
    if isinstance(error, RuntimeError) and said.startswith("Inference tensors"):
        raise RuntimeError(
            f"forward: its weights were made under torch.inference_mode, and torch says: {said} "
            "Make or load the model outside of it."
        ) from error


def _format_of(points: Tensor) -> torch.memory_format:
    last = points.ndim == 4 and points.is_contiguous(memory_format=torch.channels_last)
    return torch.channels_last if last else torch.contiguous_format


def _half_precision(layers: Iterable[nn.Module]) -> torch.dtype | None:
    """The half precision that parameters of one of the layers have, if one has it."""
    return next((p.dtype for layer in layers for p in layer.parameters(recurse=False) if p.dtype in HALF), None)


@torch.no_grad()
def _problem(forward: Forward, company: Tensor, copies: int) -> tuple[str, list[nn.Module]]:
    """Why the last point's scores are not its own, or nothing; and the layers with parameters that were called.

    Where there is a problem, or forward raises an error, what it has changed is put back.
    """
    alone = company.clone()
    alone[0] = alone[-1]
    before = _random_state(company)
    changes = _Changes()
    try:
        with changes, _Layers() as layers:
            first, second = (_scores(forward, batch.clone()) for batch in (company, alone))
            same, random = _same(first, second), False
            if not torch.equal(
                before, _random_state(company)
            ):  # a dropout of few units may have left those of this point
                random = not _same(first, _scores(forward, alone[-1:].repeat(copies, *[1] * (company.ndim - 1))))
            elif not same:
                random = not _same(first, _scores(forward, company.clone()), last=True)
    except BaseException:
        changes.undo()
        raise
    wrong = layers.that_change_in_training(changes)
    if same and not random and not wrong:
        return "", layers.with_parameters()
    changes.undo()
    if wrong:
        return f"{' and '.join(sorted(wrong))} in training mode. Call model.eval() first.", []
    mode = ""
    if layers.training:
        mode = f" {type(layers.training[0]).__name__} is in training mode: call model.eval() first."
    if random:
        return (
            f"the same batch has other scores when it comes again.{mode} Look for noise, or for dropout that does not ask whether "
            "the model is being trained: F.dropout(x, p, training=self.training)."
        ), []
    return (
        f"the scores of an input change with the other inputs of its batch.{mode} Look for statistics over the batch, "
        "for layers that take the batch for a sequence (batch_first=True), and for mean or softmax over dimension 0."
    ), []


def _random_state(points: Tensor) -> Tensor:
    if points.is_cuda:
        return torch.cat([torch.get_rng_state(), torch.cuda.get_rng_state(points.device)])
    return torch.get_rng_state()


def _scores(forward: Forward, batch: Tensor) -> Tensor | None:
    """Scores of each point, or None for whatever else forward returns, of which `arguments.class_scores` will speak."""
    scores = forward(batch)
    return scores if isinstance(scores, Tensor) and scores.ndim and len(scores) == len(batch) else None


def _same(one: Tensor | None, others: Tensor | None, *, last: bool = False) -> bool:
    """Whether the last row of the one is every row of the others, or the last of them."""
    if one is None or others is None or one.shape[1:] != others.shape[1:] or not one.is_floating_point():
        return True
    one, others = one[-1], others[-1:] if last else others
    largest = one[one.isfinite()].abs().amax() if one.isfinite().any() else torch.zeros(())
    share = max(LARGEST_DIFFERENCE, 4 * torch.finfo(one.dtype).eps)
    return bool(torch.isclose(others, one, rtol=0, atol=share * float(largest), equal_nan=True).all())


class _Layers:
    """The layers that were called, and those of them that were in training mode, outermost first."""

    def __enter__(self) -> "_Layers":
        self.called: dict[int, nn.Module] = {}
        self.training: list[nn.Module] = []
        self.hook = register_module_forward_pre_hook(self._notice)
        return self

    def __exit__(self, *_: object) -> None:
        self.hook.remove()

    def _notice(self, layer: nn.Module, _: Any) -> None:
        self.called[id(layer)] = layer
        if layer.training:
            self.training.append(layer)

    def with_parameters(self) -> list[nn.Module]:
        return [layer for layer in self.called.values() if next(layer.parameters(recurse=False), None) is not None]

    def that_change_in_training(self, changes: "_Changes") -> set[str]:
        """Names of the layers that behave otherwise in training mode, or that wrote into something of their own."""
        names = set()
        for layer in self.training:
            drops = isinstance(layer, _DropoutNd) and layer.p > 0
            normalises = isinstance(layer, _NormBase) and layer.track_running_stats
            if drops or normalises or any(id(buffer) in changes.before for buffer in layer.buffers(recurse=False)):
                names.add(type(layer).__name__)
        return names


class _Changes(TorchDispatchMode):
    """Remembers what each tensor held before something was written into it."""

    def __init__(self) -> None:
        super().__init__()
        self.before: dict[int, tuple[Tensor, Tensor]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for place, name in _written(func):
            tensor = args[place] if place < len(args) else (kwargs or {}).get(name)
            if isinstance(tensor, Tensor) and id(tensor) not in self.before:
                self.before[id(tensor)] = (tensor, tensor.clone())
        return func(*args, **(kwargs or {}))

    def undo(self) -> None:
        for tensor, value in self.before.values():
            tensor.copy_(value)


@cache
def _written(func: Any) -> list[tuple[int, str]]:
    """Places and names of the arguments that an operation of torch writes into."""
    arguments = enumerate(func._schema.arguments)
    undeclared = ("running_mean", "running_var")  # batch normalisation writes into these as well
    return [(k, a.name) for k, a in arguments if a.name in undeclared or (a.alias_info and a.alias_info.is_write)]
