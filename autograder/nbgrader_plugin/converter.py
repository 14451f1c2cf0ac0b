"""nbgrader's converter, for submissions that may be damaged, incomplete or hostile."""

from __future__ import annotations

import glob
import shutil
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_notebook
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters.autograde import Autograde
from nbgrader.converters.base import BaseConverter, NbGraderException
from nbgrader.utils import parse_utc
from sqlalchemy.exc import OperationalError

from autograder.nbgrader_plugin.graded_run import PROBLEM
from autograder.nbgrader_plugin.stray_work import OTHERS, documents, named, other_work, own_texts, send_a_person
from autograder.nbgrader_plugin.submitted_notebook import (
    MasterCell,
    SubmissionError,
    files_of,
    problem_with,
    read_notebook,
    restore,
)
from autograder.sandbox.bubblewrap import SandboxUnavailableError, check_sandbox, warning_of_root


class CourseExporter(NotebookExporter):
    """Reads a submitted notebook without trusting it. One that cannot be read becomes an empty one, with a note."""

    def from_filename(self, filename: str, resources: dict[str, Any] | None = None, **kwargs: Any):
        if not self.parent.is_reading_submission:
            return super().from_filename(filename, resources, **kwargs)
        path = Path(filename)
        resources["metadata"] = ResourcesDict(name=path.stem, path=str(path.parent))
        notebook = new_notebook()
        if problem := resources.get(PROBLEM):
            notebook.cells = [new_markdown_cell(f"**This submission could not be read.** {problem}")]
        else:
            notebook = read_notebook(path)
        master = self.parent.master_cells(resources["nbgrader"])
        notebook = restore(notebook, master)
        self._look_elsewhere(notebook, master, resources)
        return self.from_notebook_node(notebook, resources, **kwargs)

    def _look_elsewhere(self, notebook: NotebookNode, master: list[MasterCell], resources: dict[str, Any]) -> None:
        """Name other work, and send a person where an untouched written answer may stand elsewhere."""
        names = resources["nbgrader"]
        folder = Path(names["submission"])
        plain = files_of(folder).plain if folder.is_dir() else []
        others = other_work(plain, folder, f"{names['notebook']}.ipynb")
        texts = own_texts(notebook, [*(cell.source for cell in master), *self.parent.released_texts(names)])
        found = {
            "the submission could not be read": bool(resources.get(PROBLEM)) and bool(plain),
            f"it also holds {named(others)}": bool(others),
            f"it also holds {named(documents(plain, folder))}": bool(documents(plain, folder)),
            "there is text in other cells": bool(texts),
        }
        if why := [words for words, holds in found.items() if holds]:
            written = {cell.grade_id: cell.source for cell in master if cell.grade and cell.solution}
            send_a_person(notebook, written, "; ".join(why))
        if others:
            notebook.cells.insert(0, new_markdown_cell(OTHERS.format(names=named(others))))


class PlainFilesOnly(BaseConverter):
    """The part of nbgrader's converter that copies what lies beside a notebook, for folders not to be trusted."""

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        source = Path(self._format_source(assignment_id, student_id))
        destination = Path(self._format_dest(assignment_id, student_id))
        files = files_of(source)
        bad = {path.name for path in _unreadable_timestamp(source)}
        for path in files.left_out:
            self.log.warning("Leaving out %r: not a plain readable file", str(path))
        for path in () if files.problem else files.plain:
            relative = path.relative_to(source)
            ignored = any(fnmatch(part, pattern) for part in relative.parts for pattern in self.coursedir.ignore)
            if path.suffix != ".ipynb" and not ignored and str(relative) not in bad:
                target = destination / relative
                target.parent.mkdir(parents=True, exist_ok=True)
                target.unlink(missing_ok=True)
                shutil.copy(path, target, follow_symlinks=False)


class CourseAutograde(Autograde, PlainFilesOnly):
    """nbgrader's converter, for submissions that may be damaged, incomplete or hostile."""

    exporter_class = CourseExporter
    _failure = ""

    def start(self) -> None:
        if self.config.Execute.get("enabled") is False:
            self._refuse("--no-execute is not possible: outputs that a student stored prove nothing.")
        if not self.config.SandboxedExecute.get("run_student_code_unprotected", False):
            try:
                check_sandbox()
            except SandboxUnavailableError as error:
                self._refuse(str(error))
            if warning := warning_of_root():
                self.log.warning(warning)
        read_timestamp = self.coursedir.get_existing_timestamp
        self.coursedir.get_existing_timestamp = lambda folder: (
            None if _unreadable_timestamp(Path(folder)) else read_timestamp(folder)
        )
        super().start()

    def init_notebooks(self) -> None:
        """Find the notebooks, and also the submissions that lack theirs: they get a record as well."""
        try:
            super().init_notebooks()
        except NbGraderException:
            if not self._expect_notebooks():
                raise
        else:
            self._expect_notebooks()

    def init_single_notebook_resources(self, notebook_filename: str) -> dict[str, Any]:
        resources = super().init_single_notebook_resources(notebook_filename)
        submitted = self.coursedir.format_path(
            self.coursedir.submitted_directory,
            resources["nbgrader"]["student"],
            resources["nbgrader"]["assignment"],
        )
        resources["nbgrader"]["submission"] = submitted
        resources[PROBLEM] = self._failure or problem_with(
            Path(submitted), f"{resources['nbgrader']['notebook']}.ipynb"
        )
        return resources

    def convert_single_notebook(self, notebook_filename: str) -> None:
        """Grade a notebook; where that fails on what was handed in, record it as one that could not be graded."""
        self._failure = ""
        try:
            super().convert_single_notebook(notebook_filename)
        except (NbGraderException, SandboxUnavailableError, OperationalError):
            raise  # the machine's fault or the course's: nobody gets a grade for it
        except Exception as error:
            self.log.exception("Grading %r failed", notebook_filename)
            self._failure = f"Grading it failed ({type(error).__name__}); please tell your instructor."
            super().convert_single_notebook(notebook_filename)

    @property
    def is_reading_submission(self) -> bool:
        return self._sanitizing

    def master_cells(self, names: dict[str, str]) -> list[MasterCell]:
        """The cells of a notebook as they were released, from the gradebook."""
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            notebook = gradebook.find_notebook(names["notebook"], names["assignment"])
            points = {cell.name: cell.max_score for cell in notebook.grade_cells}
            solutions = {cell.name for cell in notebook.solution_cells}
            return [
                MasterCell(
                    grade_id=cell.name,
                    cell_type=cell.cell_type,
                    source=cell.source,
                    checksum=cell.checksum,
                    locked=cell.locked,
                    grade=cell.name in points,
                    solution=cell.name in solutions,
                    points=points.get(cell.name, 0.0),
                )
                for cell in sorted(notebook.source_cells, key=lambda cell: cell.name)
            ]

    def released_texts(self, names: dict[str, str]) -> list[str]:
        """The texts of a notebook as it was handed out; none where the release is not here."""
        folder = self.coursedir.format_path(self.coursedir.release_directory, ".", names["assignment"])
        try:
            cells = read_notebook(Path(folder) / f"{names['notebook']}.ipynb").cells
        except SubmissionError:
            return []
        return [cell.source for cell in cells if cell.cell_type != "code"]

    def _expect_notebooks(self) -> bool:
        """Give each submission the notebooks it should have, there or not, and no others; whether there are any."""
        assignment_id = self.coursedir.assignment_id
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            try:
                expected = [notebook.name for notebook in gradebook.find_assignment(assignment_id).notebooks]
            except MissingEntry:
                return bool(self.assignments)
        submissions = glob.glob(self._format_source(assignment_id, self.coursedir.student_id))  # noqa: PTH207
        for folder in map(Path, submissions):
            if not folder.is_dir():
                continue
            wanted = [name for name in expected if self.coursedir.notebook_id in ("*", name)]
            self.assignments[str(folder)] = [str(folder / f"{name}.ipynb") for name in wanted]
        return bool(self.assignments)

    def _refuse(self, message: str) -> None:
        self.log.error(message)
        raise NbGraderException(message)


def _unreadable_timestamp(folder: Path) -> list[Path]:
    """The folder's timestamp.txt where nbgrader would stop at it."""
    path = folder / "timestamp.txt"
    try:
        parse_utc(path.read_text().strip() or None)
    except FileNotFoundError:
        return []
    except Exception:  # dateutil raises many kinds for what is no date
        return [path]
    return []
