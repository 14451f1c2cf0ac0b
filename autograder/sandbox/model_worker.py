"""Runs a student's model in a sandbox of its own: pictures come in, scores and gradients go out, until the input ends.

The model is a stranger's, so this runs with nothing of the course in sight, and what it answers is read with the same
caution as a notebook's evidence. Each request is a line of JSON, followed by numbers (float32); so is each answer. It
imports nothing of this package, which the sandbox hides.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

THREADS = 2
BATCH_NUMBERS = 8 * 3 * 224 * 224
"""Numbers that go through the model at a time, about: eight photos."""
MAX_BATCH = 256
MAX_PROBLEM = 300
SAME_SCORE = 1e-4
"""How far the scores of a converted model may be from those that onnxruntime gives, of 1 or of the largest score. On nine networks
of torchvision and timm they were 2e-6 at most."""


class UnfitError(Exception):
    """The model is not one that takes pictures and gives scores; the message says why."""


class ChangingError(Exception):
    """The model does not stay the same from one question to the next; the message says how."""


class UnknownOperatorsError(Exception):
    """The file is a model, but one that cannot be differentiated here; the message says why."""


def main(given: str) -> None:
    for name, value in json.loads(os.environ.pop("AUTOGRADER_LIMITS")).items():
        resource.setrlimit(getattr(resource, name), (value, value))
    # What the model prints is not an answer.
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.path.append(given)
    model: Model | None = None
    while line := requests.readline():
        request = json.loads(line)
        points, weights = (_numbers(requests, request[name]) for name in ("points", "weights"))
        problem, numbers = {}, None
        try:
            model = model or Model(Path(given), points)
            numbers = model.gradients(points, weights) if weights.size else model.scores(points, request["keep"])
        except UnfitError as error:
            problem = {"unfit": str(error)[:MAX_PROBLEM]}
        except ChangingError as error:
            problem = {"changing": str(error)[:MAX_PROBLEM]}
        except UnknownOperatorsError as error:
            problem = {"unknown_operators": str(error)[:MAX_PROBLEM]}
        except MemoryError:
            problem = {"problem": "it needs more memory than it may use"}
        except Exception as error:  # torch and onnxruntime raise a dozen kinds, none of them documented
            problem = {"unfit": f"it cannot be run: {_said(error)}"[:MAX_PROBLEM]}
        _answer(answers, problem, numbers)


def _numbers(file: BinaryIO, shape: list[int]) -> np.ndarray:
    return np.frombuffer(file.read(4 * int(np.prod(shape))), np.float32).reshape(shape)


def _answer(file: BinaryIO, problem: dict[str, str], numbers: np.ndarray | None) -> None:
    shape = {} if numbers is None else {"shape": list(numbers.shape)}
    file.write(json.dumps(problem | shape).encode() + b"\n")
    if numbers is not None:
        file.write(np.ascontiguousarray(numbers, np.float32).tobytes())
    file.flush()


def _said(error: Exception) -> str:
    """An error without codes and the folders of the sandbox."""
    said = re.sub(r"\[ONNXRuntimeError\] : \d+ : \w+ : ", "", " ".join(str(error).split()))
    return re.sub(r"/\S+/(model\.\w+)", r"\1", said) or type(error).__name__


class Model:
    """A model from a file, differentiable.

    The graph of the points that were asked about last is kept, so that their gradients need no second pass.
    """

    def __init__(self, folder: Path, points: np.ndarray) -> None:
        import torch

        torch.set_num_threads(THREADS)
        opened = _opened_archive if (folder / "model.pt2").exists() else _opened_onnx
        self._forward, shape, self._dtype = opened(folder, points)
        _check_shape(shape, points.shape)
        self._fixed = shape[0] or 0
        if self._fixed > MAX_BATCH:
            raise UnfitError(
                f"it takes batches of {self._fixed} pictures only, expected any number, or at most {MAX_BATCH}"
            )
        self._kept: tuple[np.ndarray, list[tuple[Any, Any]]] | None = None

    def scores(self, points: np.ndarray, keep: bool) -> np.ndarray:
        """Scores (B, K). `keep` is whether gradients at these points will be asked for."""
        import torch

        self._kept = None
        with torch.set_grad_enabled(keep):
            passes = list(self._passes(points))
        if keep:
            self._kept = points, passes
        return np.concatenate([scores.detach().float().numpy() for _, scores in passes])

    def gradients(self, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The gradients (B, C, H, W) of the scores' sums, weighted by (B, K)."""
        import torch

        passes = self._passes(points)
        if self._kept and np.array_equal(self._kept[0], points):
            passes, self._kept = iter(self._kept[1]), None
        gradients, start = [], 0
        for leaf, scores in passes:
            if not scores.requires_grad:
                raise UnfitError("its scores have no gradient: export it without torch.no_grad() and detach()")
            some = torch.from_numpy(weights[start : start + len(scores)].copy()).to(scores.dtype)
            (gradient,) = torch.autograd.grad(scores, leaf, some)
            gradients.append(gradient[: len(scores)].float().numpy())
            start += len(scores)
        return np.concatenate(gradients)

    def _passes(self, points: np.ndarray) -> Iterator[tuple[Any, Any]]:
        """Points (B, C, H, W) and their scores (B, K), chunk by chunk; a leaf that was filled up has more rows than its scores."""
        import torch

        size = self._fixed or int(max(1, min(MAX_BATCH, BATCH_NUMBERS // points[0].size)))
        for start in range(0, len(points), size):
            batch = points[start : start + size]
            n = len(batch)
            if n < self._fixed:  # a model exported for one batch size takes no smaller one
                batch = np.concatenate([batch, np.repeat(batch[-1:], self._fixed - n, axis=0)])
            leaf = torch.from_numpy(batch.copy()).to(self._dtype).requires_grad_(torch.is_grad_enabled())
            yield leaf, _checked_scores(self._forward(leaf.clone()), len(batch))[:n]


def _opened_archive(folder: Path, points: np.ndarray) -> tuple[Callable, list[int | None], Any]:
    """The forward function in a torch.export archive, the shape and the type that it takes."""
    import torch

    archives = import_module("model_archive")
    checked = Path(tempfile.mkdtemp()) / "model.pt2"
    try:
        archives.write_checked(folder / "model.pt2", checked)
        program = torch.export.load(checked)
    except archives.UnsafeArchiveError as error:
        raise UnfitError(f"it is not an archive that is loaded here: {error}") from None
    except Exception as error:
        raise UnfitError(f"it is not an archive that torch.export.load reads: {_said(error)}") from None
    taken = [node for node in program.graph.nodes if node.name in program.graph_signature.user_inputs]
    if len(taken) != 1 or not isinstance(taken[0].meta.get("val"), torch.Tensor):
        raise UnfitError(f"it takes {len(taken)} inputs, expected one: pictures (N, C, H, W)")
    value = taken[0].meta["val"]
    if not value.dtype.is_floating_point:
        raise UnfitError(f"its input is {value.dtype}, expected torch.float32")
    return (
        _unchanging(program.module(), program.constants),
        [size if isinstance(size, int) else None for size in value.shape],
        value.dtype,
    )


def _unchanging(module: Any, constants: dict[str, Any]) -> Callable:
    """The module as a function that refuses to go on where it has written into its own numbers: a model that can count how often it
    is asked, or keep what it was asked, may answer the judge as it answers nobody else."""
    import torch

    lifted = [value for value in (*vars(module).values(), *constants.values()) if isinstance(value, torch.Tensor)]
    numbers = [*module.parameters(), *module.buffers(), *lifted]
    written = sum(tensor._version for tensor in numbers)

    def forward(pictures: Any) -> Any:
        scores = module(pictures)
        if sum(tensor._version for tensor in numbers) != written:
            raise ChangingError("it changes its own numbers when it is asked")
        return scores

    return forward


def _opened_onnx(folder: Path, points: np.ndarray) -> tuple[Callable, list[int | None], Any]:
    """The same of an ONNX file, turned into torch's operations and held against onnxruntime."""
    import onnx
    import onnxruntime
    import torch

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    options.log_severity_level = 4
    # Constants folded and identities removed, which the converter does not see through.
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(Path(tempfile.mkdtemp()) / "simplified.onnx")
    try:
        session = onnxruntime.InferenceSession(str(folder / "model.onnx"), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise UnfitError(f"onnxruntime cannot run it: {_said(error)}") from None
    if len(session.get_inputs()) != 1:
        raise UnfitError(f"it takes {len(session.get_inputs())} inputs, expected one: pictures (N, C, H, W)")
    taken, given = session.get_inputs()[0], session.get_outputs()[0]
    types = {"tensor(float)": torch.float32, "tensor(double)": torch.float64}
    if taken.type not in types:
        raise UnfitError(f"its input is a {taken.type[:40]}, expected tensor(float)")
    shape = [size if isinstance(size, int) and size > 0 else None for size in taken.shape]
    _check_shape(shape, points.shape)
    batch = np.repeat(points[:1], shape[0] or 2, axis=0) if shape[0] else points[:2]
    batch = torch.from_numpy(batch.copy()).to(types[taken.type])
    try:
        expected = session.run([given.name], {taken.name: batch.numpy()})[0]
    except Exception as error:
        raise UnfitError(f"onnxruntime cannot run it: {_said(error)}") from None
    expected = _checked_scores(torch.from_numpy(np.asarray(expected)), len(batch))
    converted = _converted(onnx.load(options.optimized_model_filepath))

    def forward(pictures: Any) -> Any:
        scores = converted(pictures)
        return scores[session.get_outputs().index(given)] if isinstance(scores, list) else scores

    try:
        with torch.no_grad():
            scores = _checked_scores(forward(batch), len(batch))
    except Exception as error:
        raise UnknownOperatorsError(_said(error)) from None
    if not float((scores - expected).abs().max()) <= SAME_SCORE * max(1.0, float(expected.abs().max())):
        raise UnknownOperatorsError("turned into torch's operations it gives other scores than in onnxruntime")
    return forward, shape, types[taken.type]


def _converted(model: Any) -> Callable:
    """An ONNX model as a module of torch."""
    for node in model.graph.node:
        if node.op_type == "BatchNormalization":  # the converter knows no training mode, whose 0 says that it is off
            kept = [one for one in node.attribute if one.name != "training_mode" or one.i]
            del node.attribute[:]
            node.attribute.extend(kept)
    # The converter imports torchvision, which does not load beside every build of torch.
    import_module("torchvision_import").import_torchvision()
    from onnx2pytorch import ConvertModel

    try:
        return ConvertModel(model).eval()
    except Exception as error:
        raise UnknownOperatorsError(_said(error)) from None


def _check_shape(shape: list[int | None], given: tuple[int, ...]) -> None:
    fits = len(shape) == 4 and all(own in (None, size) for own, size in zip(shape[1:], given[1:], strict=True))
    if not fits:
        own = ", ".join("N" if size is None or k == 0 else str(size) for k, size in enumerate(shape[:8]))
        raise UnfitError(f"it takes the shape ({own}), and the images have (N, {', '.join(map(str, given[1:]))})")


def _checked_scores(scores: Any, n: int) -> Any:
    import torch

    if not isinstance(scores, torch.Tensor):
        raise UnfitError(f"it gives a {type(scores).__name__}, expected a tensor of scores ({n}, K)")
    if scores.ndim != 2 or len(scores) != n or not scores.dtype.is_floating_point or not scores.shape[1]:
        expected = f"expected ({n}, K): one row of scores for each picture"
        raise UnfitError(f"for {n} pictures it gives {scores.dtype} of shape {tuple(scores.shape)}, {expected}")
    return scores


if __name__ == "__main__":
    main(sys.argv[1])
