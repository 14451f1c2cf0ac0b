"""Turning a study's parts into evidence: pictures, maps by name, numbers and text. Runs beside the student's code."""

from __future__ import annotations

import inspect
import os
import random
import stat
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from autograder.task import ARRAY, ARRAYS, VALUE

MAX_MESSAGE = 500
MAX_ENTRIES = 256
MOST_RETURNED = 4
MAX_IMAGES, FEWEST_IMAGES = 32, 10
MAX_STUDY_BYTES = 320 * 2**20
MODEL_FILES = (".pt2", ".onnx")
"""How the name of a model ends that comes as a file: an archive of torch.export, or ONNX."""
MAX_MODEL_BYTES = 128 * 2**20
MODEL_FILE = "model_file"
"""The array that holds the file's bytes."""


def study_record(
    task: str, study: dict[str, Any], parts: dict[str, str]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The record and the arrays of a study. Too many images are left out from the end, which the record says.

    Where not even ten fit with all their maps, maps are left out, evenly over the baselines or step counts.
    """
    record: dict[str, Any] = {"task": task, "values": {}, "names": {}, "types": {}, "dtypes": {}, "missing": []}
    arrays: dict[str, np.ndarray] = {}
    for name, kind in parts.items():
        value = study.get(name)
        record["types"][name] = type(value).__name__
        if kind == ARRAYS:
            _keep_entries(name, value, record, arrays)
            continue
        values = numbers(value) if value is not None else None
        if isinstance(value, str) and kind == VALUE:
            record["values"][name] = value[:MAX_MESSAGE]
        elif values is not None and values.size == 1 and (kind == VALUE or values.ndim == 0):
            record["values"][name] = values.reshape(()).item()
        elif values is not None and kind == ARRAY:
            arrays[name] = values
            record["dtypes"][name] = _dtype(value)
        else:
            record["missing"].append(name)
    record["unknown"] = sorted(str(name)[:80] for name in set(study) - set(parts))
    model = study.get("model")
    if "model" in parts and isinstance(model, str) and model.endswith(MODEL_FILES):
        content, record["model_file_problem"] = _model_file(model)
        return record, _bounded(arrays, record, MAX_STUDY_BYTES - content.nbytes) | {MODEL_FILE: content}
    return record, _bounded(arrays, record, MAX_STUDY_BYTES)


def _model_file(name: str) -> tuple[np.ndarray, str]:
    """The bytes of a model's file in the working folder; none, and the reason, where it cannot be read."""
    nothing = np.empty(0, np.uint8)
    try:
        status = os.lstat(name)
        if not stat.S_ISREG(status.st_mode):
            return nothing, "it is not a plain file"
        if not 0 < status.st_size <= MAX_MODEL_BYTES:
            return nothing, f"it has {status.st_size:,} bytes, expected 1 to {MAX_MODEL_BYTES:,}"
        return np.fromfile(name, np.uint8), ""
    except FileNotFoundError:
        return nothing, "there is no such file in the notebook's folder"
    except (OSError, ValueError) as error:
        return nothing, f"it cannot be read: {error}"[:MAX_MESSAGE]


def _keep_entries(name: str, value: Any, record: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    if not isinstance(value, Mapping):
        record["missing"].append(name)
        return
    keys = list(value)[:MAX_ENTRIES]
    record["names"][name] = [str(key)[:80] for key in keys]
    for k, key in enumerate(keys):
        if (entry := numbers(value[key])) is not None:
            arrays[f"{name}.{k}"] = entry
            record["dtypes"][f"{name}.{k}"] = _dtype(value[key])


def _bounded(arrays: dict[str, np.ndarray], record: dict[str, Any], max_bytes: int) -> dict[str, np.ndarray]:
    images = arrays.get("images")
    given = len(images) if images is not None and images.ndim == 4 else 0
    # Twice the precision of float32 tells a grader nothing, and takes twice the room.
    arrays = {
        name: array.astype(np.float32) if array.dtype == np.float64 and array.ndim >= 3 else array
        for name, array in arrays.items()
    }
    record["images_given"] = given
    if given:
        arrays = _thinned(arrays, record, given, max_bytes)
        each = sum(array.nbytes for array in arrays.values() if _is_of_images(array, given)) / given
        kept = max(1, min(given, MAX_IMAGES, int(max_bytes / max(each, 1))))
        arrays = {name: array[:kept] if _is_of_images(array, given) else array for name, array in arrays.items()}
    total = 0
    bounded = {}
    for name, array in arrays.items():
        total += array.nbytes
        if total <= max_bytes * 1.2:
            bounded[name] = array
    return bounded


def _thinned(
    arrays: dict[str, np.ndarray], record: dict[str, Any], given: int, max_bytes: int
) -> dict[str, np.ndarray]:
    """The arrays without some of the maps, so that ten images fit; the first and the last name keep theirs."""
    names = max(record["names"].values(), key=len, default=[])
    order = sorted(range(len(names)), key=lambda k: (_as_number(names[k]), k))
    of_maps = {name: array for name, array in arrays.items() if "." in name and array.ndim >= 3}
    for n_kept in range(len(order), 1, -1):
        kept = {names[order[k]] for k in np.linspace(0, len(order) - 1, n_kept).round().astype(int).tolist()}
        left = {name for name in of_maps if _name_of(name, record) in kept}
        thinned = {name: array for name, array in arrays.items() if name not in of_maps or name in left}
        each = sum(array.nbytes for array in thinned.values() if _is_of_images(array, given)) / given
        if each * min(given, FEWEST_IMAGES) <= max_bytes:
            return thinned
    return arrays


def _name_of(array: str, record: dict[str, Any]) -> str:
    part, _, k = array.rpartition(".")
    return record["names"][part][int(k)]


def _as_number(name: str) -> float:
    try:
        return float(name)
    except ValueError:
        return 0.0


def _is_of_images(array: np.ndarray, given: int) -> bool:
    return array.ndim >= 1 and len(array) == given


def _dtype(value: Any) -> str:
    return str(getattr(value, "dtype", "")).removeprefix("torch.")


def numbers(value: Any) -> np.ndarray | None:
    """The numbers in a tensor, an array or nested lists of them; None where there are none."""
    try:
        if isinstance(value, list | tuple) and value and all(isinstance(item, torch.Tensor) for item in value):
            value = torch.stack([item.detach().cpu() for item in value])
        if isinstance(value, torch.Tensor):
            value = value.detach().to("cpu")
            # Half precision has no counterpart that every reader knows.
            value = (value.float() if value.dtype in (torch.float16, torch.bfloat16) else value).numpy()
        values = np.array(value)
    except Exception:
        return None
    known = values.dtype.kind in "biuf" and values.dtype.itemsize <= 8
    return values if known and values.size else None


def answer(call: Callable[[], Any]) -> tuple[dict[str, Any], np.ndarray | None]:
    """What a student's function gave back, in words, and its numbers where there are any."""
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = call()
        except (Exception, SystemExit) as error:
            line = traceback.extract_tb(error.__traceback__)[-1].lineno
            return {
                "status": "raised",
                "error": type(error).__name__,
                "message": str(error)[:MAX_MESSAGE],
                "line": line,
            }, None
    given = {"status": "returned", "type": type(value).__name__, "seconds": time.perf_counter() - started}
    several = isinstance(value, tuple) or (isinstance(value, list) and numbers(value) is None)
    if several and 1 < len(value) <= MOST_RETURNED:
        given["items"], value = len(value), value[0]  # such as a map and its gap
    kept = numbers(value)
    if isinstance(value, torch.Tensor | np.ndarray):
        given |= {"shape": list(value.shape), "dtype": _dtype(value)}
        given |= {"requires_grad": True} if isinstance(value, torch.Tensor) and value.requires_grad else {}
    return given, kept


def measured_again(
    measure: Callable, forward: Callable, study: dict[str, Any], of: str, n_images: int, n_pairs: int
) -> list[dict[str, Any]]:
    """The measure's own value for a few maps of the study's first images.

    Which maps, the operating system's randomness says when all of them have their stated quality: nothing that lies in the
    process beforehand does.
    """
    maps = study.get(of)
    images, targets = study.get("images"), study.get("targets")
    if not isinstance(maps, Mapping) or not maps or images is None or targets is None or not n_images:
        return []
    pairs = [(key, n) for key in list(maps)[:MAX_ENTRIES] for n in range(n_images)]
    target = numbers(targets)
    found = []
    for key, n in random.SystemRandom().sample(pairs, min(n_pairs, len(pairs))):
        entry = {"name": str(key)[:80], "image": n}
        given, value = answer(
            lambda key=key, n=n: measure(
                forward, images[n], maps[key][n], int(target.ravel()[n if target.size > 1 else 0])
            )
        )
        entry |= {name: given[name] for name in ("status", "error", "message") if name in given}
        entry["value"] = float(value.reshape(())) if value is not None and value.size == 1 else None
        found.append(entry)
    return found


def takes(function: Any, n_arguments: int) -> bool:
    """Whether a function can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*range(n_arguments))
    except (TypeError, ValueError):
        return False
    return True
