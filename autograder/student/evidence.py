"""The evidence that a student's process leaves behind, and how to read it without trusting it.

For each task there are two files: `<task>.json`, a small record, and `<task>.npz`, arrays. The writer
runs beside the student's code, so the reader takes nothing for granted: a file may be a link, a pipe, a
bomb, or someone's best attempt at one.
"""

from __future__ import annotations

import json
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np

from autograder.student.plain_text import writable

MAX_RECORD_BYTES = 2 * 2**20
MAX_ARRAYS_BYTES = 512 * 2**20
MAX_ARRAYS = 4096
MAX_NPY_HEADER = 4096
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,._+()-]{0,120}")


class EvidenceError(Exception):
    """The evidence is missing or is not what `write` produces; the message says which, for a student."""


Record = TypeVar("Record")


@dataclass(frozen=True)
class Evidence(Generic[Record]):
    """What a task's cell left behind: a record and named arrays of numbers.

    The record is one of `autograder.student.record`'s, or a plain dictionary as it was read.
    """

    record: Record
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def write(folder: Path, task: str, evidence: Evidence) -> None:
    """Write both files, each at once or not at all, the record last: it vouches for the arrays."""
    with _replacing(folder / f"{task}.npz") as partial, partial.open("wb") as file:
        np.savez(file, **evidence.arrays)
    with _replacing(folder / f"{task}.json") as partial:
        partial.write_text(json.dumps(msgspec.to_builtins(evidence.record)))


def read(folder: Path, task: str) -> Evidence[dict[str, Any]]:
    """Read what `write` wrote.

    Raises:
        EvidenceError: nothing is there, or something else than plain files of plain numbers.
    """
    with _open_plain_file(folder, f"{task}.json", MAX_RECORD_BYTES) as file:
        try:
            record = writable(json.loads(file.read()))
        except (ValueError, RecursionError, MemoryError) as error:
            raise EvidenceError(f"the record of {task} is not JSON: {type(error).__name__}") from None
    if not isinstance(record, dict):
        raise EvidenceError(f"the record of {task} is a {type(record).__name__}, expected a dictionary")
    with _open_plain_file(folder, f"{task}.npz", MAX_ARRAYS_BYTES) as file:
        try:
            return Evidence(record, _read_arrays(file))
        except Exception as error:  # zipfile and NumPy raise a dozen kinds for what was not written by them
            raise EvidenceError(f"the arrays of {task} cannot be read: {str(error)[:200]}") from None


def read_all(folder: Path, tasks: list[str]) -> tuple[dict[str, Evidence[dict[str, Any]]], dict[str, str]]:
    """The evidence of some tasks, and why there is none that can be read of the others. Whatever lies there, this returns."""
    found, damaged = {}, {}
    for task in tasks:
        try:
            found[task] = read(folder, task)
        except EvidenceError as error:
            damaged[task] = str(error)
        except Exception as error:
            damaged[task] = f"reading it failed ({type(error).__name__})"
    return found, damaged


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """The path of a partial file that takes the place of `path` when the block ends well."""
    partial = path.with_name(path.name + ".partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _open_plain_file(folder: Path, name: str, max_bytes: int):
    try:
        # No links are followed, and a pipe does not block.
        descriptor = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise EvidenceError(f"there is no {name}") from None
    except OSError as error:
        raise EvidenceError(f"{name} cannot be opened: {error.strerror}") from None
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > max_bytes:
        os.close(descriptor)
        what = f"{status.st_size:,} bytes" if stat.S_ISREG(status.st_mode) else "not a plain file"
        raise EvidenceError(f"{name} is {what}; expected a plain file of at most {max_bytes:,} bytes")
    return os.fdopen(descriptor, "rb")


def _read_arrays(file) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if len(members) > MAX_ARRAYS:
            raise ValueError(f"{len(members)} arrays; expected at most {MAX_ARRAYS}")
        # Stored members cannot hold more than the file does; entries that overlap could.
        held = os.fstat(file.fileno()).st_size
        if sum(member.file_size for member in members) > held:
            raise ValueError("more arrays than the file has bytes")
        arrays = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if member.compress_type != zipfile.ZIP_STORED:
                raise ValueError("compressed arrays; expected them stored")
            if not _SAFE_NAME.fullmatch(name):
                raise ValueError(f"an array is named {name[:40]!r}")
            with archive.open(member) as content:
                arrays[name] = _read_array(content, member.file_size)
        return arrays


def _read_array(content, size: int) -> np.ndarray:
    # The header is judged before a byte of the array is allocated.
    version = np.lib.format.read_magic(content)
    if version != (1, 0):
        raise ValueError(f"array format {version}; expected (1, 0)")
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(content, max_header_size=MAX_NPY_HEADER)
    if dtype.kind not in "biuf" or dtype.hasobject or dtype.itemsize > 8:
        raise ValueError(f"an array of {dtype}; expected booleans, integers or real numbers")
    if any(type(n) is not int or n < 0 for n in shape):
        raise ValueError(f"an array of shape {shape}")
    data = content.read()
    count = 1
    for n in shape:
        count *= n
    if count * dtype.itemsize != len(data):
        raise ValueError(f"an array of shape {shape} and {dtype} in {len(data)} bytes")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
