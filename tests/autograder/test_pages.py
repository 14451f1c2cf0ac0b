"""Pages do not act: a student's text becomes HTML that runs nothing and asks for nothing, and that never fails."""

import time

import pytest
from bs4 import BeautifulSoup, Tag
from nbconvert.exporters import HTMLExporter
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from traitlets.config import Config

from autograder.nbgrader_plugin import FILTERS, configure, pages
from autograder.nbgrader_plugin.feedback_pages import CourseFeedback, PageExporter
from autograder.nbgrader_plugin.pages import KNOWN, MAX_COLOURS, MAX_MARKDOWN, code, markdown, terminal_text, texts_of

PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=="
SHOWN = f"data:image/png;base64,{PICTURE}"


def page(source: str, **attachments: str) -> str:
    return markdown({"cell": {"attachments": {name: {"image/png": PICTURE} for name in attachments}}}, source)


class TestAttachments:
    @pytest.mark.parametrize(
        ("name", "source"),
        [
            ("my map.png", "![m](attachment:my%20map.png)"),
            ("my%20map.png", "![m](attachment:my%20map.png)"),
            ("a,b.png", "![m](attachment:a,b.png)"),
            ("a.png", '<img src="attachment:a.png" width="300">'),
            ("a.png", "a line\n\n<div><img src='attachment:a.png'></div>"),
            ("a.png", "![m](<attachment:a.png>)"),
        ],
    )
    def test_are_found_however_they_are_named(self, name, source):
        shown = page(f"**bold** {source}", **{name: PICTURE})
        assert SHOWN in shown and "<strong>bold</strong>" in shown

    def test_that_cannot_be_shown_are_named_and_the_rest_is_shown(self):
        shown = page("**bold** ![m](attachment:gone%3Cb%3E.png)")
        assert "<strong>bold</strong>" in shown and "gone&lt;b&gt;.png” cannot be shown" in shown


class TestTextFromATerminal:
    def test_keeps_its_colours(self):
        assert terminal_text("\x1b[31mred\x1b[0m <b>") == '<span class="ansi-red-fg">red</span> &lt;b&gt;'

    @pytest.mark.parametrize("text", ["\x1b[38mx", "\x1b[48;2mx", "\x1b[38;5;999m<x>", "\x1b[" * 3])
    def test_is_shown_whatever_it_holds(self, text):
        assert "\x1b[38" not in terminal_text(text) and "<x>" not in terminal_text(text)

    @pytest.mark.parametrize(
        "text",
        [
            "\x1b[31mx" * 150_000,  # 1 MB, as the next one: each took nbconvert half a minute
            "\x1b[" + "1;" * 500_000 + "1m",
            ("\x1b[31m" + "x" * 8000) * MAX_COLOURS,
            ("\x1b[" + "1;" * 4000 + "m") * MAX_COLOURS,
            "\x1b[" + "9" * 10**6 + "mx",
            "a" + "\r\b\u0301" * 10**6,
        ],
        ids=["colours", "one long colour", "far apart", "long colours", "a long number", "characters that move others"],
    )
    def test_takes_no_longer_for_many_colours(self, text):
        started = time.process_time()
        terminal_text(text)
        assert time.process_time() - started < 3

    def test_has_room_for_a_long_traceback(self):
        assert "ansi-red-fg" in terminal_text("\x1b[31mx\x1b[0m" * (MAX_COLOURS // 2))


@pytest.mark.parametrize("piece", ["[", "*a *", ">", "`a", "<a ", "![", "$a", "[a](", "_a_", "- \n", r"\\[", r"\\("])
def test_no_markdown_holds_up_a_page(piece):
    started = time.process_time()
    assert markdown({}, piece * (MAX_MARKDOWN // len(piece)))
    assert markdown({}, piece * MAX_MARKDOWN * 2)
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    ("most", "cell", "plain", "rendered"),
    [
        ("MAX_PAGE_MARKDOWN", new_markdown_cell("**bold** " * 100), "<pre>**bold**", "<strong>bold</strong>"),
        ("MAX_PAGE_CODE", new_code_cell("x = 1\n" * 150), "<pre>x = 1", '<span class="n">x</span>'),
        (
            "MAX_PAGE_COLOURS",
            new_code_cell(outputs=[new_output("stream", text="\x1b[31mred\x1b[0m" * 450)]),
            "<pre>redred",
            '<span class="ansi-red-fg">red</span>',
        ),
    ],
)
def test_a_page_of_thousands_of_cells_is_rendered_as_far_as_a_page_goes(monkeypatch, most, cell, plain, rendered):
    """Five thousand cells, each of which may be rendered by itself, would take hours."""
    monkeypatch.setattr(pages, most, 2000)
    for _ in range(2):  # another page has as much
        page = page_of(*(NotebookNode(cell, id=f"cell-{k}") for k in range(5)))
        assert page.count(plain) == 3 and page.count(rendered) >= 200


def test_a_page_that_has_rendered_for_long_enough_shows_the_rest_as_it_was_written(monkeypatch):
    monkeypatch.setattr(pages, "MAX_PAGE_SECONDS", 1e-9)
    page = page_of(new_markdown_cell("**bold** one"), new_markdown_cell("**bold** two"))
    assert "<strong>bold</strong> one" in page and "<pre>**bold** two" in page


def test_a_formula_as_long_as_none_is_shown_as_it_was_written():
    started = time.process_time()
    assert markdown({}, "$$" + "f'" * (MAX_MARKDOWN // 2 - 10) + "$$").startswith("<p><code>")
    assert time.process_time() - started < 5


def test_code_is_highlighted_where_no_line_is_so_long_that_a_page_would_wait_for_it():
    """100 kB of `a.a.a.` kept nbconvert's page for over a minute, and formgrader makes pages in its own process."""
    started = time.process_time()
    page = page_of(new_code_cell("a." * 50_000), new_code_cell("(" * 10**6), new_code_cell("def f(): pass"))
    assert time.process_time() - started < 5
    assert "a." * 50_000 in page and "(" * 10**6 in page and '<span class="k">def</span>' in page


def page_of(*cells) -> str:
    config = Config()
    configure(config)
    return HTMLExporter(config=config, template_name="basic").from_notebook_node(new_notebook(cells=list(cells)))[0]


def test_a_page_of_feedback_is_nbconverts_by_tags_texts_and_attributes():
    """Without nbconvert's parser, and with what is known of texts already: pictures have their descriptions all the same."""
    data = {"image/png": PICTURE, "text/plain": "a < b"}
    described = {"image/png": {"alt": "a map", "width": 840}}
    outputs = [new_output("display_data", data), new_output("display_data", data, metadata=described)]
    cells = [
        new_markdown_cell(f"# A *title*\n\nwords < words & $x^2$ <img src='{SHOWN}' title='no alt=1'> ![it]({SHOWN})\n\n- one"),
        new_markdown_cell("**open\n\n<div><b>that does not end\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
        new_code_cell("x = '<img>'  # a text", outputs=[*outputs, new_output("stream", text="\x1b[31mred <b>\x1b[0m\n\n  1")]),
    ]  # fmt: skip
    config = CourseFeedback().config.copy()
    config.HTMLExporter.filters = FILTERS
    names = {"notebook": "page", "score": 0, "max_score": 0, "late_penalty": 0}
    known = texts_of(cells)
    assert len(known) == 3
    theirs, _ = HTMLExporter(config=config).from_notebook_node(new_notebook(cells=cells), {"nbgrader": names})
    for resources in ({"nbgrader": names}, {"nbgrader": names, KNOWN: known}):
        ours, _ = PageExporter(config=config).from_notebook_node(new_notebook(cells=cells), resources)
        assert _parts_of(ours) == _parts_of(theirs)
    images = BeautifulSoup(ours, "html.parser").select("img")
    missing = "No description has been provided for this image"
    assert [image["alt"] for image in images] == [missing, "it", missing, "a map"]


def _parts_of(page: str) -> list[tuple[str, dict[str, str]] | str]:
    """A page's tags with their attributes and its texts, in order, without the space between two tags."""
    found = BeautifulSoup(page, "html.parser").descendants
    parts = [(one.name, dict(one.attrs)) if isinstance(one, Tag) else str(one) for one in found]
    return [part for part in parts if not isinstance(part, str) or part.strip()]


def test_what_is_known_of_a_text_is_shown_of_that_kind_without_pictures_alone():
    context = {"resources": {KNOWN: texts_of([new_markdown_cell("*a*")])}}
    context["resources"][KNOWN]["rendered_markdown", "*a*"] = "<p>known</p>"
    assert markdown(context, "*a*") == "<p>known</p>" != markdown(context, "*a* ")
    assert "known" not in markdown(context | {"cell": {"attachments": {"a": {"image/png": PICTURE}}}}, "*a*")
    assert "known" not in code(context, "*a*")


def test_a_students_text_cannot_look_like_the_pages_own_score():
    shown = markdown({}, '<span class="btn btn-primary nbgrader-score" id="x">20 / 20</span>\n\n```python\nx = 1\n```')
    assert "20 / 20" in shown and "class=" not in shown and "id=" not in shown
