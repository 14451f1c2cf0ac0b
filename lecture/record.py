"""Which parts of the lecture are still what their sources make: only the others are made again.

Of each part a record keeps a digest of what it was made from, and of each file that it wrote. Where a source has changed, or a
file was deleted or damaged, the part is made again.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.metadata import distributions
from pathlib import Path

LEFT_OUT = {"__pycache__", "node_modules", ".ipynb_checkpoints"}


@dataclass(frozen=True)
class BuiltPart:
    """Something that is made as a whole.

    Attributes:
        name: how the record calls it.
        sources: files, and folders with all in them, that it is made from.
        files: what it writes.
    """

    name: str
    sources: tuple[Path, ...]
    files: tuple[Path, ...]


class Record:
    """What was made from what, in a file that is written after each part: a build that was stopped goes on where it was."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._sources: dict[str, str] = {}
        try:
            self._made = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._made = {}

    def holds(self, part: BuiltPart) -> bool:
        """Whether the part's files are those that its sources make. Ask before it is made: an edit meanwhile counts as later."""
        self._sources[part.name] = _digest([*_files(part.sources)], also=_installed())
        now = self._state(part)
        return all(now["files"].values()) and self._made.get(part.name) == now

    def keep(self, part: BuiltPart) -> None:
        """The part has been made, from what its sources were when `holds` was asked."""
        self._made[part.name] = self._state(part)
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._file.write_text(json.dumps(self._made, indent=1), encoding="utf-8")

    def _state(self, part: BuiltPart) -> dict:
        files = {path.name: _digest([path]) if path.is_file() else None for path in part.files}
        return {"sources": self._sources[part.name], "files": files}


def _files(sources: Iterable[Path]) -> list[Path]:
    return sorted(
        path
        for source in sources
        for path in (source.rglob("*") if source.is_dir() else [source])
        if path.is_file() and LEFT_OUT.isdisjoint(path.parts)
    )


def _digest(files: Iterable[Path], also: str = "") -> str:
    found = sha256(also.encode())
    for path in files:
        found.update(f"{path.name} {path.stat().st_size}\n".encode())
        found.update(path.read_bytes())
    return found.hexdigest()


@cache
def _installed() -> str:
    """Every package with its version: a figure can change with any of them."""
    return " ".join(sorted(f"{found.name}=={found.version}" for found in distributions()))
