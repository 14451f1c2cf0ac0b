"""The lecture is executed and built once for all of these tests, but for what `make lecture` has kept of the same sources."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from filelock import FileLock
from nbformat import NotebookNode

from lecture.build import LECTURE, execute_all, kept_notebooks, notebooks, write_pages


@dataclass(frozen=True)
class BuiltLecture:
    """Notebook file to executed notebook, and the folder with the pages made of them."""

    executed: dict[Path, NotebookNode]
    folder: Path


@pytest.fixture(scope="session")
def built_lecture(tmp_path_factory) -> BuiltLecture:
    """In a run of several processes the first builds, and each has a copy of its own."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with FileLock(shared / "lecture.lock"):
        if not (made := shared / "lecture").exists():
            _build(shared / "lecture.part")
            (shared / "lecture.part").rename(made)
    pages = shutil.copytree(made / "pages", own / "lecture-pages")
    executed = {
        path: nbformat.read(made / "executed" / path.relative_to(LECTURE), as_version=4) for path in notebooks()
    }
    return BuiltLecture(executed, pages)


def _build(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # what a build that failed has left
    kept = kept_notebooks()
    executed = kept | execute_all([path for path in notebooks() if path not in kept], say=lambda line: None)
    for path, notebook in executed.items():
        file = folder / "executed" / path.relative_to(LECTURE)
        file.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, file)
    write_pages(executed, folder / "pages", say=lambda line: None)
