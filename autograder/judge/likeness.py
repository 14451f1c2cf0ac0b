"""Is it a student's own? What a notebook imports, and how much of its code is also elsewhere.

Shown to the instructor, and never a reason to take points by itself: short functions look alike. The similarity is by
winnowing (S. Schleimer, D. Wilkerson, A. Aiken, SIGMOD 2003), which ignores names, comments and layout; code that the
release itself gave is left out first.
"""

from __future__ import annotations

import ast
import base64
import binascii
import bz2
import contextlib
import io
import json
import lzma
import warnings
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from autograder.student.plain_text import writable

KIT = Path(__file__).resolve().parents[2]

ATTRIBUTION_LIBRARIES = (
    "alibi", "captum", "dianna", "innvestigate", "inseq", "interpret", "lime", "lit_nlp", "omnixai", "pytorch_grad_cam",
    "quantus", "saliency", "shap", "tf_explain", "torchcam", "torchray", "transformers_interpret", "xplique", "zennit",
)  # fmt: skip
"""Libraries that would do a student's work; the sandbox hides them where they are installed."""

NOISE_THRESHOLD = 25
"""Runs shorter than this, in characters of abstracted code, are never said to be alike; longer ones always are."""
EVERY_FINGERPRINT = 1
"""The window of winnowing. A wider one keeps fewer fingerprints, chosen by hashes that differ from process to process, and with
them the shares would; notebooks are small enough to keep them all."""
WORTH_A_LOOK = 0.5
MAX_CODE = 200_000
MAX_BESIDE = 10 * MAX_CODE
"""Bytes of files beside a notebook that are looked at."""
LONG_STRING = 200
"""Shorter strings hold no code that is worth hiding."""
RUNS_CODE = (
    "exec",
    "eval",
    "marshal.loads",
    "pickle.loads",
    "types.FunctionType",
    "FunctionType",
    "dill.loads",
    "cloudpickle.loads",
)
LEAST_CODE = 80
"""Of less code than this, in characters of abstracted code, a share means nothing."""


@dataclass(frozen=True)
class OwnWork:
    """What an instructor may want to look at.

    Attributes:
        imports: other attribution libraries and withheld modules that the code imports.
        similarity: for each known source, the share of the student's code, 0 to 1, that is also there.
        unwritten: the calls by which the code runs other code that is not written out in it.
    """

    imports: tuple[str, ...]
    similarity: dict[str, float]
    unwritten: tuple[str, ...] = ()

    @property
    def remark(self) -> str:
        """A sentence where a look is worth it, else empty."""
        parts = [f"imports {', '.join(self.imports)}"] if self.imports else []
        near = {name: share for name, share in self.similarity.items() if share >= WORTH_A_LOOK}
        parts += [f"{share:.0%} of the code is also in {name}" for name, share in near.items()]
        parts += [f"runs code that is not written out ({', '.join(self.unwritten)})"] if self.unwritten else []
        return "; ".join(parts)

    def as_record(self) -> dict[str, Any]:
        return asdict(self) | {"remark": self.remark}


def look_at(code: str, beside: Mapping[str, bytes], assignment: str, withheld: str) -> dict[str, Any]:
    """The record of what one submission's code cells, and the files beside its notebook, look like."""
    code = "\n".join([code, code_beside(beside)])
    return writable(own_work(code, starter_code(assignment), known_sources(), withheld).as_record())


def prepare(assignment: str) -> None:
    """Read, once, what the code of an assignment's submissions is compared with."""
    starter = starter_code(assignment)
    for source in known_sources().values():
        _known(source, starter)


def own_work(code: str, starter: str, sources: Mapping[str, str], withheld: str = "") -> OwnWork:
    """Look at the code of one submission.

    Args:
        code: the code cells that the student may write and the code beside the notebook, joined.
        starter: the code of the release, left out of the comparison.
        sources: code to compare with, by the name an instructor knows it by.
        withheld: the sub-package of igref that the student was asked to write.
    """
    unwritten = tuple(name for name in runs_unwritten_code(code) if name not in runs_unwritten_code(starter))
    code = "\n".join([code, *written_in_strings(code)])[:MAX_CODE]
    return OwnWork(
        tuple(name for name in foreign_imports(code, withheld) if name not in foreign_imports(starter, withheld)),
        {name: round(share, 3) for name, share in _shares(code, sources, starter).items()},
        unwritten,
    )


def small_enough(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files that `code_beside` looks at."""
    return {name: content for name, content in files.items() if len(content) <= MAX_CODE}


def code_beside(files: Mapping[str, bytes]) -> str:
    """The code of files that were handed in beside a notebook, whatever they are called; those that say they are code first."""
    found, looked_at = [], 0
    for name, content in sorted(files.items(), key=lambda item: (not item[0].endswith((".py", ".ipynb")), item[0])):
        looked_at += min(len(content), MAX_CODE)
        if len(content) > MAX_CODE or looked_at > MAX_BESIDE:
            continue
        try:
            text = content.decode()
            found.append(notebook_code(json.loads(text)["cells"]) if name.endswith(".ipynb") else text)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
    return "\n".join(text for text in found if _defines(text))


def written_in_strings(code: str) -> list[str]:
    """The code that stands in long strings of other code: as it is, or in base64, base85 or hexadecimal, compressed or not."""
    found = []
    for part in _parsable(code):
        for node in ast.walk(part):
            if (
                isinstance(node, ast.Constant)
                and isinstance(node.value, (str, bytes))
                and len(node.value) >= LONG_STRING
            ):
                text = node.value.encode(errors="replace") if isinstance(node.value, str) else node.value
                found += [one for one in _decoded(text) if _defines(one)][:1]
    return found


def runs_unwritten_code(code: str) -> list[str]:
    """The names of calls that run what is worked out only when they run: exec of anything but a string, or loading of byte code."""
    found = []
    for part in _parsable(code):
        for node in ast.walk(part):
            if not isinstance(node, ast.Call) or not node.args or isinstance(node.args[0], ast.Constant):
                continue
            if (name := ast.unparse(node.func)) in RUNS_CODE:
                found.append(name)
    return list(dict.fromkeys(found))


def _decoded(text: bytes) -> list[str]:
    """What bytes may stand for, as text."""
    plain = [text]
    for decode in (base64.b64decode, base64.b85decode, binascii.unhexlify):
        with contextlib.suppress(ValueError):
            plain.append(decode(b"".join(text.split())))
    unpacked = list(plain)
    for content in plain:
        for unpack in (zlib.decompressobj, bz2.BZ2Decompressor, lzma.LZMADecompressor):
            with contextlib.suppress(zlib.error, OSError, lzma.LZMAError, EOFError):
                unpacked.append(unpack().decompress(content, MAX_CODE))
    return [content.decode(errors="replace") for content in unpacked]


def _defines(text: str) -> bool:
    """Whether a text is code that defines or imports something."""
    kinds = (ast.FunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Lambda)
    return any(isinstance(node, kinds) for part in _parsable(text[:MAX_CODE]) for node in ast.walk(part))


def foreign_imports(code: str, withheld: str = "") -> list[str]:
    """Attribution libraries and what is withheld of igref that the code imports, however the import is written."""
    found = []
    for name in _imported(code):
        top, _, rest = name.partition(".")
        if top in ATTRIBUTION_LIBRARIES or (top == "igref" and rest and rest.split(".")[0] == withheld):
            found.append(name)
    return list(dict.fromkeys(found))


def share_of(code: str, source: str, starter: str = "") -> float:
    """The share of `code`, 0 to 1, that is also in `source`; 0 where there is too little code to tell."""
    return _shares(code, {"": source}, starter)[""]


def _shares(code: str, sources: Mapping[str, str], starter: str) -> dict[str, float]:
    """`share_of` for each source, by its name."""
    from copydetect import compare_files

    student = _fingerprint(code, _hashes(starter))
    if student.token_coverage < LEAST_CODE:
        return dict.fromkeys(sources, 0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        overlaps = {name: compare_files(student, _known(source, starter))[0] for name, source in sources.items()}
    return {name: float(min(1.0, overlap / student.token_coverage)) for name, overlap in overlaps.items()}


@cache
def known_sources() -> dict[str, str]:
    """The minimal example of the lecture, the solutions and the reference package, as far as they are here."""
    sources = {}
    for path in sorted((KIT / "lecture").glob("minimal_example.ipynb")):
        sources["the lecture's minimal example"] = notebook_code(json.loads(path.read_text())["cells"])
    for path in sorted((KIT / "solutions").glob("*/*.ipynb")):
        sources[f"the solution of {path.stem}"] = notebook_code(json.loads(path.read_text())["cells"])
    modules = (
        "attribution/core",
        "baselines/named",
        "steps/sweep",
        "quality/curves",
        "quality/masking",
        "quality/imputation",
    )
    paths = [KIT / "igref" / f"{module}.py" for module in modules]
    sources["the reference package"] = "\n".join(path.read_text() for path in paths if path.is_file())
    return sources


@cache
def starter_code(assignment: str) -> str:
    """The code of an assignment's release; empty where it has not been made."""
    path = KIT / "assignments" / assignment / f"{assignment}.ipynb"
    return notebook_code(json.loads(path.read_text())["cells"]) if path.is_file() else ""


def notebook_code(cells: Iterable[Mapping[str, Any]]) -> str:
    """The code cells of a notebook, joined."""
    sources = [cell.get("source", "") for cell in cells if cell.get("cell_type") == "code"]
    return "\n".join("".join(source) for source in sources)


def _imported(code: str) -> list[str]:
    names = []
    for part in _parsable(code):
        for node in ast.walk(part):
            if isinstance(node, ast.Import):
                names += [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names += [f"{node.module}.{alias.name}" for alias in node.names]
            elif isinstance(node, ast.Call) and _is_import_call(node):
                names.append(ast.literal_eval(node.args[0]))
    return names


def _is_import_call(node: ast.Call) -> bool:
    function = node.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    first = node.args[0] if node.args else None
    return name in ("import_module", "__import__") and isinstance(first, ast.Constant) and isinstance(first.value, str)


def _parsable(code: str) -> list[ast.AST]:
    """The code as a tree; line by line where it is not Python as a whole, as with a notebook's magic commands."""
    try:
        return [ast.parse(code)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        parts = []
        for line in code.splitlines():
            try:
                parts.append(ast.parse(line.strip()))
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
        return parts


def _fingerprint(code: str, boilerplate: np.ndarray):
    from copydetect import CodeFingerprint

    return CodeFingerprint("cells.py", NOISE_THRESHOLD, EVERY_FINGERPRINT, boilerplate, fp=io.StringIO(code))


@lru_cache(maxsize=64)
def _known(source: str, starter: str):
    """The fingerprint of what every student's code is compared with: one for all of a run."""
    return _fingerprint(source, _hashes(starter))


@lru_cache(maxsize=8)
def _hashes(code: str) -> np.ndarray:
    from copydetect import CodeFingerprint

    if not code.strip():
        return np.array([], dtype=np.int64)
    return np.unique(list(CodeFingerprint("cells.py", NOISE_THRESHOLD, EVERY_FINGERPRINT, fp=io.StringIO(code)).hashes))
