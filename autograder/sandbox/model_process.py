"""A student's model, run in a sandbox of its own for as long as its maps are judged."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self

import numpy as np

from autograder.judge.mistakes import Mistake
from autograder.judge.studies.model_files import NotRunError, UnfitModelError
from autograder.sandbox import model_archive
from autograder.sandbox.bubblewrap import Sandbox, SandboxUnavailableError, check_sandbox
from autograder.sandbox.cgroup import cgroup_for
from autograder.sandbox.limits import Limits
from autograder.sandbox.other_user import as_another_user
from autograder.sandbox.system_calls import filter_file
from igref import torchvision_import

WORKER = Path(__file__).with_name("model_worker.py")
BESIDE_IT = tuple(Path(module.__file__) for module in (model_archive, torchvision_import))
"""The modules that the worker imports from the folder of the model's file, since the sandbox hides this package."""
LIMITS = Limits(notebook_seconds=600, memory=4096, processes=4, threads=64, evidence=64)
MAX_LINE = 4096
MAX_CLASSES = 100_000
NEEDS = {".onnx": ("onnx", "onnxruntime", "onnx2pytorch"), ".pt2": ()}


class ModelProcess:
    """One sandbox with one model in it, which starts at once and ends with the `with` block.

    Raises:
        NotRunError: there is no sandbox here, or not what such a file needs.
    """

    def __init__(self, content: bytes, suffix: str) -> None:
        if missing := [name for name in NEEDS[suffix] if find_spec(name) is None]:
            raise NotRunError(Mistake.MODEL_FILE_NOT_HERE, f"{missing[0]} is not installed where this is graded")
        try:
            check_sandbox()
        except SandboxUnavailableError:
            raise NotRunError(
                Mistake.MODEL_FILE_NOT_HERE, "there is no sandbox here to run a model from a file in"
            ) from None
        from autograder.sandbox.kernel import Watch  # Jupyter's parts, which only this case needs

        self._scratch = tempfile.TemporaryDirectory()
        given, written, runtime = (Path(self._scratch.name) / name for name in ("given", "written", "runtime"))
        for folder in (given, written, runtime):
            folder.mkdir()
        (given / f"model{suffix}").write_bytes(content)
        for module in BESIDE_IT:
            shutil.copy(module, given)
        refused = filter_file()
        inherited = () if refused is None else (refused,)
        # NumPy would start a thread for each processor there is.
        environment = {"OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "1", model_archive.LOADS_ONLY_NUMBERS: "1"}
        sandbox = Sandbox(given, written, runtime, "", environment, limits=LIMITS)
        command, cgroup = as_another_user(sandbox, sandbox.script_command(WORKER, refused)), cgroup_for(LIMITS)
        self._process = subprocess.Popen(
            cgroup.command(command) if cgroup else command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath},
            pass_fds=inherited,
        )
        for descriptor in inherited:
            os.close(descriptor)
        self._watch = Watch(self._process.pid, LIMITS, (written, runtime), cgroup)
        self._watch.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._watch.stop()
        self._watch.end_sandbox()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                pipe.close()
        self._scratch.cleanup()

    def scores(self, points: np.ndarray, keep: bool) -> np.ndarray:
        """Scores (B, K) of points (B, C, H, W), float32. `keep` announces that their gradients will be asked for.

        Raises:
            UnfitModelError: the model does not take these points, or gives no scores for them.
            NotRunError: the model exceeds the limits, or has operators that cannot be differentiated.
        """
        self._ask(points, np.empty((0, 0), np.float32), keep)
        shape = self._answered_shape()
        if len(shape) != 2 or shape[0] != len(points) or not 0 < shape[1] <= MAX_CLASSES:
            raise UnfitModelError(f"gives scores of shape {tuple(shape[:8])}, expected ({len(points)}, K)")
        return self._numbers(shape)

    def gradients(self, points: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Gradients (B, C, H, W) of the sums of the scores, weighted by (B, K). Raises what `scores` does."""
        self._ask(points, weights, False)
        shape = self._answered_shape()
        if shape != list(points.shape):
            raise UnfitModelError(f"gives gradients of shape {tuple(shape[:8])}, expected {points.shape}")
        return self._numbers(shape)

    def _ask(self, points: np.ndarray, weights: np.ndarray, keep: bool) -> None:
        request = {"points": points.shape, "weights": weights.shape, "keep": keep}
        try:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            for numbers in (points, weights):
                self._process.stdin.write(np.ascontiguousarray(numbers, np.float32).tobytes())
            self._process.stdin.flush()
        except OSError:
            raise self._ended() from None

    def _answered_shape(self) -> list[int]:
        try:
            answer: Any = json.loads(self._process.stdout.readline(MAX_LINE))
        except (ValueError, RecursionError):
            raise self._ended() from None
        answer = answer if isinstance(answer, dict) else {}
        if unfit := answer.get("unfit"):
            raise UnfitModelError(str(unfit)[:300])
        if changing := answer.get("changing"):
            raise UnfitModelError(str(changing)[:300], Mistake.MODEL_FILE_NOT_FIXED)
        if unknown := answer.get("unknown_operators"):
            raise NotRunError(Mistake.ONNX_NOT_DIFFERENTIABLE, f"cannot be differentiated here: {str(unknown)[:300]}")
        if problem := answer.get("problem"):
            raise NotRunError(Mistake.MODEL_FILE_EXCEEDS, f"was stopped: {str(problem)[:300]}")
        shape = answer.get("shape")
        if not isinstance(shape, list) or not all(type(size) is int and size >= 0 for size in shape):
            raise UnfitModelError("does not answer as it should")
        return shape

    def _numbers(self, shape: list[int]) -> np.ndarray:
        size = 4 * int(np.prod(shape))
        content = self._process.stdout.read(size)
        if len(content) < size:
            raise self._ended()
        return np.frombuffer(content, np.float32).reshape(shape)

    def _ended(self) -> NotRunError:
        """Why there is no answer: the sandbox was ended, or ended by itself."""
        self._watch.join(timeout=2)
        reason = self._watch.violation or "it ended without an answer"
        return NotRunError(Mistake.MODEL_FILE_EXCEEDS, f"was stopped: {reason}")
