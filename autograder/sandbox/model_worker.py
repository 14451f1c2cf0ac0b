"""Runs an ONNX model in a sandbox of its own: model.onnx and points.npy in, the model's scores out.

The model is a stranger's, so this runs with nothing of the course in sight, and what it leaves behind (scores.npz
and scores.json, in the form of `autograder.student.evidence`) is read with the same caution as a notebook's evidence.
It imports nothing of this package, which the sandbox hides.
"""

from __future__ import annotations

import json
import os
import re
import resource
import sys
from pathlib import Path
from typing import Any

import numpy as np

THREADS = 2
BATCH_NUMBERS = 8 * 3 * 224 * 224
"""Numbers that go through the model at a time, about: eight photos."""
MAX_BATCH = 64
MAX_PROBLEM = 300
TYPES = {"tensor(float)": np.float32, "tensor(double)": np.float64}


class UnfitError(Exception):
    """The model is not one that takes pictures and gives scores; the message says why."""


def main(given: str, written: str) -> None:
    for name, value in json.loads(os.environ.pop("AUTOGRADER_LIMITS")).items():
        resource.setrlimit(getattr(resource, name), (value, value))
    scores, record = np.zeros((0, 0), np.float32), {}
    try:
        points = np.load(Path(given) / "points.npy", allow_pickle=False)
        session = _session(Path(given) / "model.onnx")
        record["shape"] = _picture_shape(session, points.shape)
        scores = _scores(session, points)
    except UnfitError as error:
        record["unfit"] = str(error)
    except MemoryError:
        record["problem"] = "it needs more memory than it may use"
    except Exception as error:  # onnxruntime raises a dozen kinds, none of them documented
        record["unfit"] = f"onnxruntime cannot run it: {_said(error)}"[:MAX_PROBLEM]
    # The record comes last: it vouches for the scores.
    np.savez(Path(written) / "scores.npz", scores=scores)
    (Path(written) / "scores.json").write_text(json.dumps(record))


def _said(error: Exception) -> str:
    """An error of onnxruntime's without its codes and the folders of the sandbox."""
    said = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", " ".join(str(error).split()))
    return re.sub(r"/\S+/model\.onnx", "model.onnx", said)


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = THREADS, 1
    options.log_severity_level = 4
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    if len(session.get_inputs()) != 1:
        raise UnfitError(f"it takes {len(session.get_inputs())} inputs, expected one: pictures (N, C, H, W)")
    return session


def _picture_shape(session: Any, given: tuple[int, ...]) -> list[int | None]:
    """What the model declares of (N, C, H, W); None where it leaves a size open."""
    taken = session.get_inputs()[0]
    if taken.type not in TYPES:
        raise UnfitError(f"its input is a {taken.type[:40]}, expected tensor(float)")
    shape = [size if isinstance(size, int) and size > 0 else None for size in taken.shape]
    fits = len(shape) == 4 and all(own in (None, size) for own, size in zip(shape[1:], given[1:], strict=True))
    if not fits:
        own = ", ".join("N" if size is None or k == 0 else str(size) for k, size in enumerate(shape[:8]))
        raise UnfitError(f"it takes the shape ({own}), and the images have (N, {', '.join(map(str, given[1:]))})")
    return shape


def _scores(session: Any, points: np.ndarray) -> np.ndarray:
    taken, given = session.get_inputs()[0], session.get_outputs()[0]
    fixed = taken.shape[0] if isinstance(taken.shape[0], int) and taken.shape[0] > 0 else 0
    size = fixed or int(max(1, min(MAX_BATCH, BATCH_NUMBERS // points[0].size)))
    if fixed > MAX_BATCH:
        raise UnfitError(f"it takes batches of {fixed} pictures only, expected any number, or at most {MAX_BATCH}")
    scores = []
    for start in range(0, len(points), size):
        batch = points[start : start + size]
        n = len(batch)
        if n < fixed:  # a model exported for one batch size takes no smaller one
            batch = np.concatenate([batch, np.repeat(batch[-1:], fixed - n, axis=0)])
        values = np.asarray(session.run([given.name], {taken.name: batch.astype(TYPES[taken.type])})[0])
        if values.ndim != 2 or len(values) != len(batch) or values.dtype.kind != "f" or not values.shape[1]:
            expected = f"expected ({len(batch)}, K): one row of scores for each picture"
            raise UnfitError(f"for {len(batch)} pictures it gives {values.dtype} of shape {values.shape}, {expected}")
        scores.append(values[:n].astype(np.float32 if values.dtype != np.float64 else np.float64))
    return np.concatenate(scores)


if __name__ == "__main__":
    main(*sys.argv[1:])
