"""The pages that students get: theirs alone, up to date with what people graded by hand."""

from __future__ import annotations

import glob
import hashlib
import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import nbformat
from jinja2.bccache import Bucket, BytecodeCache
from nbconvert.exporters import HTMLExporter
from nbconvert.exporters.exporter import ResourcesDict
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.widgetsdatatypefilter import WidgetsDataTypeFilter
from nbconvert.utils.base import NbConvertBase
from nbconvert.writers import FilesWriter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from nbgrader.api import BaseCell, Gradebook, MissingEntry, SubmittedNotebook
from nbgrader.converters import GenerateFeedback
from nbgrader.exchange.default import ExchangeReleaseFeedback
from nbgrader.preprocessors import GetGrades
from traitlets.config import Config

from autograder.nbgrader_plugin.graded_run import UNPROTECTED
from autograder.nbgrader_plugin.judging import RECORD
from autograder.nbgrader_plugin.pages import KNOWN, texts_of
from autograder.nbgrader_plugin.submitted_notebook import SubmissionError, read_notebook
from autograder.sandbox.bounded import OverLimitError, in_bounds
from autograder.sandbox.limits import ONE_NOTEBOOK

MATHJAX = re.compile("<!-- Load mathjax -->.*?<!-- End of mathjax configuration -->", re.DOTALL)
"""What nbgrader's page asks a network for. `autograder.nbgrader_plugin.pages` has made the formulas MathML."""

TEMPLATE = "feedback"
"""nbgrader's, for the pages that students get."""
VALUE = re.compile(r""""[^"]*+"|'[^']*+'""")
PICTURE = re.compile(rf"""<img\b((?:[^>"']|{VALUE.pattern})*+)>""")
ALT = re.compile(r"\balt\b")
NO_ALT = 'alt="No description has been provided for this image"'

GRADES = "shown_grades"
"""Where a page's resources have its points and comments."""

STATE = "<!-- grades {} -->"

FROM_EXCHANGE = ("timestamp.txt", "submission_secret.txt")
"""What `nbgrader release_feedback` reads beside the page of a submission that came through the exchange."""


ENDED = "This page shows your points and verdicts alone. Making the whole page was ended: {}."


class KeptTemplates(BytecodeCache):
    """Templates that this process, or the one that it was forked from, has compiled: jinja keeps those of one exporter alone.

    A filter is called with the page's context, or without it, as it was when the template was compiled: so templates are kept
    for each set of filters.
    """

    _compiled: ClassVar[dict[tuple[str, str], bytes]] = {}

    def __init__(self, filters: Mapping[str, Any]) -> None:
        self._filters = str(sorted((name, str(one)) for name, one in filters.items()))

    def load_bytecode(self, bucket: Bucket) -> None:
        if compiled := self._compiled.get((self._filters, bucket.key)):
            bucket.bytecode_from_string(compiled)  # which compares the template's checksum

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._compiled[self._filters, bucket.key] = bucket.bytecode_to_string()


@dataclass(frozen=True)
class CellGrade:
    """The points of a cell, by the names that nbgrader has for them."""

    score: float
    max_score: float


@dataclass(frozen=True)
class CellComment:
    """What was said to a cell."""

    comment: str | None


@dataclass(frozen=True)
class NotebookGrades:
    """What a page shows of the gradebook, which the page's own process need not open: it would compile all statements anew.

    nbgrader's step asks it as it asks a gradebook.
    """

    score: float
    max_score: float
    late_submission_penalty: float | None
    grades: dict[str, CellGrade]
    comments: dict[str, CellComment]

    @classmethod
    def of(cls, notebook: SubmittedNotebook, gradebook: Gradebook) -> NotebookGrades:
        # All cells at once, of which the gradebook would ask for one after the other.
        cells = {
            cell.id: cell.name for cell in gradebook.db.query(BaseCell).filter_by(notebook_id=notebook.notebook_id)
        }
        return cls(
            notebook.score,
            notebook.max_score,
            notebook.late_submission_penalty,
            {cells[grade.cell_id]: CellGrade(grade.score, grade.max_score) for grade in notebook.grades},
            {cells[comment.cell_id]: CellComment(comment.comment) for comment in notebook.comments},
        )

    def find_grade(self, cell: str, *of_the_notebook: str) -> CellGrade:
        return self.grades[cell]

    def find_comment(self, cell: str, *of_the_notebook: str) -> CellComment:
        return self.comments[cell]


class GivenGrades(GetGrades):
    """nbgrader's step, which puts points and comments into a notebook, with those that it is given."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        names, given = resources["nbgrader"], resources[GRADES]
        self.gradebook, self.notebook_id = given, names["notebook"]
        self.assignment_id, self.student_id = names["assignment"], names["student"]
        for index, cell in enumerate(nb.cells):
            nb.cells[index], resources = self.preprocess_cell(cell, resources, index)
        penalty = given.late_submission_penalty or 0
        names |= {"score": given.score - penalty, "max_score": given.max_score, "late_penalty": penalty}
        return nb, resources


class PageExporter(HTMLExporter):
    """nbconvert's, which parses every page that it has made once more; of nbgrader's page, that takes longer than making it.

    It looks for pictures without a description, and for the boxes of JupyterLab's templates, which the keyboard has to reach.
    nbgrader's page has none of these boxes, and a picture is found without a parser: what students write has been made
    well-formed. Pages by another template are left to nbconvert.
    """

    def from_notebook_node(  # type: ignore[override]  # as nbconvert's own does
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **options: Any
    ) -> tuple[str, dict[str, Any]]:
        if self.template_name != TEMPLATE:
            return super().from_notebook_node(nb, resources, **options)
        # What nbconvert does before it hands over to the template.
        resources = self._init_resources(resources)
        language = nb.metadata.get("language_info", {})
        lexer = language.get("pygments_lexer", language.get("name"))
        highlight = self.filters.get("highlight_code") or Highlight2HTML(pygments_lexer=lexer, parent=self)
        self.register_filter("highlight_code", highlight)
        types = WidgetsDataTypeFilter(notebook_metadata=self._nb_metadata, parent=self, resources=resources)
        self.register_filter("filter_data_type", types)
        page, resources = super(HTMLExporter, self).from_notebook_node(nb, resources, **options)
        return described(page), resources


def described(page: str) -> str:
    """A page in which every picture has a description, were it one that says that there is none.

    >>> described('<img src="a.png"><img alt="" src="b.png"/>')
    '<img alt="No description has been provided for this image" src="a.png"><img alt="" src="b.png"/>'
    """
    return PICTURE.sub(
        lambda found: found[0] if ALT.search(VALUE.sub("", found[1])) else f"<img {NO_ALT}{found[1]}>", page
    )


class CourseFeedback(GenerateFeedback):
    """nbgrader's converter, which writes the page and nothing else that the student did not bring through the exchange.

    nbgrader's own copies whatever lies beside the graded notebook: the record with the seed of the probes, the evidence.
    """

    exporter: HTMLExporter | None = None

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._known: dict[tuple[str, str], dict[tuple[str, str], str]] = {}

    def _exporter_class_default(self) -> type[HTMLExporter]:
        return PageExporter

    def write(self, assignment_id: str, student_id: str) -> None:
        """Write the pages of one submission."""
        source = Path(self._format_source(assignment_id, student_id))
        self.coursedir.assignment_id = assignment_id
        self.force = True
        self.writer = FilesWriter(parent=self, config=self.config)
        self.exporter = self.exporter or self.exporter_class(parent=self, config=self.config)
        self.notebooks = sorted(map(str, source.glob("*.ipynb")))
        self.init_destination(assignment_id, student_id)
        self.init_assignment(assignment_id, student_id)
        for notebook in self.notebooks:
            self.convert_single_notebook(notebook)
        self.set_permissions(assignment_id, student_id)

    def convert_single_notebook(self, notebook_filename: str) -> None:
        """Make a page in a process with limits; where it takes more, one of the verdicts alone, which says so."""
        resources = self.init_single_notebook_resources(notebook_filename)
        names = resources["nbgrader"]
        resources[KNOWN] = self._known_texts(names["assignment"], names["notebook"])
        self._shown = self._grades(names["assignment"], names["student"])
        resources[GRADES] = self._shown[names["notebook"]]
        preprocessors = [GivenGrades if one is GetGrades else one for one in self.preprocessors]
        classes = (self.exporter_class, *preprocessors)
        sections = {name for one in classes for name in one.section_names()}
        config = Config({name: section for name, section in self.config.items() if name in sections})
        arguments = self.exporter_class, preprocessors, config, notebook_filename, resources
        try:
            page = in_bounds(ONE_NOTEBOOK, page_of, *arguments)
        except OverLimitError as error:
            self.log.warning("Making the page of %r was ended: %s", notebook_filename, error)
            page = page_of(*arguments, ENDED.format(error))
        self.write_single_notebook(page, resources | {"output_extension": self.exporter.file_extension})

    def _known_texts(self, assignment_id: str, notebook: str) -> dict[tuple[str, str], str]:
        """What pages show of the texts of a release, worked out once; nothing where the release is not here."""
        if (assignment_id, notebook) not in self._known:
            folder = self.coursedir.format_path(self.coursedir.release_directory, ".", assignment_id)
            try:
                cells = read_notebook(Path(folder) / f"{notebook}.ipynb").cells
                known = in_bounds(ONE_NOTEBOOK, texts_of, cells)
            except (SubmissionError, OverLimitError):
                known = {}
            self._known[assignment_id, notebook] = known
        return self._known[assignment_id, notebook]

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        destination = Path(self._format_dest(assignment_id, student_id))
        destination.mkdir(parents=True, exist_ok=True)
        for name in FROM_EXCHANGE:
            brought = Path(self._format_source(assignment_id, student_id)) / name
            if brought.is_file():
                shutil.copyfile(brought, destination / name)

    def write_single_notebook(self, output: str, resources: ResourcesDict) -> None:
        """The page asks for no network, and says at its end of which grades it is."""
        names = resources["nbgrader"]
        state = self._state(names["assignment"], names["student"], self._shown)
        super().write_single_notebook(MATHJAX.sub("", output) + STATE.format(state), resources)

    def is_up_to_date(self, assignment_id: str, student_id: str) -> bool:
        """Whether the student's pages show the grades and comments that the gradebook has now."""
        pages = list(Path(self._format_dest(assignment_id, student_id)).glob("*.html"))
        if not pages:
            return False
        state = STATE.format(self.state_of(assignment_id, student_id)).encode()
        return all(page.read_bytes().endswith(state) for page in pages)

    def state_of(self, assignment_id: str, student_id: str) -> str:
        """A checksum of all that a page shows of a submission: points, comments, penalty, the graded notebook."""
        try:
            grades = self._grades(assignment_id, student_id)
        except MissingEntry:
            return ""
        return self._state(assignment_id, student_id, grades)

    def _state(self, assignment_id: str, student_id: str, grades: dict[str, NotebookGrades]) -> str:
        record = Path(self._format_source(assignment_id, student_id)) / RECORD
        shown: list[Any] = [record.read_text() if record.is_file() else ""]
        for notebook, one in grades.items():
            points = sorted((name, grade.score, grade.max_score) for name, grade in one.grades.items())
            comments = sorted((name, comment.comment or "") for name, comment in one.comments.items())
            shown += [notebook, one.late_submission_penalty, points, comments]
        return hashlib.sha256(json.dumps(shown).encode()).hexdigest()[:16]

    def _grades(self, assignment_id: str, student_id: str) -> dict[str, NotebookGrades]:
        """What the gradebook has of a submission, by notebook.

        Raises:
            MissingEntry: nothing.
        """
        with Gradebook(self.coursedir.db_url, self.coursedir.course_id) as gradebook:
            submission = gradebook.find_submission(assignment_id, student_id)
            return {notebook.name: NotebookGrades.of(notebook, gradebook) for notebook in submission.notebooks}


def page_of(
    exporter_class: type[HTMLExporter],
    preprocessors: list[type[NbConvertBase]],
    config: Config,
    path: str,
    resources: dict[str, Any],
    ended: str = "",
) -> str:
    """The page of a graded notebook; where an earlier try `ended`, that sentence and what is the course's own: cells, verdicts."""
    exporter = exporter_class(config=config)
    exporter.environment.bytecode_cache = KeptTemplates(exporter.filters)
    for preprocessor in preprocessors:
        exporter.register_preprocessor(preprocessor)
    if not ended:
        return exporter.from_filename(path, resources)[0]
    notebook = nbformat.read(path, as_version=4)
    notebook.cells = [
        cell
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("locked") or cell.source == f"**{UNPROTECTED}**"
    ]
    for cell in notebook.cells:
        if cell.cell_type == "code" and not cell.metadata.nbgrader.grade:
            cell.outputs = []
    notebook.cells.insert(0, new_markdown_cell(f"**{ended}**"))
    return exporter.from_notebook_node(notebook, resources)[0]


class FeedbackForExchange(ExchangeReleaseFeedback):
    """nbgrader's release of feedback for a class of which some submitted another way: it would end at the first of these."""

    def copy_files(self) -> None:
        for folder in sorted(map(Path, glob.glob(self.src_path))):  # noqa: PTH207 (the pattern is absolute)
            if all((folder / name).is_file() for name in FROM_EXCHANGE):
                self.src_path = glob.escape(str(folder))
                super().copy_files()
            else:
                self.log.info("Not released, as the submission did not come through the exchange: %r", str(folder))
