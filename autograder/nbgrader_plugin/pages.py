"""How a student's text becomes HTML in nbgrader's pages: nothing of it acts in a browser, holds up the page, or asks for a network.

nbgrader's own pages show markdown as it comes, and the instructor who reads them is logged in to formgrader.
"""

from __future__ import annotations

import re
import secrets
from html import escape
from typing import Any
from urllib.parse import unquote

import bleach
from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert.filters.ansi import ansi2html, strip_ansi
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from autograder.nbgrader_plugin.submitted_notebook import SHOWN_IMAGES, plain_pictures

TAGS = {
    *bleach.ALLOWED_TAGS,
    *("br", "del", "div", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "img", "p", "pre", "s", "span", "sub", "sup"),
    *("table", "tbody", "td", "tfoot", "th", "thead", "tr", "u"),
}
ATTRIBUTES = {("img", "alt"), ("img", "width"), ("img", "height"), ("span", "class"), ("ol", "start")}
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
PICTURES = ("data:image/png;base64,", "data:image/jpeg;base64,")
MAX_MARKDOWN = 50_000
"""Characters. The renderer's time grows faster than its text."""
MAX_PAGE_MARKDOWN = 400_000
"""Characters of a page that are rendered, in cells of at most MAX_MARKDOWN; cells after them are shown as they were written. 50,000
characters of formulas, the slowest, take 5 seconds of the processor."""
RENDERED = "rendered_markdown"
"""Where a page's resources keep how many characters of it have been rendered."""
MAX_COLOURS = 2000
"""Changes of colour in a text from a terminal: nbconvert copies the rest of the text at each."""


class Renderer(IPythonRenderer):
    """nbconvert's, but one attachment that is not to be had does not cost the whole cell, and formulas are MathML.

    Formulas come in when all else has been made harmless: until then a mark stands for each.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.formulas: dict[str, str] = {}
        self._key = secrets.token_hex(8)

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
    of_the_page = context.get("resources") or {}
    rendered = of_the_page.get(RENDERED, 0) + len(source)
    if len(source) > MAX_MARKDOWN or rendered > MAX_PAGE_MARKDOWN:
        return f"<pre>{escape(source)}</pre>"
    of_the_page[RENDERED] = rendered
    renderer = Renderer(escape=False, attachments=pictures, exclude_anchor_links=True)
    try:
        page = MarkdownWithMath(renderer=renderer).render(source)
    except Exception:
        return f"<pre>{escape(source)}</pre>"
    harmless = bleach.clean(page, tags=TAGS, attributes=_allowed, protocols={"http", "https", "mailto", "data"})
    for mark, formula in renderer.formulas.items():
        harmless = harmless.replace(mark, formula)
    return harmless.replace("<table>", TABLE)


def terminal_text(text: str) -> str:
    """Text with a terminal's colours as HTML; without them where there are too many, or some that are none."""
    if text.count("\x1b") > MAX_COLOURS:
        text = strip_ansi(text)
    try:
        return ansi2html(text)
    except Exception:  # nbconvert takes a colour for complete that is not
        return escape(strip_ansi(text))


def mathml(formula: str, display: str = "inline") -> str:
    """A formula in TeX as MathML; as it was written where it cannot be read.

    >>> mathml("x^2")
    '<math display="inline"><mrow><msup><mi>x</mi><mn>2</mn></msup></mrow></math>'
    """
    try:
        converted = convert(formula, display=display)
    except Exception:  # a parser that raises a dozen kinds for what is no formula
        return f"<code>{escape(formula)}</code>"
    return bleach.clean(converted, tags=MATH_TAGS, attributes=MATH_ATTRIBUTES)


def _allowed(tag: str, name: str, value: str) -> bool:
    if (tag, name) == ("img", "src"):
        return value.startswith(PICTURES)
    if name == "href":
        return not value.strip().lower().startswith("data:")
    return (tag, name) in ATTRIBUTES or name == "title"
