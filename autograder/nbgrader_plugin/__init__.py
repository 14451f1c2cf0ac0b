"""The one part that talks to nbgrader: how its pipeline runs, judges and records a submission.

`configure(c)` in nbgrader_config.py puts the course's steps into nbgrader's own places:

- `converter.CourseAutograde` reads submissions without trusting them and gives each a record;
- `execution.SandboxedExecute` runs the kernel in a sandbox, where it only leaves evidence;
- `judging.Verdicts` puts the grader's verdicts in place of what graded cells printed, before grades are saved;
- `feedback_pages.CourseFeedback` writes the pages that students get, and nothing beside them;
- `stubs.NamedStubs` writes the stubs of a release.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import SimpleNamespace

import nbgrader.api
import nbgrader.apps.api
import nbgrader.apps.autogradeapp
import nbgrader.apps.generatefeedbackapp
import nbgrader.nbgraderformat.common
from traitlets.config import Config

from autograder.nbgrader_plugin import done_once
from autograder.nbgrader_plugin.converter import CourseAutograde
from autograder.nbgrader_plugin.feedback_pages import CourseFeedback
from autograder.nbgrader_plugin.timestamps import submitted_at
from autograder.sandbox.limits import Limits

DOWNLOADED = (
    r".*/(?P<student_id>[^/_]+)(?:_[^/]*)?[_/]"  # STUDENT_..._ (Canvas), STUDENT_.../ (Moodle), STUDENT/
    r"(?P<file_id>ps\d+-[a-z0-9-]*[a-z])(?:-\d+| ?\(\d+\))?\.ipynb$"  # the notebook, maybe a later attempt
)
"""How zip_collect finds students and notebooks in what a learning platform downloads."""


FILTERS = {
    "markdown2html": "autograder.nbgrader_plugin.pages.markdown",
    "ansi2html": "autograder.nbgrader_plugin.pages.output",
    "highlight_code": "autograder.nbgrader_plugin.pages.code",
}
"""What makes a page of a student's texts, in place of nbconvert's own."""


def configure(c: Config) -> None:
    """Set up nbgrader for this course: call it in nbgrader_config.py, before settings of your own."""
    c.CourseDirectory.source_directory = "solutions"
    c.CourseDirectory.release_directory = "assignments"
    c.CourseDirectory.ignore = [".ipynb_checkpoints", "*.pyc", "__pycache__", ".pytest_cache"]
    c.GenerateAssignment.preprocessors = [
        "nbgrader.preprocessors.IncludeHeaderFooter",
        "nbgrader.preprocessors.LockCells",
        "autograder.nbgrader_plugin.stubs.NamedStubs",
        "nbgrader.preprocessors.ClearOutput",
        "nbgrader.preprocessors.CheckCellMetadata",
        "nbgrader.preprocessors.ComputeChecksums",
        "nbgrader.preprocessors.SaveCells",
        "nbgrader.preprocessors.ClearHiddenTests",
        "nbgrader.preprocessors.ClearMarkScheme",
        "nbgrader.preprocessors.ComputeChecksums",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    c.Autograde.autograde_preprocessors = [
        "autograder.nbgrader_plugin.execution.SandboxedExecute",
        "nbconvert.preprocessors.ClearMetadataPreprocessor",
        "nbgrader.preprocessors.LimitOutput",
        "autograder.nbgrader_plugin.judging.Verdicts",
        "nbgrader.preprocessors.SaveAutoGrades",
        "nbgrader.preprocessors.AssignLatePenalties",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    c.ClearMetadataPreprocessor.preserve_cell_metadata_mask = {"nbgrader"}
    c.HTMLExporter.filters = FILTERS
    c.FileNameCollectorPlugin.named_regexp = DOWNLOADED
    c.ExchangeFactory.release_feedback = "autograder.nbgrader_plugin.feedback_pages.FeedbackForExchange"
    c.Execute.timeout = Limits().cell_seconds
    c.Execute.startup_timeout = Limits().cell_seconds
    # nbgrader starts alembic by its bare name, which is found only where the environment is activated.
    os.environ["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)))
    nbgrader.api.create_engine = done_once.one_engine
    nbgrader.api.Base.metadata.create_all = done_once.create_missing_tables
    nbgrader.nbgraderformat.common.jsonschema = SimpleNamespace(validate=done_once.validate)
    # nbgrader names its converters in these modules; a subclass has no other way in.
    nbgrader.apps.autogradeapp.Autograde = nbgrader.apps.api.Autograde = CourseAutograde
    nbgrader.apps.generatefeedbackapp.GenerateFeedback = nbgrader.apps.api.GenerateFeedback = CourseFeedback
    nbgrader.apps.api.NbGraderAPI.get_submitted_timestamp = submitted_at
