"""The scores of a model that a student hands in as an ONNX file, run in a sandbox of its own. It has no gradients."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from autograder.judge.mistakes import Mistake
from autograder.judge.studies.named_models import SCORES, NotVerifiedError, UngradableError
from autograder.judge.tolerances import REPEATED_SCORE
from autograder.sandbox.bubblewrap import Sandbox, SandboxUnavailableError, check_sandbox
from autograder.sandbox.limits import Limits
from autograder.student import evidence
from autograder.student.record import ONNX

WORKER = Path(__file__).parents[2] / "sandbox" / "model_worker.py"
LIMITS = Limits(notebook_seconds=120, memory=3072, processes=4, threads=64, evidence=64)
SECONDS_TO_START = 30
MAX_POINT_NUMBERS = 24 * 2**20
"""Numbers that are handed to one run of the worker, about: 160 photos, 96 MiB."""
MAX_CLASSES = 100_000


class OnnxScores:
    """A model's scores by forward passes in the sandbox. Points that it was asked about are not run again.

    Attributes:
        kind: what the study says that its maps explain; the model's output is taken as just that.
        n_classes: the number of scores for each picture, once the model has run.
    """

    has_gradients = False

    def __init__(self, content: bytes, name: str, kind: str) -> None:
        self.kind, self.n_classes = kind, 0
        self._content, self._name = content, name
        self._known: dict[bytes, np.ndarray] = {}

    def forward(self, points: Tensor) -> Tensor:
        """Scores (B, K) of points (B, C, H, W), without gradients.

        Raises:
            UngradableError: the model does not take these points, or gives no finite scores.
            NotVerifiedError: there is no sandbox or no onnxruntime, or the model exceeds the limits.
        """
        array = np.ascontiguousarray(points.detach().float().numpy())
        keys = [hashlib.sha256(point.tobytes()).digest() for point in array]
        new = [k for k, key in enumerate(keys) if key not in self._known]
        size = max(1, MAX_POINT_NUMBERS // max(1, points[0].numel()))
        for start in range(0, len(new), size):
            some = new[start : start + size]
            self._known |= zip((keys[k] for k in some), self.run(array[some]), strict=True)
        return torch.from_numpy(np.stack([self._known[key] for key in keys]))

    def ask_ahead(self, batches: Sequence[Tensor]) -> None:
        """Have the scores of several batches at hand: one start of the sandbox for all that fit into it."""
        if batches:
            self.forward(torch.cat(list(batches)))

    def run(self, points: np.ndarray) -> np.ndarray:
        """The scores of points by one run of the worker, whatever is known of them. Raises what `forward` does."""
        left, ended = _run_worker(self._content, points)
        record = left.record if left else {}
        if unfit := str(record.get("unfit", ""))[:300]:
            raise UngradableError(Mistake.ONNX_UNREADABLE, f"the model “{self._name}”: {unfit}")
        if ended or "problem" in record or left is None:
            reason = ended or str(record.get("problem", "it ended without an answer"))[:300]
            raise NotVerifiedError(Mistake.ONNX_EXCEEDS, f"the model “{self._name}” was stopped: {reason}")
        scores = left.arrays.get("scores", np.zeros(0))
        known = scores.ndim == 2 and len(scores) == len(points) and scores.dtype.kind == "f"
        if (
            not known
            or not 0 < scores.shape[1] <= MAX_CLASSES
            or scores.shape[1] != (self.n_classes or scores.shape[1])
        ):
            raise UngradableError(
                Mistake.ONNX_UNREADABLE, f"the model “{self._name}” gives scores of shape {scores.shape}"
            )
        if not np.isfinite(scores).all():
            raise UngradableError(Mistake.NOT_FINITE, f"the model “{self._name}” gives scores with NaN or infinity")
        self.n_classes = scores.shape[1]
        return scores


def load_onnx_scores(
    record: Mapping[str, Any], arrays: Mapping[str, np.ndarray], name: str, kind: object, images: Tensor
) -> OnnxScores:
    """The scores of the model in a study's evidence, tried on its images.

    Raises:
        UngradableError: the file is not there or not a model of such images, or its scores change from run to run.
        NotVerifiedError: it cannot be run here.
    """
    if kind not in SCORES:
        raise UngradableError(
            Mistake.MISSING_PART, f"scores is {str(kind)[:40]!r}, expected 'probabilities' or 'logits'"
        )
    content, name = arrays.get(ONNX), name[:80]
    if content is None or content.dtype != np.uint8 or not content.size:
        problem = str(record.get("onnx_problem") or "it was not handed in")[:300]
        raise UngradableError(Mistake.ONNX_MISSING, f"the model “{name}”: {problem}")
    scores = OnnxScores(content.tobytes(), name, str(kind))
    first = scores.forward(images).numpy()
    # Backwards, in other company: dropout and batch statistics left on would show.
    again = scores.run(images.numpy()[::-1])[::-1]
    if not np.abs(first - again).max() <= REPEATED_SCORE * max(1.0, np.abs(first).max()):
        raise UngradableError(
            Mistake.ONNX_NOT_FIXED, f"the model “{name}” gives the same image other scores the second time"
        )
    return scores


def _run_worker(content: bytes, points: np.ndarray) -> tuple[evidence.Evidence | None, str]:
    """What the worker left behind, and why it was ended, if it was."""
    if find_spec("onnxruntime") is None:
        raise NotVerifiedError(Mistake.ONNX_NOT_HERE, "onnxruntime is not installed where this is graded")
    try:
        check_sandbox()
    except SandboxUnavailableError:
        raise NotVerifiedError(
            Mistake.ONNX_NOT_HERE, "there is no sandbox here to run a model from a file in"
        ) from None
    from autograder.sandbox.kernel import Watch  # Jupyter's parts, which only this case needs
    from autograder.sandbox.system_calls import filter_file

    with tempfile.TemporaryDirectory() as scratch:
        given, written, runtime = (Path(scratch) / name for name in ("given", "written", "runtime"))
        for folder in (given, written, runtime):
            folder.mkdir()
        (given / "model.onnx").write_bytes(content)
        np.save(given / "points.npy", points, allow_pickle=False)
        refused = filter_file()
        inherited = () if refused is None else (refused,)
        # NumPy would start a thread for each processor there is.
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        sandbox = Sandbox(given, written, runtime, "", threads, limits=LIMITS)
        process = subprocess.Popen(
            sandbox.script_command(WORKER, refused),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.defpath},
            pass_fds=inherited,
        )
        for descriptor in inherited:
            os.close(descriptor)
        watch = Watch(process.pid, LIMITS, (written, runtime))
        watch.start()
        try:
            process.wait(timeout=LIMITS.notebook_seconds + SECONDS_TO_START)
        except subprocess.TimeoutExpired:
            watch.violation = watch.violation or f"it ran for more than {LIMITS.notebook_seconds} seconds"
        finally:
            watch.stop()
            if process.poll() is None:
                watch.end_sandbox()
                process.wait()
        left = None
        with contextlib.suppress(evidence.EvidenceError):
            left = evidence.read(written, "scores")
        return left, watch.violation
