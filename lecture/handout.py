"""The handout: one page to give out, from the executed slides, as HTML and, where there is a Chromium, as PDF.

Its words are those of handout.md. Figures are those of the slides, from the cells that bear their tags.
"""

import shutil
import subprocess
from pathlib import Path

from nbformat import NotebookNode

from lecture import measured
from lecture.assets import inlined_css
from lecture.cells import each_output, markdown, tags
from lecture.templates import rendered

PAGE, PDF = "handout.html", "handout.pdf"
TEXT = Path(__file__).with_suffix(".md")
TAG = "handout-"  # and the figure's name in handout.md
BROWSERS = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome", "chrome")
SECONDS_TO_PRINT = 120


def handout(slides: NotebookNode) -> str:
    """The page.

    Args:
        slides: the executed notebook of the slides.
    """
    rows = measured.kept()["steps"]
    *most, hardest = measured.enough(rows)
    found = {"pairs": len(rows), "most": len(most), "first": most[0], "last": most[-1], "hardest": hardest}
    text = TEXT.read_text(encoding="utf-8").format(**found, **_figures(slides), mistakes=_mistakes(slides))
    return rendered(
        PAGE.removesuffix(".html"), style=inlined_css("fonts.css", "math.css", "handout.css"), body=markdown(text)
    )


def write_handout(slides: NotebookNode, folder: Path) -> bool:
    """Write the page, and print it where a browser is here. Returns whether there is a PDF.

    Raises:
        subprocess.CalledProcessError: the browser could not print.
    """
    page = folder / PAGE
    page.write_text(handout(slides), encoding="utf-8")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser:
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-pdf-header-footer")
        target = f"--print-to-pdf={(folder / PDF).resolve()}"
        command = [browser, *flags, target, page.resolve().as_uri()]
        subprocess.run(command, check=True, capture_output=True, timeout=SECONDS_TO_PRINT)
    return browser is not None


def illustrations(slides: NotebookNode) -> NotebookNode:
    """The cells whose figures are on the handout, the last of the lecture first, as a notebook."""
    return NotebookNode(
        cells=[cell for cell in reversed(slides.cells) if any(tag.startswith(TAG) for tag in tags(cell))]
    )


def _figures(slides: NotebookNode) -> dict[str, str]:
    """Name to figure: the last that a cell with its tag shows."""
    return {
        tag.removeprefix(TAG): each_output(cell)[-1]
        for cell in slides.cells
        for tag in tags(cell)
        if tag.startswith(TAG)
    }


def _mistakes(slides: NotebookNode) -> str:
    """Each slide about a mistake: its heading and its anchor."""
    found = {cell.metadata.anchor: cell.source for cell in slides.cells if "anchor" in cell.metadata}
    return "\n".join(f"- {heading.lstrip('# ')}: `{anchor}`" for anchor, heading in found.items())
