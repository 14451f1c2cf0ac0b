"""A submission as bytes: what travels to the machine that runs it, and the digest that tells whether it is still the same."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePath

from autograder.nbgrader_plugin.submitted_notebook import files_of


@dataclass(frozen=True)
class HandedIn:
    """The plain files of a submission, by their path within its folder."""

    files: dict[str, bytes]

    @property
    def digest(self) -> str:
        """What `digest_of` says of a folder with these files."""
        return _digest({name: hashlib.sha256(content).hexdigest() for name, content in self.files.items()})

    def write(self, folder: Path, given: Iterable[str] = ()) -> None:
        """Write the files, but for what stands in the way of those that are `given`."""
        given = tuple(given)
        for name, content in self.files.items():
            if in_the_way(name, given):
                continue
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def in_the_way(name: str, given: Iterable[str]) -> bool:
    """Whether a file lies where a folder has to be for one of the given files, or in a folder of the name of one.

    >>> given = ["photos/cat.png"]
    >>> in_the_way("photos", given), in_the_way("photos/cat.png/x", given), in_the_way("photos/mine.png", given)
    (True, True, False)
    """
    path = PurePath(name)
    return any(path in PurePath(one).parents or PurePath(one) in path.parents for one in given)


def read(folder: Path, ignored: Iterable[str] = ()) -> HandedIn:
    """Read the plain files of a submission's folder, but for those of which a part of the path matches an ignored pattern."""
    return HandedIn({name: path.read_bytes() for name, path in _plain_files(folder, ignored).items()})


def digest_of(folder: Path, ignored: Iterable[str] = ()) -> str:
    """A checksum over the names and contents of the files that `read` reads, without holding them in memory."""
    digests = {}
    for name, path in _plain_files(folder, ignored).items():
        with path.open("rb") as file:
            digests[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return _digest(digests)


def _plain_files(folder: Path, ignored: Iterable[str]) -> dict[str, Path]:
    patterns = tuple(ignored)
    return {
        str(relative): path
        for path in files_of(folder).plain
        for relative in [path.relative_to(folder)]
        if not any(fnmatch(part, pattern) for part in relative.parts for pattern in patterns)
    }


def _digest(digests: dict[str, str]) -> str:
    lines = (f"{digest} {name}\0" for name, digest in sorted(digests.items()))
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
