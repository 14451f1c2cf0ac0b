"""What every process that reads submissions and makes pages has done once: a page takes most of its time to begin with.

A page is made, of nothing of anybody's, so that what that imports and compiles is there: templates, expressions, grammars.
"""

import tempfile
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.preprocessors import GetGrades
from sqlalchemy import create_engine
from sqlalchemy.orm import configure_mappers

from autograder.nbgrader_plugin import FILTERS
from autograder.nbgrader_plugin.feedback_pages import CourseFeedback, page_of

configure_mappers()  # the gradebook's tables
create_engine("sqlite://").dispose()  # where it is, by default
shown = {"text/plain": "1", "text/html": "<table><tr><td>1</td></tr></table>"}
cells = [
    new_markdown_cell(
        "# A title\n\n*Words*, `code`, $x^2$ and [a link](https://example.org).\n\n| a | b |\n|---|---|\n| 1 | 2 |"
    ),
    new_code_cell(
        "def f(x):\n    return x", outputs=[new_output("execute_result", shown), new_output("stream", text="\x1b[1m1")]
    ),
]
feedback = CourseFeedback()
config = feedback.config.copy()
config.HTMLExporter.filters = FILTERS
preprocessors = [one for one in feedback.preprocessors if one is not GetGrades]
grades = {"notebook": "page", "score": 0, "max_score": 0, "late_penalty": 0}
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "page.ipynb"
    nbformat.write(new_notebook(cells=cells), path)
    page_of(feedback.exporter_class, preprocessors, config, str(path), {"nbgrader": grades})
