"""An archive of torch.export, read before torch reads it: it may hold code, and loading it would run that.

`torch.export.load` unpickles what an archive says is pickled, evaluates its expressions, and takes names out of it into Python that
it compiles. So an archive is written anew from the parts that hold numbers, names and operators, each looked at; anything else
is refused. Runs in the model's sandbox and imports nothing of this package, which that hides.
"""

from __future__ import annotations

import json
import math
import re
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

MAX_MEMBERS = 20_000
MAX_JSON_BYTES = 64 * 2**20
LOADS_ONLY_NUMBERS = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
"""The environment's variable that makes torch.load read tensors alone, even where its caller asks for whole pickles."""

_NAME = re.compile(r"[\w.+-]{0,500}", re.ASCII)
_OPERATOR = re.compile(
    r"torch\.ops\.aten\.(?!from_file)\w+\.\w+|torch\.ops\.torchvision\.\w+\.\w+|torch\.sym_\w+|math\.(?:ceil|floor|trunc)"
    r"|torch\.ops\.higher_order\.(?:cond|wrap_with_set_grad_enabled|wrap_with_autocast)|torch\._check"
    r"|_operator\.(?:getitem|add|sub|mul|truediv|floordiv|mod|pow|neg|eq|ne|lt|le|gt|ge|and_|or_|not_)",
    re.ASCII,
)
"""What a node of the graph may call; nothing else that torch, math or operator has."""
_EXPRESSION = re.compile(r"(?:(?!__)\w|'\w+'|'?\d+\.\d*'?|[ +*/(),<>=&|~-]){0,2000}", re.ASCII)
"""An expression about sizes, which sympy evaluates: no attribute, no text but a word, no name that Python keeps for itself."""
_CALLED = re.compile(r"\w+(?=\s*\()", re.ASCII)
_FUNCTIONS = {
    *("Symbol", "Integer", "Rational", "Float", "Add", "Mul", "Pow", "Mod", "Max", "Min", "And", "Or", "Not", "Piecewise"),
    *("Eq", "Ne", "Lt", "Le", "Gt", "Ge", "Equality", "Unequality", "LessThan", "StrictLessThan", "GreaterThan"),
    *("StrictGreaterThan", "floor", "ceiling", "FloorDiv", "ModularIndexing", "Where", "PythonMod", "CleanDiv", "CeilDiv"),
    *("CeilToInt", "FloorToInt", "TruncToInt", "TruncToFloat", "RoundToInt", "RoundDecimal", "ToFloat", "FloatPow", "PowByNatural"),
    *("FloatTrueDiv", "IntTrueDiv", "Identity"),
}  # fmt: skip
"""Of sympy and torch, what makes an expression about sizes."""
_FREE_TEXTS = ("as_string", "as_strings")
_UNUSED = {"metadata": dict, "guards_code": list}
"""What only messages and checks of shapes need: left out, whatever it says."""
_EXECUTABLE = ("aotinductor", "executorch")


class UnsafeArchiveError(Exception):
    """The archive is damaged or holds more than a model's graph and numbers; the message says what."""


def write_checked(given: Path, written: Path) -> None:
    """Write the archive anew, with its numbers and its graph alone.

    Raises:
        UnsafeArchiveError: it holds something else, or is no zip file.
    """
    try:
        with zipfile.ZipFile(given) as archive, zipfile.ZipFile(written, "w") as checked:
            members = archive.infolist()
            _check_members(members, given.stat().st_size)
            sizes = {member.filename: member.file_size for member in members}
            for member in members:
                content = archive.read(member)
                if member.filename.endswith(".json") and not content.startswith(b"PK"):  # torch 2.7 named its arrays so
                    content = _checked_json(member.filename, content, sizes)
                checked.writestr(member.filename, content)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, ValueError, RecursionError, RuntimeError) as error:
        raise UnsafeArchiveError(f"it is damaged: {' '.join(str(error).split())[:200]}") from None


def _check_members(members: list[zipfile.ZipInfo], size: int) -> None:
    if len(members) > MAX_MEMBERS:
        raise UnsafeArchiveError(f"it has {len(members):,} parts, expected at most {MAX_MEMBERS:,}")
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise UnsafeArchiveError("its parts are compressed; torch.export.save stores them as they are")
    if sum(member.file_size for member in members) > size:
        raise UnsafeArchiveError("its parts are larger than the file")
    names = [member.filename for member in members]
    if len({name.casefold() for name in names}) < len(names):
        raise UnsafeArchiveError("two of its parts have the same name")
    for name in names:
        parts = PurePosixPath(name).parts
        if name.startswith("/") or "\\" in name or ".." in parts:
            raise UnsafeArchiveError(f"a part of it has a path that leads out of it: {name[:80]!r}")
        if any(part in _EXECUTABLE for part in parts):
            raise UnsafeArchiveError("it holds compiled code; hand in what torch.export.save writes")


def _checked_json(name: str, content: bytes, sizes: dict[str, int]) -> bytes:
    if len(content) > MAX_JSON_BYTES:
        raise UnsafeArchiveError(f"its graph has {len(content):,} bytes, expected at most {MAX_JSON_BYTES:,}")
    parsed = json.loads(content)
    if name.endswith("_config.json"):
        _check_numbers(parsed, str(PurePosixPath(name).parent), sizes)
    return json.dumps(_checked(parsed, "")).encode()


def _check_numbers(config: Any, folder: str, sizes: dict[str, int]) -> None:
    """Weights and constants: plain numbers, as many as there are bytes for."""
    entries = config.get("config") if isinstance(config, dict) else None
    for one in entries.values() if isinstance(entries, dict) else ():
        path = str(one.get("path_name")) if isinstance(one, dict) else ""
        if not path or one.get("use_pickle") or path.startswith(("custom_obj", "opaque_obj")):
            raise UnsafeArchiveError("some of its numbers are pickled; expected plain tensors")
        described = one.get("tensor_meta") or {}
        shape = [size.get("as_int") for size in described.get("sizes", [])]
        if not all(type(size) is int and size >= 0 for size in shape):
            raise UnsafeArchiveError("the shape of a tensor is not made of numbers")
        held = sizes.get(f"{folder}/{path}", 0)
        if math.prod(shape) > held:
            raise UnsafeArchiveError(f"a tensor of {math.prod(shape):,} numbers has {held:,} bytes")


def _checked(value: Any, key: str) -> Any:
    """The same value, in which every text is looked at; `key` says what it is."""
    if isinstance(value, dict):
        for name in value:
            _check_text(name, "")
        return {name: _UNUSED[name]() if name in _UNUSED else _checked(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_checked(one, key) for one in value]
    if isinstance(value, str) and key not in _FREE_TEXTS:
        _check_text(value, key)
    return value


def _check_text(text: str, key: str) -> None:
    if key in ("target", "as_operator"):
        if not _OPERATOR.fullmatch(text):
            raise UnsafeArchiveError(f"it uses the operator {text[:80]!r}, which is not one of torch's own on tensors")
    elif key in ("in_spec", "out_spec"):
        if "__enum__" in text:
            raise UnsafeArchiveError("its inputs are described by a class of its own; expected tensors")
    elif key == "expr_str":
        if not _EXPRESSION.fullmatch(text) or not set(_CALLED.findall(text)) <= _FUNCTIONS:
            raise UnsafeArchiveError(f"it holds an expression that is not about sizes: {text[:80]!r}")
    elif not _NAME.fullmatch(text):
        raise UnsafeArchiveError(f"it holds a name that is none: {text[:80]!r}")
