"""The evidence of a run as one compressed file, which stays beside the record so that verdicts can be computed again.

The file is read like evidence from a sandbox: whoever can write into the course's folder may have written it.
"""

from __future__ import annotations

import hashlib
import io
import json
import tempfile
import zipfile
import zlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

from autograder.problem_sets import TASKS
from autograder.problem_sets.checking import Run
from autograder.student import evidence
from autograder.student.evidence import MAX_ARRAYS_BYTES, MAX_RECORD_BYTES

KEPT = "evidence.zip"
ABOUT = "run.json"
FAST = 1
"""zlib's level: at the usual 6 the evidence of a photo's map takes twice the time and 3 % less room."""
SAMPLE, WORTHWHILE = 2**15, 0.8
"""An array is compressed where that many of its last bytes get shorter than this share of them."""
KIT = Path(__file__).resolve().parents[1]
JUDGES = ("task.py", "judge/**/*.py", "problem_sets/**/*.py", "student/networks.py")
"""What of the grader decides about points, once the evidence is there."""


class KeptEvidenceError(Exception):
    """The kept evidence is missing or is not what was kept; the message says which."""


def pack(run: Run) -> bytes:
    """The evidence of a run, and what judging it needs besides, as the bytes of a zip file."""
    about = {
        "seed": run.seed,
        "kit": kit_version(),
        "ended": run.ended,
        "detail": run.detail,
        "damaged": run.damaged,
        "errors": run.errors,
        "seconds": run.seconds,
        "cpu_seconds": run.cpu_seconds,
        "tasks": sorted(run.evidence),
    }
    content = io.BytesIO()
    with (
        zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=FAST) as archive,
        tempfile.TemporaryDirectory() as scratch,
    ):
        archive.writestr(zipfile.ZipInfo(ABOUT), json.dumps(about))
        for task, one in run.evidence.items():
            evidence.write(Path(scratch), task, one)
            archive.write(Path(scratch) / f"{task}.json", f"{task}.json")
            with zipfile.ZipFile(Path(scratch) / f"{task}.npz") as arrays:
                for array in arrays.namelist():
                    values = arrays.read(array)
                    archive.writestr(f"{task}/{array}", values, _worthwhile(values))
    return content.getvalue()


def _worthwhile(values: bytes) -> int:
    """How zip keeps an array: a map's numbers get hardly shorter, and compressing them takes as long as all else of a record."""
    sample = values[-SAMPLE:]
    shorter = len(zlib.compress(sample, FAST)) < WORTHWHILE * len(sample)
    return zipfile.ZIP_DEFLATED if shorter else zipfile.ZIP_STORED


def unpack(content: bytes, checksum: str) -> Run:
    """The run that `pack` packed, without verdicts.

    Raises:
        KeptEvidenceError: the checksum is another one, or the content is not what `pack` makes.
    """
    if digest(content) != checksum:
        raise KeptEvidenceError("the kept evidence is not what was kept: its checksum differs")
    try:
        return _unpacked(content)
    except Exception as error:  # zipfile and JSON raise a dozen kinds for what was not written by them
        raise KeptEvidenceError(f"the kept evidence cannot be read: {str(error)[:200]}") from None


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@cache
def kit_version() -> str:
    """The kit's version and a checksum of everything in it that decides about points."""
    paths = sorted({path for pattern in JUDGES for path in KIT.glob(pattern)})
    code = hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
    return f"{version('integrated-gradients-course')}+{code[:12]}"


def _unpacked(content: bytes) -> Run:
    with zipfile.ZipFile(io.BytesIO(content)) as archive, tempfile.TemporaryDirectory() as scratch:
        about = json.loads(archive.read(ABOUT))
        run = Run(
            int(about["seed"]),
            damaged=about["damaged"],
            ended=about["ended"],
            detail=about["detail"],
            errors={cell: tuple(error) for cell, error in about["errors"].items()},
            seconds=about["seconds"],
            cpu_seconds=about["cpu_seconds"],
        )
        for task in about["tasks"]:
            if task not in TASKS:
                continue
            (Path(scratch) / f"{task}.json").write_bytes(_in_bounds(archive, [f"{task}.json"], MAX_RECORD_BYTES)[0])
            (Path(scratch) / f"{task}.npz").write_bytes(_arrays_of(task, archive))
            run.evidence[task] = evidence.read(Path(scratch), task)
    return run


def _arrays_of(task: str, archive: zipfile.ZipFile) -> bytes:
    """The file of a task's arrays, which kits before this one kept as a whole."""
    names = dict.fromkeys(archive.namelist())
    if (whole := f"{task}.npz") in names:
        return _in_bounds(archive, [whole], MAX_ARRAYS_BYTES)[0]
    arrays = [name for name in names if name.startswith(f"{task}/")]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, values in zip(arrays, _in_bounds(archive, arrays, MAX_ARRAYS_BYTES), strict=True):
            file.writestr(name.removeprefix(f"{task}/"), values)
    return content.getvalue()


def _in_bounds(archive: zipfile.ZipFile, names: list[str], most: int) -> list[bytes]:
    """What some files of the archive hold. Raises ValueError where they are larger together than they may be."""
    if sum(archive.getinfo(name).file_size for name in names) > most:
        raise ValueError(f"{', '.join(names)[:100]} are larger than {most:,} bytes")
    return [archive.read(name) for name in names]
