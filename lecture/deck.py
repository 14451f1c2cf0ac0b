"""An executed notebook as one reveal.js deck in one file: scripts, fonts, figures and equations are all inside it.

Cells say what they are by their slide type, as JupyterLab sets it: slide, fragment, notes, skip, or none for "more of the
same slide". The tags of a slide's first cell become its classes; code is shown where its cell is tagged `show-code`.
"""

from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from lecture.assets import inlined_css, read_text
from lecture.cells import SHOW_CODE, code, markdown, outputs, tags

WIDTH, HEIGHT = 1280, 720


@dataclass
class Slide:
    """One slide: its classes, its anchor, the HTML of its parts, and the HTML of its speaker notes."""

    classes: list[str]
    anchor: str = ""
    parts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def slides(notebook: NotebookNode) -> list[Slide]:
    """The slides of an executed notebook.

    Raises:
        ValueError: a cell with something to show comes before the first slide.
    """
    found: list[Slide] = []
    for cell in notebook.cells:
        kind = cell.metadata.get("slideshow", {}).get("slide_type", "-")
        if kind == "skip":
            continue
        if kind == "slide":
            found.append(Slide([tag for tag in tags(cell) if tag != SHOW_CODE], cell.metadata.get("anchor", "")))
        if not found:
            raise ValueError("the first cell that is shown has to be of slide type 'slide'.")
        if kind == "notes":
            found[-1].notes.append(_part(cell))
        elif part := _part(cell):
            classes = "part fragment" if kind == "fragment" else "part"
            found[-1].parts.append(f'<div class="{classes}">{part}</div>')
    return found


def deck(notebook: NotebookNode, title: str) -> str:
    """The deck as one HTML page."""
    sections = "\n".join(
        f'<section{_anchor(slide)} class="{" ".join(slide.classes)}"{_state(slide)}>\n{"".join(slide.parts)}\n'
        f'<aside class="notes">{"".join(slide.notes)}</aside>\n</section>'
        for slide in slides(notebook)
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="data:,">
<style>{inlined_css("reveal.css", "fonts.css", "code.css", "deck.css")}</style>
</head>
<body>
<div class="reveal"><div class="slides">
{sections}
</div></div>
<script>{read_text("reveal.js")}</script>
<script>{read_text("notes.js")}</script>
<script>
Reveal.initialize({{
  width: {WIDTH}, height: {HEIGHT}, margin: 0, minScale: 0.1, maxScale: 4, center: false, hash: true,
  slideNumber: "c/t", transition: "none", backgroundTransition: "none", pdfSeparateFragments: false,
  plugins: [RevealNotes],
}});
</script>
</body>
</html>
"""


def write_deck(notebook: NotebookNode, path: Path) -> int:
    """Write the deck, and return how many slides it has."""
    path.write_text(deck(notebook, _title(notebook)), encoding="utf-8")
    return len(slides(notebook))


def _state(slide: Slide) -> str:
    """Slides with a dark ground mark the whole page while they are shown, for what lies over it: arrows, number."""
    return ' data-state="dark"' if {"title", "chapter"} & set(slide.classes) else ""


def _anchor(slide: Slide) -> str:
    """What an address can end in to open this slide: `slides.html#/anchor`."""
    return f' id="{slide.anchor}"' if slide.anchor else ""


def _title(notebook: NotebookNode) -> str:
    return notebook.cells[0].source.splitlines()[0].lstrip("# ")


def _part(cell: NotebookNode) -> str:
    if cell.cell_type == "markdown":
        return markdown(cell.source)
    if cell.cell_type != "code":
        return ""
    return (code(cell.source) if SHOW_CODE in tags(cell) else "") + outputs(cell)
