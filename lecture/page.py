"""An executed notebook as a plain page to read, all in one file: what a student opens where no kernel runs."""

from pathlib import Path

from nbformat import NotebookNode

from lecture.assets import inlined_css
from lecture.cells import code, markdown, outputs, tags
from lecture.templates import rendered

WITH_KERNEL = "with-kernel"  # the tag of a cell that is about what moves only where a kernel runs
WITHOUT_KERNEL = "No kernel runs here: each figure is shown as its notebook, `{}`, shows it first."


def page(notebook: NotebookNode, title: str, name: str = "") -> str:
    """Text, code and outputs, from top to bottom; what is said of a kernel becomes what the page is without one."""
    parts = []
    for cell in notebook.cells:
        if WITH_KERNEL in tags(cell):
            parts.append(markdown(WITHOUT_KERNEL.format(name)))
        elif cell.cell_type == "markdown":
            parts.append(markdown(cell.source))
        elif cell.cell_type == "code":
            parts.append(outputs(cell) if _only_speaks(cell) else code(cell.source) + outputs(cell))
    return html_page(title, "\n".join(parts))


def _only_speaks(cell: NotebookNode) -> bool:
    """Whether all that a cell shows is sentences that it computed: they are to be read once, not in its code as well."""
    return bool(cell.outputs) and all("text/markdown" in output.get("data", {}) for output in cell.outputs)


def html_page(title: str, body: str) -> str:
    """A page in the lecture's style."""
    return rendered("page", title=title, style=inlined_css("fonts.css", "math.css", "code.css", "page.css"), body=body)


def write_page(notebook: NotebookNode, path: Path) -> None:
    """Write the page; its title is the notebook's first heading."""
    path.parent.mkdir(parents=True, exist_ok=True)
    title = notebook.cells[0].source.splitlines()[0].lstrip("# ")
    path.write_text(page(notebook, title, path.with_suffix(".ipynb").name), encoding="utf-8")
