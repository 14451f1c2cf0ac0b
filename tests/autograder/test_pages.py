"""Pages do not act: a student's text becomes HTML that runs nothing and asks for nothing, and that never fails."""

import time

import pytest
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_markdown_cell, new_notebook
from traitlets.config import Config

from autograder.nbgrader_plugin import configure, pages
from autograder.nbgrader_plugin.pages import MAX_COLOURS, MAX_MARKDOWN, markdown, terminal_text

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

    def test_takes_no_longer_for_many_colours(self):
        started = time.process_time()
        terminal_text("\x1b[31mx" * 150_000)  # 1 MB, which took nbconvert half a minute
        assert time.process_time() - started < 3

    def test_has_room_for_a_long_traceback(self):
        assert "ansi-red-fg" in terminal_text("\x1b[31mx\x1b[0m" * (MAX_COLOURS // 2))


@pytest.mark.parametrize("piece", ["[", "*a *", ">", "`a", "<a ", "![", "$a", "[a](", "_a_", "- \n"])
def test_no_markdown_holds_up_a_page(piece):
    started = time.process_time()
    assert markdown({}, piece * (MAX_MARKDOWN // len(piece)))
    assert markdown({}, piece * MAX_MARKDOWN * 2)
    assert time.process_time() - started < 10


def test_a_page_of_thousands_of_cells_is_rendered_as_far_as_a_page_goes(monkeypatch):
    """Five thousand cells, each of which may be rendered by itself, would take hours."""
    monkeypatch.setattr(pages, "MAX_PAGE_MARKDOWN", 2000)
    config = Config()
    configure(config)
    notebook = new_notebook(cells=[new_markdown_cell("**bold** " * 100) for _ in range(5)])
    for _ in range(2):  # another page has as much
        shown, _ = HTMLExporter(config=config, template_name="basic").from_notebook_node(notebook)
        assert shown.count("<pre>**bold**") == 3 and shown.count("<strong>bold</strong>") == 200
