"""How a student's text becomes HTML in nbgrader's pages: nothing of it acts in a browser, holds up the page, or asks for a network.

nbgrader's own pages show markdown as it comes, and the instructor who reads them is logged in to formgrader.
"""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterable
from html import escape, unescape
from typing import Any
from urllib.parse import unquote

import bleach
from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert.filters.ansi import ansi2html, strip_ansi
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from autograder.nbgrader_plugin.submitted_notebook import SHOWN_IMAGES, plain_pictures

TAGS = {
    *bleach.ALLOWED_TAGS,
    *("br", "del", "div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img", "p", "pre", "s", "span", "sub", "sup"),
    *("table", "tbody", "td", "tfoot", "th", "thead", "tr", "u"),
}
ATTRIBUTES = {("img", "alt"), ("img", "width"), ("img", "height"), ("ol", "start")}
"""No class: with one of the page's own, a student's text would look like the page's score."""
MATH_TAGS = {
    *(
        "math",
        "menclose",
        "mfrac",
        "mi",
        "mmultiscripts",
        "mn",
        "mo",
        "mover",
        "mpadded",
        "mphantom",
        "mroot",
        "mrow",
        "mspace",
    ),
    *("msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder", "munderover"),
}
MATH_ATTRIBUTES = [
    *("accent", "columnalign", "columnlines", "columnspacing", "display", "displaystyle", "fence", "form", "largeop"),
    *(
        "lspace",
        "mathvariant",
        "maxsize",
        "minsize",
        "movablelimits",
        "rowspacing",
        "rspace",
        "scriptlevel",
        "separator",
    ),
    *("stretchy", "width"),
]
LINKS = ("http", "https", "mailto")
PICTURES = ("data:image/png;base64,", "data:image/jpeg;base64,")
MAX_MARKDOWN = 50_000
"""Characters. The renderer's time grows faster than its text."""
MAX_PAGE_MARKDOWN, MAX_PAGE_SECONDS = 400_000, 10
"""Characters of a page that are rendered, in cells of at most MAX_MARKDOWN, and the seconds of the processor after which no other
cell is begun; cells after them are shown as they were written. 50,000 characters of lists within each other, the slowest, take 8 to
12 of them."""
MAX_FORMULA = 4000
"""Characters. The time for `f'f'f'...` grows with the square of its length."""
MAX_OPENINGS = 500
"""Signs that begin a formula with two backslashes: for each that has no end, the rest of the text is searched."""
OPENING = re.compile(r"\\\\[\[(]")
MAX_COLOURS, MAX_PAGE_COLOURS = 2000, 20_000
"""Changes of colour in a text from a terminal, and in a page; what has more is shown without."""
MAX_COPIED = 10**9
"""Characters: nbconvert copies the rest of a text at each change of colour."""
LONG_SEQUENCE = re.compile(r"\x1b\[[^@-~\n]{65,}[@-~]")
"""A change of colour that has no end: nbconvert takes its numbers from the front of a list, which moves all that are left."""
MAX_CODE, MAX_PAGE_CODE, MAX_CODE_LINE = 20_000, 200_000, 1000
"""Characters of a cell's code, of a page's, and of a line that are highlighted: a lexer's time may grow with a line's square."""
RENDERED, COLOURS, HIGHLIGHTED = "rendered_markdown", "shown_colours", "highlighted_code"
RENDERING = "seconds_of_rendering"
"""Where a page's resources keep how much of it has been."""
KNOWN = "known_texts"
"""Where they have what has been made of texts already, by its kind and the text: most of a notebook is as it was handed out."""


class Renderer(IPythonRenderer):
    """nbconvert's, but one attachment that is not to be had does not cost the whole cell, and formulas are MathML.

    Formulas come in when all else has been made harmless: until then a mark stands for each.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.formulas: dict[str, str] = {}
        self._key = secrets.token_hex(8)
        self.marks = re.compile(rf"formula-{self._key}-\d+-")

    def inline_math(self, body: str) -> str:
        return self._formula(body, "inline")

    def block_math(self, body: str) -> str:
        return self._formula(body, "block")

    def latex_environment(self, name: str, body: str) -> str:
        return self._formula(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")

    def _formula(self, body: str, display: str) -> str:
        mark = f"formula-{self._key}-{len(self.formulas)}-"
        self.formulas[mark] = mathml(body, display)
        return mark

    def image(self, text: str, url: str, title: str | None = None) -> str:
        try:
            shown = self._picture(url)
        except KeyError:
            return f"<em>[the picture “{escape(unquote(url.removeprefix(ATTACHMENT))[:100])}” cannot be shown]</em>"
        # Past the parent's own, which would look the attachment up once more.
        return super(IPythonRenderer, self).image(text, shown, title)

    def inline_html(self, html: str) -> str:
        return super().inline_html(self._with_pictures(html))

    def block_html(self, html: str) -> str:
        return super().block_html(self._with_pictures(html))

    def _picture(self, url: str) -> str:
        """The picture itself in place of the name of an attachment, which may be percent-encoded. KeyError: there is none."""
        if not url.startswith(ATTACHMENT):
            return url
        name = url.removeprefix(ATTACHMENT)
        data = self.attachments.get(name) or self.attachments[unquote(name)]
        kind = next(kind for kind in SHOWN_IMAGES if kind in data)
        return f"data:{kind};base64,{data[kind]}"

    def _with_pictures(self, html: str) -> str:
        def picture(found: re.Match[str]) -> str:
            try:
                return found[1] + self._picture(found[2]) + found[3]
            except KeyError:
                return found[0]

        return IMAGE_OF_ATTACHMENT.sub(picture, html)


ATTACHMENT = "attachment:"
IMAGE_OF_ATTACHMENT = re.compile(r"""(<img\b[^<>]{0,500}?\bsrc=["'])(attachment:[^"'<>]{1,200})(["'])""", re.IGNORECASE)

TABLE = '<table class="table table-condensed" style="width: auto">'
"""How a table begins: nbgrader's pages space the columns of those with a class only."""


@pass_context
def markdown(context: Any, source: str) -> str:
    """Markdown as HTML with harmless tags only. What the renderer cannot take is shown as it was written."""
    pictures = plain_pictures(context.get("cell", {}).get("attachments"))
    if not pictures and (known := _known(context, RENDERED, source)):
        return known
    too_much = len(source) > MAX_MARKDOWN or sum(1 for _ in OPENING.finditer(source)) > MAX_OPENINGS
    if too_much or not _is_left(context, RENDERED, len(source), MAX_PAGE_MARKDOWN):
        return f"<pre>{escape(source)}</pre>"
    of_the_page = context.get("resources") or {}
    if of_the_page.get(RENDERING, 0) >= MAX_PAGE_SECONDS:
        return f"<pre>{escape(source)}</pre>"
    started = time.thread_time()
    try:
        return _rendered(source, pictures)
    except Exception:
        return f"<pre>{escape(source)}</pre>"
    finally:
        of_the_page[RENDERING] = of_the_page.get(RENDERING, 0) + time.thread_time() - started


def _rendered(source: str, pictures: dict[str, dict[str, str]]) -> str:
    renderer = Renderer(escape=False, attachments=pictures, exclude_anchor_links=True)
    page = MarkdownWithMath(renderer=renderer).render(source)
    harmless = bleach.clean(page, tags=TAGS, attributes=_allowed, protocols={*LINKS, "data"})
    with_formulas = renderer.marks.sub(lambda found: renderer.formulas[found[0]], harmless)
    return with_formulas.replace("<table>", TABLE)


@pass_context
def output(context: Any, text: str) -> str:
    """Text from a terminal as HTML, with the colours that are left to its page."""
    return terminal_text(text if _is_left(context, COLOURS, text.count("\x1b"), MAX_PAGE_COLOURS) else strip_ansi(text))


def terminal_text(text: str) -> str:
    """Text with a terminal's colours as HTML; without them where there are too many, or some that are none."""
    text = LONG_SEQUENCE.sub("", text)
    changes = text.count("\x1b")
    if changes > MAX_COLOURS or changes * len(text) > MAX_COPIED:
        text = strip_ansi(text)
    try:
        return ansi2html(text)
    except Exception:  # nbconvert takes a colour for complete that is not
        return escape(strip_ansi(text))


@pass_context
def code(context: Any, source: str, language: str | None = None, metadata: Any = None) -> str:
    """A cell's code as HTML, in colours where it is not too long for that: those of Python, whatever magic it begins with."""
    if known := _known(context, HIGHLIGHTED, source):
        return known
    too_long = len(source) > MAX_CODE or max(map(len, source.splitlines()), default=0) > MAX_CODE_LINE
    if too_long or not _is_left(context, HIGHLIGHTED, len(source), MAX_PAGE_CODE):
        return f'<div class="highlight"><pre>{escape(source)}</pre></div>'
    return str(Highlight2HTML(pygments_lexer="ipython3")(source))


def texts_of(cells: Iterable[NotebookNode]) -> dict[tuple[str, str], str]:
    """What a page shows of the sources of some cells, for KNOWN."""
    found = {}
    for cell in cells:
        if cell.cell_type == "code":
            found[HIGHLIGHTED, cell.source] = code({}, cell.source)
        elif cell.cell_type == "markdown" and not cell.get("attachments"):
            found[RENDERED, cell.source] = markdown({}, cell.source)
    return found


def _known(context: Any, kind: str, source: str) -> str:
    """What has been made of a text already; empty where nothing has."""
    return (context.get("resources") or {}).get(KNOWN, {}).get((kind, source), "")


def mathml(formula: str, display: str = "inline") -> str:
    """A formula in TeX as MathML; as it was written where it cannot be read.

    >>> mathml("x^2")
    '<math display="inline"><mrow><msup><mi>x</mi><mn>2</mn></msup></mrow></math>'
    """
    if len(formula) > MAX_FORMULA:
        return f"<code>{escape(formula)}</code>"
    try:
        converted = convert(formula, display=display)
    except Exception:  # a parser that raises a dozen kinds for what is no formula
        return f"<code>{escape(formula)}</code>"
    return bleach.clean(converted, tags=MATH_TAGS, attributes=MATH_ATTRIBUTES)


def _is_left(context: Any, kind: str, amount: int, most: int) -> bool:
    """Whether a page has room for so much more of a kind; then it has that much less."""
    of_the_page = context.get("resources") or {}
    used = of_the_page.get(kind, 0) + amount
    if used > most:
        return False
    of_the_page[kind] = used
    return True


def _allowed(tag: str, name: str, value: str) -> bool:
    if (tag, name) == ("img", "src"):
        return value.startswith(PICTURES)
    if name == "href":
        return _scheme(value) in (*LINKS, "")
    return (tag, name) in ATTRIBUTES or name == "title"


def _scheme(address: str) -> str:
    """The scheme that a browser sees in an address: it takes entities for what they mean, and no notice of control characters.

    >>> _scheme("\\x01Da&Tab;ta&#58;text/html,x"), _scheme("slides/a.html#b:c")
    ('data', '')
    """
    read = re.sub(r"[\x00-\x20\x7f-\xa0\s]", "", unescape(unescape(address))).lower()
    found = re.match(r"([^/?#:]*):", read)
    return found[1] if found else ""
