"""What a record of evidence holds, and how answers and a study's parts become one. Runs beside the student's code.

The types are the writer's and the reader's: what a record says is converted to one of them before anything of it is used, and
refused where it does not fit.
"""

from __future__ import annotations

import inspect
import os
import random
import stat
import time
import traceback
import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Annotated, Any, Literal

import numpy as np
import torch
from msgspec import Meta, Struct, field

from autograder.task import ARRAY, ARRAYS, VALUE, AskedAbout

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
RANKED = "ranked"
"""The array of what a study's measure says of the grader's maps, in the order of the questions; NaN where it gave no number."""
MAX_NAME = 80
Name = Annotated[str, Meta(max_length=MAX_NAME)]
Text = Annotated[str, Meta(max_length=MAX_MESSAGE)]
Names = Annotated[list[Name], Meta(max_length=MAX_ENTRIES)]
Shape = Annotated[list[Annotated[int, Meta(ge=0)]], Meta(max_length=64)]
"""As many dimensions as torch and NumPy can have."""


class AnswerRecord(Struct, omit_defaults=True):
    """What a function gave back, in words; its numbers are an array. Or the error that it raised, and in which line.

    `changed` names the arguments that held something else after the call.
    """

    status: Literal["returned", "raised"]
    type: Name = ""
    seconds: float = 0.0
    items: int | None = None
    shape: Shape | None = None
    dtype: Name = ""
    requires_grad: bool = False
    error: Name = ""
    message: Text = ""
    line: int | None = 0
    changed: Annotated[list[Name], Meta(max_length=8)] = field(default_factory=list)


class AnswersRecord(Struct, omit_defaults=True):
    """A function's answers, by the number of the question. `running` is the question at work when the process ended."""

    task: Name
    answers: Annotated[dict[Name, AnswerRecord], Meta(max_length=4096)]
    running: Name = ""


class MeasuredRecord(Struct, omit_defaults=True):
    """What a measure gave, asked again about a map of a study, and about other forms of the map where that is not as stated."""

    name: Name
    image: int
    status: Literal["returned", "raised"]
    value: float | None = None
    error: Name = ""
    message: Text = ""
    instead: Annotated[dict[Name, float | None], Meta(max_length=16)] = field(default_factory=dict)


class StudyRecord(Struct, omit_defaults=True):
    """The parts of a study but for its arrays: values, the names of maps, and what is not there.

    Attributes:
        types, dtypes: what each part, and each array, was when it was handed in.
        images_given: how many there were before some were left out.
        measured_again, measured_again_failed: the measure's answers, or why it could not be asked.
        asked: what became of the calls of functions that are parts; what they gave is an array by the part's name.
    """

    task: Name
    values: dict[Name, bool | int | float | Text]
    names: dict[Name, Names]
    types: dict[Name, Name]
    dtypes: dict[Name, Name]
    missing: Names
    unknown: Names = field(default_factory=list)
    images_given: int = 0
    model_file_problem: Text = ""
    measured_again: Annotated[list[MeasuredRecord], Meta(max_length=MAX_ENTRIES)] = field(default_factory=list)
    measured_again_failed: Text = ""
    asked: Annotated[dict[Name, AnswerRecord], Meta(max_length=MAX_ENTRIES)] = field(default_factory=dict)


def study_record(
    task: str, study: dict[str, Any], parts: dict[str, str | AskedAbout]
) -> tuple[StudyRecord, dict[str, np.ndarray]]:
    """The record and the arrays of a study. Too many images are left out from the end, which the record says.

    Where not even ten fit with all their maps, maps are left out, evenly over the baselines or step counts.
    """
    record = StudyRecord(task, values={}, names={}, types={}, dtypes={}, missing=[])
    arrays: dict[str, np.ndarray] = {}
    for name, kind in parts.items():
        value = study.get(name)
        record.types[name] = type(value).__name__[:MAX_NAME]
        if kind == ARRAYS:
            _keep_entries(name, value, record, arrays)
            continue
        if isinstance(kind, AskedAbout):
            if value is None:
                record.missing.append(name)
                continue
            table = {count: torch.tensor(row) for count, row in kind.table.items()}
            record.asked[name], values = answer(lambda value=value, table=table: value(table))
            if values is not None:
                arrays[name] = values
            continue
        values = numbers(value) if value is not None else None
        if isinstance(value, str) and kind == VALUE:
            record.values[name] = value[:MAX_MESSAGE]
        elif values is not None and values.size == 1 and (kind == VALUE or values.ndim == 0):
            record.values[name] = values.reshape(()).item()
        elif values is not None and kind == ARRAY:
            arrays[name] = values
            record.dtypes[name] = _dtype(value)
        else:
            record.missing.append(name)
    record.unknown = sorted(str(name)[:MAX_NAME] for name in set(study) - set(parts))[:MAX_ENTRIES]
    model = study.get("model")
    if "model" in parts and isinstance(model, str) and model.endswith(MODEL_FILES):
        content, record.model_file_problem = _model_file(model)
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


def _keep_entries(name: str, value: Any, record: StudyRecord, arrays: dict[str, np.ndarray]) -> None:
    if not isinstance(value, Mapping):
        record.missing.append(name)
        return
    keys = list(value)[:MAX_ENTRIES]
    record.names[name] = [str(key)[:MAX_NAME] for key in keys]
    for k, key in enumerate(keys):
        if (entry := numbers(value[key])) is not None:
            arrays[f"{name}.{k}"] = entry
            record.dtypes[f"{name}.{k}"] = _dtype(value[key])


def _bounded(arrays: dict[str, np.ndarray], record: StudyRecord, max_bytes: int) -> dict[str, np.ndarray]:
    images = arrays.get("images")
    given = len(images) if images is not None and images.ndim == 4 else 0
    # Twice the precision of float32 tells a grader nothing, and takes twice the room.
    arrays = {
        name: array.astype(np.float32) if array.dtype == np.float64 and array.ndim >= 3 else array
        for name, array in arrays.items()
    }
    record.images_given = given
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


def _thinned(arrays: dict[str, np.ndarray], record: StudyRecord, given: int, max_bytes: int) -> dict[str, np.ndarray]:
    """The arrays without some of the maps, so that ten images fit; the first and the last name keep theirs."""
    names = max(record.names.values(), key=len, default=[])
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


def _name_of(array: str, record: StudyRecord) -> str:
    part, _, k = array.rpartition(".")
    return record.names[part][int(k)]


def _as_number(name: str) -> float:
    try:
        return float(name)
    except ValueError:
        return 0.0


def _is_of_images(array: np.ndarray, given: int) -> bool:
    return array.ndim >= 1 and len(array) == given


def _dtype(value: Any) -> str:
    return str(getattr(value, "dtype", "")).removeprefix("torch.")[:MAX_NAME]


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


def answer(call: Callable[[], Any]) -> tuple[AnswerRecord, np.ndarray | None]:
    """What a student's function gave back, in words, and its numbers where there are any."""
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            value = call()
        except (Exception, SystemExit) as error:
            line = traceback.extract_tb(error.__traceback__)[-1].lineno
            name, message = type(error).__name__[:MAX_NAME], str(error)[:MAX_MESSAGE]
            return AnswerRecord("raised", error=name, message=message, line=line), None
    given = AnswerRecord("returned", type(value).__name__[:MAX_NAME], time.perf_counter() - started)
    several = isinstance(value, tuple) or (isinstance(value, list) and numbers(value) is None)
    if several and 1 < len(value) <= MOST_RETURNED:
        given.items, value = len(value), value[0]  # such as a map and its gap
    kept = numbers(value)
    if isinstance(value, torch.Tensor | np.ndarray):
        given.shape, given.dtype = list(value.shape), _dtype(value)
        given.requires_grad = isinstance(value, torch.Tensor) and value.requires_grad
    return given, kept


INSTEAD = (
    *("absolute", "reversed", "top class", "first target", "last target", "baseline"),
    *("first picture", "last picture", "picture before", "picture of the map's place"),
    *("first and its class", "last and its class", "before and its class", "of the map's place and its class"),
    *("softmax of the scores", "logarithm of the scores", "place as target", "class 0"),
)
"""What a measure is asked about a map whose stated quality is another: |map|, -map, the class that the network puts first, the
map on another picture or on its baseline, or for another picture's class, or both, or of other scores, or for class 0 or the class
whose number is the picture's place; but not what is the same as before."""
ASKED_INSTEAD = 4
INSTEAD_SECONDS = 1.5
"""How many times the seconds for measuring again may have gone by before no other form is asked about."""
NOT_AS_STATED = 1e-6


def measured_again(
    measure: Callable, forward: Callable, study: dict[str, Any], of: str, n_images: int, n_pairs: int, seconds: float
) -> list[MeasuredRecord]:
    """The measure's own value for maps of the study's first images: for all, as far as `seconds` of CPU time go, or `n_pairs`.

    Which maps come first, the operating system's randomness says when all of them have their stated quality: nothing that
    lies in the process beforehand does.
    """
    maps = study.get(of)
    images, targets = study.get("images"), study.get("targets")
    if not isinstance(maps, Mapping) or not maps or images is None or targets is None or not n_images:
        return []
    pairs = [(key, n) for key in list(maps)[:MAX_ENTRIES] for n in range(n_images)]
    target = numbers(targets)
    found: list[MeasuredRecord] = []
    asked_instead, start = 0, time.process_time()

    def number(
        image: Any, attribution: Any, of_class: int, of: Callable = forward
    ) -> tuple[AnswerRecord, float | None]:
        given, value = answer(lambda: measure(of, image, attribution, of_class))
        return given, float(value.reshape(())) if value is not None and value.size == 1 else None

    for key, n in random.SystemRandom().sample(pairs, min(MAX_ENTRIES, len(pairs))):
        if len(found) >= n_pairs and time.process_time() - start > seconds:
            break
        of_class = int(target.ravel()[n if target.size > 1 else 0])
        given, value = number(images[n], maps[key][n], of_class)
        entry = MeasuredRecord(str(key)[:MAX_NAME], n, given.status, value, given.error, given.message)
        found.append(entry)
        if asked_instead < ASKED_INSTEAD and value is not None and not _is_as_stated(study, key, n, value):
            asked_instead += 1
            for form, arguments in _other_forms(forward, study, key, n, maps[key][n], target).items():
                if time.process_time() - start > INSTEAD_SECONDS * seconds:
                    break
                entry.instead[form] = number(*arguments)[1]
    return found


def _is_as_stated(study: dict[str, Any], key: Any, n: int, value: float) -> bool:
    try:
        stated = float(numbers(study["quality"][key]).ravel()[n])
    except (KeyError, TypeError, IndexError, AttributeError):
        return True  # what is missing is said elsewhere
    return abs(stated - value) <= NOT_AS_STATED * abs(value)


def _other_forms(
    forward: Callable, study: dict[str, Any], key: Any, n: int, attribution: Any, target: np.ndarray
) -> dict[str, tuple[Any, ...]]:
    """What else a measure may have been given, by the names of INSTEAD: picture, map and class; other scores where they differ."""
    images, targets = study["images"], [int(one) for one in target.ravel()]
    forms: dict[str, tuple[Any, ...]] = {}
    with suppress(Exception):  # a forward of a student's own, or maps of any kind: then there is nothing more to ask
        image, of_class = images[n], targets[n if len(targets) > 1 else 0]
        forms |= {"absolute": (image, abs(attribution), of_class), "reversed": (image, -attribution, of_class)}
        with torch.no_grad():
            scores = forward(image[None])
        top, are_shares = int(scores.argmax()), bool(torch.allclose(scores.sum(), scores.new_ones(())))
        if are_shares:
            forms["logarithm of the scores"] = image, attribution, of_class, lambda batch: forward(batch).log()
        else:
            forms["softmax of the scores"] = image, attribution, of_class, lambda batch: forward(batch).softmax(dim=1)
        others = {
            "top class": top,
            "first target": targets[0],
            "last target": targets[-1],
            "place as target": n,
            "class 0": 0,
        }
        for name, other in others.items():
            if other != of_class and other < scores.shape[1]:
                forms[name] = (image, attribution, other)
        pictures = {"first picture": 0, "last picture": len(images) - 1, "picture before": n - 1}
        for name, k in (pictures | {"picture of the map's place": list(study["attributions"]).index(key)}).items():
            if (at := k % len(images)) != n:
                forms[name] = (images[at], attribution, of_class)
                if len(targets) > 1 and targets[at] != of_class:
                    forms[f"{name.replace('picture', '').strip()} and its class"] = (
                        images[at],
                        attribution,
                        targets[at],
                    )
        if (baseline := _baseline(study, key, n, image)) is not None:
            forms["baseline"] = (baseline, attribution, of_class)
    return forms


def _baseline(study: dict[str, Any], key: Any, n: int, image: Any) -> Any:
    """The baseline picture of a map; None where there is none that looks like a picture."""
    several = study.get("baselines")
    batch = study.get("baseline") if several is None else several.get(key)
    if batch is None:
        return None
    one = batch if batch.ndim < 4 else batch[n]
    return one if one.shape == image.shape else None


def takes(function: Any, n_arguments: int) -> bool:
    """Whether a function can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*range(n_arguments))
    except (TypeError, ValueError):
        return False
    return True
