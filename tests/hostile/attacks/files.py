"""The notebook's file, its metadata, and what lies beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from autograder.course.demo import INTEGRATED
from tests.autograder.hostile import NOTEBOOK, UNDONE, grade_id
from tests.hostile.attacks.attack import FULL, Attack


def _notebook_as(how: Callable[[Path], None]) -> Callable[[Path], None]:
    def changed(folder: Path) -> None:
        how(folder / NOTEBOOK)

    return changed


def _as_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere.txt"))
    path.symlink_to("/etc/passwd")


def _as_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _many_files(folder: Path) -> None:
    (folder / "many").mkdir()
    for k in range(30_000):
        (folder / "many" / str(k)).touch()


def _long_names(folder: Path) -> None:
    """A path as long as the system takes from here, which is too long one folder further on."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(14):
        os.mkdir("n" * 240, dir_fd=here)
        deeper = os.open("n" * 240, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = deeper
    os.close(os.open("f" * 240, os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


def _markup_in_names(folder: Path) -> None:
    for name in (
        "<img src=x onerror=hostile()>.txt",
        "{{ hostile }}.md",
        "`x`](javascript:hostile()).ipynb",
        "-rf",
        "%s%n",
    ):
        (folder / name).write_text("{}")


def _points_of_its_own(notebook: dict[str, Any]) -> None:
    nbgrader = {"grade": True, "solution": False, "locked": False, "points": 100, "schema_version": 3, "task": False}
    cell = {
        "cell_type": "code",
        "metadata": {"nbgrader": nbgrader | {"grade_id": "mine"}},
        "source": "pass",
        "outputs": [],
    }
    notebook["cells"].append(cell | {"execution_count": None, "id": "mine"})


def _tests_removed(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        if grade_id(cell) == "ps1-integrated-gradients":
            cell["source"] = "8.0"


def _tests_are_text(notebook: dict[str, Any]) -> None:
    for cell in notebook["cells"]:
        if grade_id(cell) == "ps1-integrated-gradients":
            cell.pop("outputs", None)
            cell["cell_type"] = "markdown"


def _deep_metadata(folder: Path) -> None:
    """As text, since Python's own writer ends at half of that."""
    path = folder / NOTEBOOK
    notebook = json.loads(path.read_text())
    notebook["metadata"]["deep"] = notebook["cells"][0]["metadata"]["nbgrader"] = notebook["cells"][-1]["outputs"] = (
        "deep"
    )
    path.write_text(json.dumps(notebook).replace('"deep"', "[" * 900 + "]" * 900, 2).replace('"deep"}', "[]}"))


FILES = (
    *(
        Attack(f"notebook-{name}", "files and names", tries, UNDONE, files=_notebook_as(how), gradient_points=0)
        for name, tries, how in (
            ("link", "its notebook is a link to a file of the system's", _as_link),
            ("pipe", "its notebook is a pipe, which blocks whoever reads", _as_pipe),
            ("folder", "its notebook is a folder", _as_folder),
        )
    ),
    Attack("many-files", "files and names", "30,000 files beside the notebook", UNDONE, files=_many_files, gradient_points=0),
    Attack("long-names", "files and names", "a path of 3,600 characters", INTEGRATED, files=_long_names, deserved=FULL),
    Attack("markup-names", "files and names", "file names that are markup, or options", INTEGRATED, files=_markup_in_names,
           deserved=FULL),
    Attack("points-of-its-own", "the notebook's own data", "a graded cell of its own, worth 100", UNDONE, edit=_points_of_its_own),
    Attack("tests-removed", "the notebook's own data", "replaces the test's cell by its points", UNDONE, edit=_tests_removed),
    Attack("tests-are-text", "the notebook's own data", "makes the test's cell a text", UNDONE, edit=_tests_are_text),
    Attack("deep-metadata", "the notebook's own data", "metadata nested 900 deep", INTEGRATED, files=_deep_metadata, deserved=FULL),
)  # fmt: skip
