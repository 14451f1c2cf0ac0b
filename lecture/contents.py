"""The page that leads to all others: a card for each, with a picture that comes from the build."""

import html
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO

from nbformat import NotebookNode
from PIL import Image

import igref
from lecture.assets import inlined_css
from lecture.cells import markdown
from lecture.templates import rendered

CARD = (480, 300)  # pixels of a picture, on screens with two pixels in one
TILE = 120


@dataclass(frozen=True)
class Card:
    """A page of the lecture.

    Attributes:
        page: its address from the index.
        title: what it is called.
        about: one sentence, in Markdown.
        picture: HTML, or nothing.
    """

    page: str
    title: str
    about: str
    picture: str


def contents(groups: Mapping[str, Sequence[Card]]) -> str:
    """The page: a heading for each group of cards."""
    style = inlined_css("fonts.css", "page.css", "index.css")
    return rendered("index", style=style, groups=groups, markdown=markdown, credits=credits())


def credits() -> str:
    """Whose the kit's photos are, and under which licence they may be shown."""
    return "; ".join(sorted({photo.source for photo in igref.load_photos()}))


def first_figure(notebook: NotebookNode, title: str) -> str:
    """The first figure that an executed notebook shows, made small."""
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if png := output.get("data", {}).get("image/png"):
                with Image.open(BytesIO(b64decode(png))) as picture:
                    return _small(picture.convert("RGB"), f"the first figure of “{title}”")
    return ""


def along_the_path() -> str:
    """A photo as it comes out of black, as the explorer shows it."""
    photo = _tiles()["coffee"]
    black = Image.new("RGB", photo.size)
    return _row(
        [Image.blend(black, photo, share) for share in (0.1, 0.3, 0.6, 1)],
        "a cup that comes out of the dark in four steps",
    )


def the_kits_photos() -> str:
    """Some of the photos that the live page begins with."""
    tiles = list(_tiles().values())
    return _row(tiles[: 2 * (len(tiles) // 2)], "photos that come with the course kit", rows=2)


def _tiles() -> dict[str, Image.Image]:
    return {
        photo.name: Image.fromarray((255 * photo.pixels.permute(1, 2, 0)).round().byte().numpy()).resize((TILE, TILE))
        for photo in igref.load_photos()
    }


def _row(tiles: Sequence[Image.Image], words: str, rows: int = 1) -> str:
    columns = len(tiles) // rows
    sheet = Image.new("RGB", (columns * TILE, rows * TILE), "white")
    for at, tile in enumerate(tiles):
        sheet.paste(tile, (at % columns * TILE, at // columns * TILE))
    return _small(sheet, words)


def _small(picture: Image.Image, words: str) -> str:
    picture.thumbnail(CARD)
    buffer = BytesIO()
    picture.save(buffer, format="webp", quality=85, method=4)
    data = b64encode(buffer.getvalue()).decode("ascii")
    size = f'width="{picture.width}" height="{picture.height}"'
    return f'<img src="data:image/webp;base64,{data}" alt="{html.escape(words, quote=True)}" {size}>'
