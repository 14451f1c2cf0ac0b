"""What a student and an instructor read in nbgrader's pages, in a browser: plain text under headings, columns apart."""

from pathlib import Path

import nbgrader
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from traitlets.config import Config

from autograder.judge.map_picture import WrongMap
from autograder.judge.verdict import Finding, Verdict
from autograder.nbgrader_plugin.feedback_pages import MATHJAX, PageExporter
from tests.lecture.browser import launched, opened

FORMGRADER = Path(nbgrader.__file__).parent / "server_extensions" / "formgrader"
CONFIGURATION = Config()
CONFIGURATION.HTMLExporter.update(
    template_name="feedback",
    extra_template_basedirs=[str(FORMGRADER / "templates")],
    extra_template_paths=[str(FORMGRADER / "static/node_modules/bootstrap/dist/css")],
    filters={"markdown2html": "autograder.nbgrader_plugin.pages.markdown"},
)
NAMES = {"score": 0, "max_score": 3, "late_penalty": 0, "comment_index": 0, "score_index": 0, "notebook": "ps1"}
TEXT = """# A heading

A paragraph.

| part | what |
|---|---|
| one | the rubric's text |

## Another

A formula: $\\int_0^1 \\nabla F$.
"""
VERDICT = Verdict(
    "ps1-x",
    "a task",
    (
        Finding("form", "a finite tensor of the shape of x", 1, True, "yes"),
        Finding("linear", "exact on affine functions", 2, False, "a relative error of 1", "rounding only"),
    ),
    picture=WrongMap("the map", np.eye(8)[None], -np.eye(8)[None]).draw(),
)
CLOSEST_COLUMNS = """() => Math.min(...[...document.querySelectorAll("tr")].flatMap(row => {
    const texts = [...row.cells].map(cell => {
        const range = document.createRange();
        range.selectNodeContents(cell);
        return range.getBoundingClientRect();
    }).filter(box => box.width);
    return texts.slice(1).map((box, k) => box.left - texts[k].right);
}))"""


@pytest.fixture(scope="module")
def visit(tmp_path_factory):
    data = {"text/plain": repr(VERDICT), "text/html": VERDICT._repr_html_()}
    output = new_output("execute_result", data=data, execution_count=1)
    notebook = new_notebook(cells=[new_markdown_cell(TEXT), new_code_cell("submit()", outputs=[output])])
    exporter = PageExporter(config=CONFIGURATION)
    path = tmp_path_factory.mktemp("page") / "feedback.html"
    path.write_text(
        MATHJAX.sub("", exporter.from_notebook_node(notebook, {"nbgrader": NAMES})[0])
    )  # as CourseFeedback does
    with launched() as browser, opened(browser, path, (1100, 800)) as visit:
        yield visit


@pytest.fixture
def page(visit):
    return visit.page


def test_text_below_a_heading_is_no_link(page):
    assert page.locator("h1").inner_text() == "A heading"
    assert page.locator("#notebook-container a").count() == 0


def test_columns_of_tables_are_apart(page):
    assert page.evaluate(CLOSEST_COLUMNS) >= 8  # pixels


def test_a_formula_is_drawn_without_a_network(visit):
    assert not visit.blocked
    formula = visit.page.locator("math")
    assert formula.count() == 1 and formula.bounding_box()["width"] > 20
    assert "$" not in visit.page.locator("#notebook-container").first.inner_text()


def test_a_wrong_map_is_a_picture_in_the_page_itself(visit):
    assert not visit.blocked
    picture = visit.page.locator("img[alt^='the map']")
    assert picture.evaluate("image => image.complete && image.naturalWidth") > 400
    assert picture.bounding_box()["width"] > 400
