"""The lecture is executed and built once for all of these tests, but for what `make lecture` has kept of the same sources."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from nbformat import NotebookNode

from lecture.build import execute_all, kept_notebooks, notebooks, write_pages


@dataclass(frozen=True)
class BuiltLecture:
    """Notebook file to executed notebook, and the folder with the pages made of them."""

    executed: dict[Path, NotebookNode]
    folder: Path


@pytest.fixture(scope="session")
def built_lecture(tmp_path_factory) -> BuiltLecture:
    kept = kept_notebooks()
    executed = kept | execute_all([path for path in notebooks() if path not in kept], say=lambda line: None)
    folder = tmp_path_factory.mktemp("lecture") / "built"
    write_pages(executed, folder, say=lambda line: None)
    return BuiltLecture(executed, folder)
