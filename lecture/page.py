"""An executed notebook as a plain page to read, all in one file: what a student opens where no kernel runs."""

from pathlib import Path

from nbformat import NotebookNode

from lecture.assets import inlined_css
from lecture.cells import code, markdown, outputs
from lecture.templates import rendered


def page(notebook: NotebookNode, title: str) -> str:
    """Text, code and outputs, from top to bottom."""
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(markdown(cell.source))
        elif cell.cell_type == "code":
            parts.append(code(cell.source) + outputs(cell))
    return html_page(title, "\n".join(parts))


def html_page(title: str, body: str) -> str:
    """A page in the lecture's style."""
    return rendered("page", title=title, style=inlined_css("fonts.css", "math.css", "code.css", "page.css"), body=body)


def write_page(notebook: NotebookNode, path: Path) -> None:
    """Write the page; its title is the notebook's first heading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    title = notebook.cells[0].source.splitlines()[0].lstrip("# ")
    path.write_text(page(notebook, title), encoding="utf-8")
