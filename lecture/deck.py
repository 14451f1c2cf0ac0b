"""An executed notebook as one reveal.js deck in one file: scripts, fonts, figures and equations are all inside it.

Cells say what they are by their slide type, as JupyterLab sets it: slide, fragment, notes, skip, or none for "more of the
same slide". The tags of a slide's first cell become its classes; code is shown where its cell is tagged `show-code`. Outputs of a
cell tagged `frames` lie on each other and come one by one; `question` marks what the room is asked before the next click.
"""

from dataclasses import dataclass, field
from pathlib import Path

from nbformat import NotebookNode

from lecture.assets import inlined_css, read_text
from lecture.cells import SHOW_CODE, code, each_output, markdown, outputs, tags
from lecture.templates import rendered

WIDTH, HEIGHT = 1280, 720
FRAMES, QUESTION = "frames", "question"
SMALLEST_CODE, LARGEST_CODE = 20, 24  # pixels
ROOM_FOR_CODE = (1120, 400)  # pixels of the slide
WIDTH_OF_A_SIGN, HEIGHT_OF_A_LINE = 0.6, 1.35  # of the size, in Source Code Pro


@dataclass
class DeckSlide:
    """One slide: its classes, its anchor, the HTML of its parts, and the HTML of its speaker notes."""

    classes: list[str]
    anchor: str = ""
    parts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_dark(self) -> bool:
        return not {"title", "chapter"}.isdisjoint(self.classes)


def slides(notebook: NotebookNode) -> list[DeckSlide]:
    """The slides of an executed notebook.

    Raises:
        ValueError: a cell with something to show comes before the first slide.
    """
    found: list[DeckSlide] = []
    for cell in notebook.cells:
        kind = cell.metadata.get("slideshow", {}).get("slide_type", "-")
        if kind == "skip":
            continue
        if kind == "slide":
            found.append(DeckSlide([tag for tag in tags(cell) if tag != SHOW_CODE], cell.metadata.get("anchor", "")))
        if not found:
            raise ValueError("the first cell that is shown has to be of slide type 'slide'.")
        if kind == "notes":
            found[-1].notes.append(_part(cell))
        elif part := _part(cell):
            marks = [tag for tag in (FRAMES, QUESTION) if tag in tags(cell)]
            classes = ["part", *(["fragment"] if kind == "fragment" else []), *marks]
            found[-1].parts.append(f'<div class="{" ".join(classes)}">{part}</div>')
    return found


def deck(notebook: NotebookNode, title: str) -> str:
    """The deck as one HTML page."""
    return rendered(
        "deck",
        title=title,
        slides=slides(notebook),
        style=inlined_css("reveal.css", "fonts.css", "math.css", "code.css", "deck.css"),
        reveal=read_text("reveal.js"),
        notes=read_text("notes.js"),
        width=WIDTH,
        height=HEIGHT,
    )


def write_deck(notebook: NotebookNode, path: Path) -> int:
    """Write the deck, and return how many slides it has."""
    path.write_text(deck(notebook, _title(notebook)), encoding="utf-8")
    return len(slides(notebook))


def _title(notebook: NotebookNode) -> str:
    return notebook.cells[0].source.splitlines()[0].lstrip("# ")


def _part(cell: NotebookNode) -> str:
    if cell.cell_type == "markdown":
        return markdown(cell.source)
    if cell.cell_type != "code":
        return ""
    shown = _frames(each_output(cell)) if FRAMES in tags(cell) else outputs(cell)
    if SHOW_CODE not in tags(cell):
        return shown
    return f'<div class="listing" style="font-size: {_code_size(cell)}px">{code(cell.source)}{shown}</div>'


def _code_size(cell: NotebookNode) -> int:
    """Pixels, as large as a program and what it prints can be, by their longest line and by their number of lines."""
    texts = [cell.source, *(output.get("text", "") for output in cell.outputs)]
    lines = [line for text in texts for line in text.splitlines()]
    width, height = ROOM_FOR_CODE
    fits = min(width / WIDTH_OF_A_SIGN / max(map(len, lines)), height / HEIGHT_OF_A_LINE / len(lines))
    return max(SMALLEST_CODE, min(LARGEST_CODE, int(fits)))


def _frames(frames: list[str]) -> str:
    """The first is there at once, each other comes with a click, over those before it."""
    return "".join(f'<div class="{"fragment" if at else "first"}">{frame}</div>' for at, frame in enumerate(frames))
