"""What `forward` has to be: a function of one point. Nobody can see that in a lambda, so its first call is used to find out.

A point is scored twice, in other company. Where the two scores differ there is dropout, noise, or a layer that mixes the batch, and
whatever the model has changed of its own by then (running statistics) is put back before the error is raised. That costs
four points; of a model it is asked once, of any other function in each call of igref.
"""

import re
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.modules.module import register_module_forward_pre_hook
from torch.utils._python_dispatch import TorchDispatchMode

from igref.types import Forward

OTHER_DTYPE = re.compile("dtype|scalar type|input type", re.IGNORECASE)  # as torch puts it for its different layers
LARGEST_DIFFERENCE = 1e-4  # of one point's scores, as a share of the largest: the same kernels make both

# Of models that were examined: by the name of the method, whether images have to be contiguous.
_examined: WeakKeyDictionary[nn.Module, dict[str, bool]] = WeakKeyDictionary()


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
    """

    def __init__(self, forward: Forward) -> None:
        self.forward = forward
        model, method = model_of(forward), getattr(forward, "__name__", "__call__")
        self.known = _examined.setdefault(model, {}) if isinstance(model, nn.Module) else {}
        self.method = method

    def __call__(self, points: Tensor) -> Tensor:
        if self.method not in self.known:
            self.known[self.method] = self._needs_contiguous(points.detach())
        return self.forward(points.contiguous() if self.known[self.method] else points)

    def _needs_contiguous(self, points: Tensor) -> bool:
        """Examine forward; whether it takes images in contiguous memory only."""
        try:
            _examine(self.forward, points)
            return False
        except RuntimeError as error:
            if OTHER_DTYPE.search(str(error)):
                raise TypeError(
                    f"forward: its points come in the dtype of the inputs, {points.dtype}, and torch says: {error}. "
                    "Give inputs in the dtype of the model; or model.float(); or convert inside, "
                    "lambda x: model(x.half()).float()."
                ) from error
        try:  # torch may have said that memory in another order cannot be viewed so
            _examine(self.forward, points.contiguous())
            return not points.is_contiguous()
        except RuntimeError:  # of the model, which may take no two points: it speaks for itself when it is called
            return False


@torch.no_grad()
def _examine(forward: Forward, points: Tensor) -> None:
    """A `ValueError` where the last point's scores are not its own. What forward itself raises is left to it."""
    company = points[[0, -1]] if len(points) > 1 else points.clone()
    alone = company.clone()
    alone[0] = alone[-1]
    if len(company) > 1 and torch.equal(company, alone):  # one baseline for all inputs
        company[0] += 1
    with _Changes() as changes, _TrainingLayers() as layers:
        first, second = (_scores(forward, batch.clone(), len(company)) for batch in (company, alone))
        if not layers.names and _same(first, second):
            return
        random = not layers.names and not _same(first, _scores(forward, company.clone(), len(company)))
    changes.undo()
    if layers.names:
        found = f"{' and '.join(sorted(layers.names))} in training mode. Call model.eval() first."
    elif random:
        found = (
            "the same batch has other scores when it comes again. Look for noise, or for dropout that does not ask whether the "
            "model is being trained: F.dropout(x, p, training=self.training)."
        )
    else:
        found = (
            "the scores of an input change with the other inputs of its batch. Look for statistics over the batch, "
            "for layers that take the batch for a sequence (batch_first=True), and for mean or softmax over dimension 0."
        )
    raise ValueError(f"forward: expected a function of one point, each input scored by itself; got {found}")


def _scores(forward: Forward, batch: Tensor, rows: int) -> Tensor | None:
    """The last row of scores, or None for whatever else forward returns, of which `arguments.class_scores` will speak."""
    scores = forward(batch)
    return scores[-1] if isinstance(scores, Tensor) and scores.ndim and len(scores) == rows else None


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    if one is None or other is None or one.shape != other.shape or not one.is_floating_point():
        return True
    largest = one[one.isfinite()].abs().amax() if one.isfinite().any() else torch.zeros(())
    share = max(LARGEST_DIFFERENCE, 4 * torch.finfo(one.dtype).eps)
    return bool(torch.isclose(one, other, rtol=0, atol=share * float(largest), equal_nan=True).all())


class _TrainingLayers:
    """Names of the layers that were called in training mode, of those kinds that behave otherwise in it."""

    def __enter__(self) -> "_TrainingLayers":
        self.names: set[str] = set()
        self.hook = register_module_forward_pre_hook(self._notice)
        return self

    def __exit__(self, *_: object) -> None:
        self.hook.remove()

    def _notice(self, layer: nn.Module, _: Any) -> None:
        drops = isinstance(layer, _DropoutNd) and layer.p > 0
        normalises = isinstance(layer, _NormBase) and layer.track_running_stats
        if layer.training and (drops or normalises):
            self.names.add(type(layer).__name__)


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
