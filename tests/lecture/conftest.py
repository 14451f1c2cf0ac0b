"""The lecture is executed and built once for all of these tests."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from nbformat import NotebookNode

from lecture.build import execute_all, notebooks, write_pages


@dataclass(frozen=True)
class BuiltLecture:
    """Notebook file to executed notebook, and the folder with the pages made of them."""

    executed: dict[Path, NotebookNode]
    folder: Path


@pytest.fixture(scope="session")
def built_lecture(tmp_path_factory) -> BuiltLecture:
    executed = execute_all(notebooks(), say=lambda line: None)
    folder = tmp_path_factory.mktemp("lecture") / "built"
    write_pages(executed, folder, say=lambda line: None)
    return BuiltLecture(executed, folder)
