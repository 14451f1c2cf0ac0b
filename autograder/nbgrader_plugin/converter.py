"""nbgrader's converter, for submissions that may be damaged, incomplete or hostile."""

from __future__ import annotations

import glob
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbconvert.exporters.exporter import ResourcesDict
from nbconvert.writers import FilesWriter
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.converters.autograde import Autograde
from nbgrader.converters.base import BaseConverter, NbGraderException
from sqlalchemy.exc import OperationalError
from traitlets import Float

from autograder.nbgrader_plugin.graded_run import GIVEN, PLACE, PROBLEM, RUN, GivenRun, Place
from autograder.nbgrader_plugin.handed_in import digest_of, in_the_way
from autograder.nbgrader_plugin.judging import RECORD, record_of
from autograder.nbgrader_plugin.kept_evidence import KEPT, digest, pack
from autograder.nbgrader_plugin.reading import Reading, failure, read
from autograder.nbgrader_plugin.submitted_notebook import MasterCell, SubmissionError, files_of, read_notebook
from autograder.nbgrader_plugin.timestamps import TIMESTAMP, handed_in_at, no_date_in
from autograder.problem_sets.checking import Run
from autograder.sandbox.bubblewrap import SandboxUnavailableError, check_sandbox
from autograder.sandbox.other_user import warning_of_root


class CourseExporter(NotebookExporter):
    """Takes a submitted notebook as it has been read without trusting it."""

    def from_filename(self, filename: str, resources: dict[str, Any] | None = None, **kwargs: Any):
        if not self.parent.is_reading_submission:
            return super().from_filename(filename, resources, **kwargs)
        path = Path(filename)
        resources["metadata"] = ResourcesDict(name=path.stem, path=str(path.parent))
        return self.from_notebook_node(self.parent.at_hand.notebook, resources, **kwargs)


class PlainFilesOnly(BaseConverter):
    """The part of nbgrader's converter that copies what lies beside a notebook, for folders not to be trusted."""

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        source = Path(self._format_source(assignment_id, student_id))
        destination = Path(self._format_dest(assignment_id, student_id))
        destination.mkdir(
            parents=True, exist_ok=True
        )  # nbconvert's writer makes it only where the last one was another
        files = files_of(source)
        bad = {TIMESTAMP} if no_date_in(source) else set()
        given = self._given_names(assignment_id)
        for path in files.left_out:
            self.log.warning("Leaving out %r: not a plain readable file", str(path))
        for path in () if files.problem else files.plain:
            relative = path.relative_to(source)
            ignored = any(fnmatch(part, pattern) for part in relative.parts for pattern in self.coursedir.ignore)
            if ignored or path.suffix == ".ipynb" or str(relative) in {*bad, RECORD, KEPT}:
                continue
            if not in_the_way(str(relative), given):
                target = destination / relative
                target.parent.mkdir(parents=True, exist_ok=True)
                target.unlink(missing_ok=True)
                shutil.copy(path, target, follow_symlinks=False)

    def _given_names(self, assignment_id: str) -> list[str]:
        """The files that the course puts beside a notebook and writes in its place, by their paths."""
        source = Path(self.coursedir.format_path(self.coursedir.source_directory, ".", assignment_id))
        beside = [str(path.relative_to(source)) for path in files_of(source).plain] if source.is_dir() else []
        notebooks = [Path(one).name for one in self.notebooks]
        return [*beside, *notebooks, RECORD, KEPT, partial_name(RECORD), partial_name(KEPT)]


class CourseAutograde(Autograde, PlainFilesOnly):
    """nbgrader's converter, for submissions that may be damaged, incomplete or hostile."""

    exporter_class = CourseExporter
    evidence_gib = Float(
        20.0, help="GiB that the kept evidence of a course may take; when they are used up, no more is kept."
    ).tag(config=True)
    at_hand: Reading
    """The notebook that is being converted."""
    _failed = False
    _given: dict[str, GivenRun]
    _read: dict[str, Reading]
    _digest = ""
    _kept_bytes: int | None = None

    def start(self) -> None:
        self._given, self._read = {}, {}
        self.check_machine()
        super().start()

    def check_machine(self) -> None:
        """Refuse to grade where that could not be trusted.

        Raises:
            NbGraderException: there is no sandbox, or the configuration would grade what students stored.
        """
        if self.config.Execute.get("enabled") is False:
            self._refuse("--no-execute is not possible: outputs that a student stored prove nothing.")
        if not self.config.SandboxedExecute.get("run_student_code_unprotected", False):
            try:
                check_sandbox()
            except SandboxUnavailableError as error:
                self._refuse(str(error))
            if warning := warning_of_root():
                self.log.warning(warning)
        self.coursedir.get_existing_timestamp = lambda folder: handed_in_at(Path(folder))

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
        names = resources["nbgrader"]
        resources[PROBLEM] = self.at_hand.problem
        resources[PLACE] = Place(Path(self._format_dest(names["assignment"], names["student"])), self.hidden_folders())
        if not self._failed:
            resources[GIVEN] = self._given.get(names["notebook"])
        return resources

    def submitted_folder(self, assignment_id: str, student_id: str) -> Path:
        return Path(self.coursedir.format_path(self.coursedir.submitted_directory, student_id, assignment_id))

    def hidden_folders(self) -> tuple[Path, ...]:
        """What no sandbox may show, wherever it lies."""
        return (Path(self.coursedir.root), Path(self.config.Exchange.get("root", "/srv/nbgrader/exchange")))

    def convert_single_notebook(self, notebook_filename: str) -> None:
        """Grade a notebook; where that fails on what was handed in, record it as one that could not be graded."""
        names = super().init_single_notebook_resources(notebook_filename)["nbgrader"]
        of_the_submission = names["assignment"], names["student"], names["notebook"]
        self._failed, self.at_hand = False, self._read.get(names["notebook"]) or self.reading(*of_the_submission)
        try:
            super().convert_single_notebook(notebook_filename)
        except (NbGraderException, SandboxUnavailableError, OperationalError):
            raise  # the machine's fault or the course's: nobody gets a grade for it
        except Exception as error:
            self.log.exception("Grading %r failed", notebook_filename)
            self._failed, self.at_hand = True, self.reading(*of_the_submission, failure(error))
            super().convert_single_notebook(notebook_filename)

    @property
    def is_reading_submission(self) -> bool:
        return self._sanitizing

    def reading(self, assignment_id: str, student_id: str, notebook: str, problem: str = "") -> Reading:
        """A submitted notebook in the shape of the release; an empty one with a note where there is a problem with it."""
        master, released = self.release_of(assignment_id, notebook)
        return read(self.submitted_folder(assignment_id, student_id), notebook, master, released, problem)

    def release_of(self, assignment_id: str, notebook: str) -> tuple[list[MasterCell], list[str]]:
        """The cells and the texts of a notebook as they were handed out."""
        return self.master_cells(assignment_id, notebook), self.released_texts(assignment_id, notebook)

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        submitted = self.submitted_folder(assignment_id, student_id)
        self._digest = digest_of(submitted, self.coursedir.ignore)
        self._record: dict[str, Any] = {}
        super().init_assignment(assignment_id, student_id)

    def write_single_notebook(self, output: str, resources: ResourcesDict) -> None:
        super().write_single_notebook(output, resources)
        if not self._sanitizing:
            run: Run = resources[RUN]
            folder = Path(self.writer.build_directory)
            self._record = record_of(resources["nbgrader"], run) | {
                "submission": self._digest,
                "evidence": self._keep_evidence(folder / KEPT, run),
                "remarks": self.at_hand.remarks,
            }

    def set_permissions(self, assignment_id: str, student_id: str) -> None:
        """The record comes last, when notebook and gradebook are written: it vouches for the grade."""
        super().set_permissions(assignment_id, student_id)
        folder = Path(self._format_dest(assignment_id, student_id))
        write_whole(folder / RECORD, json.dumps(self._record, indent=1).encode(), int(str(self.permissions), 8))

    def _keep_evidence(self, path: Path, run: Run) -> dict[str, Any]:
        """Keep the evidence while there is room for it; what the record says about that."""
        content = pack(run)
        if self._kept_bytes is None:
            everywhere = self._format_dest("*", "*")
            self._kept_bytes = sum(Path(one).stat().st_size for one in glob.glob(f"{everywhere}/{KEPT}"))  # noqa: PTH207
        if self._kept_bytes + len(content) > self.evidence_gib * 2**30:
            return {"kept": False, "why": f"the evidence of the course would take more than {self.evidence_gib:g} GiB"}
        self._kept_bytes += len(content)
        write_whole(path, content)
        return {"kept": True, "sha256": digest(content), "bytes": len(content)}

    def master_cells(self, assignment: str, notebook: str) -> list[MasterCell]:
        """The cells of a notebook as they were released, from the gradebook."""
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            released = gradebook.find_notebook(notebook, assignment)
            points = {cell.name: cell.max_score for cell in released.grade_cells}
            solutions = {cell.name for cell in released.solution_cells}
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
                for cell in sorted(released.source_cells, key=lambda cell: cell.name)
            ]

    def released_texts(self, assignment: str, notebook: str) -> list[str]:
        """The texts of a notebook as it was handed out; none where the release is not here."""
        folder = self.coursedir.format_path(self.coursedir.release_directory, ".", assignment)
        try:
            cells = read_notebook(Path(folder) / f"{notebook}.ipynb").cells
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


class ClassAutograde(CourseAutograde):
    """The same converter, for runs that took place elsewhere: it writes them down one submission at a time.

    `open` before the first one.
    """

    def open(self, assignment_id: str) -> None:
        """Begin with an assignment.

        Raises:
            NbGraderException: grading here could not be trusted.
        """
        self.check_machine()
        self._released: dict[str, tuple[list[MasterCell], list[str]]] = {}
        self.coursedir.assignment_id = assignment_id
        self.force = True
        self.writer = FilesWriter(parent=self, config=self.config)
        self.exporter = self.exporter_class(parent=self, config=self.config)

    def release_of(self, assignment_id: str, notebook: str) -> tuple[list[MasterCell], list[str]]:
        """The same for all submissions of a run: it is read once."""
        if notebook not in self._released:
            self._released[notebook] = super().release_of(assignment_id, notebook)
        return self._released[notebook]

    def write(
        self, student_id: str, digest: str, runs: dict[str, GivenRun], readings: dict[str, Reading] | None = None
    ) -> None:
        """Write a submission's runs, by the names of its notebooks, into course and gradebook.

        `readings` are of the same submission, where it has been read already.

        Raises:
            SubmissionChangedError: what was run is not what is there now.
        """
        assignment_id = self.coursedir.assignment_id
        folder = self.submitted_folder(assignment_id, student_id)
        self.notebooks = [str(folder / f"{name}.ipynb") for name in sorted(runs)]
        self._given, self._read = runs, readings or {}
        settled = self._settled(student_id, digest)
        self.init_destination(assignment_id, student_id)
        self.run_pre_convert_hook()
        self.init_assignment(assignment_id, student_id)
        if self._digest != digest:
            raise SubmissionChangedError(f"the submission of {student_id} changed while it was graded")
        for notebook in self.notebooks:
            self.convert_single_notebook(notebook)
        self._settle(student_id, settled)
        self.set_permissions(assignment_id, student_id)
        self.run_post_convert_hook()

    def _settled(self, student_id: str, digest: str) -> dict[tuple[str, str], float | None]:
        """The grades that a person has given to this very submission, and the automatic points that they saw."""
        record = Path(self._format_dest(self.coursedir.assignment_id, student_id)) / RECORD
        try:
            if json.loads(record.read_bytes())["submission"] != digest:
                return {}
            with self._graded_by_hand(student_id) as grades:
                return {
                    (grade.notebook.name, grade.name): grade.auto_score
                    for grade in grades
                    if not grade.needs_manual_grade
                }
        except (OSError, ValueError, KeyError, TypeError, MissingEntry):
            return {}

    def _settle(self, student_id: str, settled: dict[tuple[str, str], float | None]) -> None:
        """nbgrader has a person look again at whatever they graded; where nothing changed, they need not."""
        if settled:
            with self._graded_by_hand(student_id) as grades:
                for grade in grades:
                    key = grade.notebook.name, grade.name
                    if key in settled and settled[key] == grade.auto_score:
                        grade.needs_manual_grade = False

    @contextmanager
    def _graded_by_hand(self, student_id: str) -> Iterator[list[Any]]:
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            submission = gradebook.find_submission(self.coursedir.assignment_id, student_id)
            yield [
                grade
                for notebook in submission.notebooks
                for grade in notebook.grades
                if grade.manual_score is not None
            ]
            gradebook.db.commit()


class SubmissionChangedError(Exception):
    """What was run is not what is there now."""


def partial_name(name: str) -> str:
    """What a file is called until it is whole."""
    return f".{name}.partial"


def write_whole(path: Path, content: bytes, permissions: int | None = None) -> None:
    """Write a file at once or not at all, in the place of whatever is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    partial = path.with_name(partial_name(path.name))
    partial.unlink(missing_ok=True)
    with partial.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    if permissions is not None:
        partial.chmod(permissions)
    partial.replace(path)
