"""The slides about mistakes as one page to read, for students: what feedback names, without the rest of the deck.

What the speaker would say of a slide stands below it.
"""

from pathlib import Path

from nbformat import NotebookNode

from lecture.deck import slides
from lecture.page import html_page

PAGE = "mistakes.html"
TITLE = "The most common mistakes"


def page_of_mistakes(executed: NotebookNode) -> str:
    """The page, from the executed notebook of the slides; each slide has its anchor."""
    sections = (
        f'<section id="{slide.anchor}">{"".join((*slide.parts, *slide.notes))}</section>'
        for slide in slides(executed)
        if slide.anchor
    )
    return html_page(TITLE, "\n".join((f"<h1>{TITLE}</h1>", *sections)))


def cells_about_mistakes(executed: NotebookNode) -> NotebookNode:
    """The slides' cells from the first anchor on, as a notebook."""
    at = next((k for k, cell in enumerate(executed.cells) if "anchor" in cell.metadata), len(executed.cells))
    return NotebookNode(cells=executed.cells[at:])


def write_mistakes(executed: NotebookNode, folder: Path) -> None:
    """Write the page."""
    (folder / PAGE).write_text(page_of_mistakes(executed), encoding="utf-8")
