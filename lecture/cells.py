"""Notebook cells as HTML that needs nothing else: equations become MathML, figures are inlined with their alternative text."""

import html
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from io import BytesIO
from itertools import groupby
from typing import Any

from latex2mathml.converter import convert
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from PIL import Image
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer

SHOW_CODE = "show-code"
WEBP_QUALITY = 92  # where text in a figure still has clean edges


class AltTextError(ValueError):
    """A figure without words for those who do not see it."""


class _Renderer(IPythonRenderer):
    """Markdown to HTML, with every equation as MathML, which browsers draw by themselves."""

    def block_math(self, body: str) -> str:
        return _mathml(body, "block")

    def inline_math(self, body: str) -> str:
        return _mathml(body, "inline")


def _mathml(tex: str, display: str) -> str:
    # Marked, as browsers do not by themselves take the large form of a prime that stands in a superscript.
    return convert(tex.strip(), display=display).replace("<mi>&#x02032;</mi>", '<mi class="prime">&#x02032;</mi>')


def markdown(source: str) -> str:
    """Markdown with TeX equations as HTML.

    >>> "<mi>x</mi>" in markdown("the input $x$")
    True
    """
    return MarkdownWithMath(renderer=_Renderer(escape=False, exclude_anchor_links=True)).render(source)


def code(source: str) -> str:
    """Python code as HTML, its words in classes that `assets/code.css` colours."""
    without_gaps = re.sub(
        r"\n{3,}", "\n\n", source
    )  # a file has two empty lines around a function, a slide has no room
    return highlight(without_gaps, PythonLexer(), HtmlFormatter(cssclass="code"))


def outputs(cell: NotebookNode) -> str:
    """All that a code cell printed and returned.

    Raises:
        AltTextError: a picture has no alternative text.
    """
    return "\n".join(each_output(cell))


def each_output(cell: NotebookNode) -> list[str]:
    """The same, one by one."""
    return [shown for output in cell.outputs if (shown := _output(output))]


def tags(cell: NotebookNode) -> list[str]:
    """The cell's tags, as JupyterLab's property inspector shows them."""
    return cell.metadata.get("tags", [])


def _output(output: NotebookNode) -> str:
    if output.output_type == "stream":
        return printed(output.text.rstrip())
    if output.output_type not in ("display_data", "execute_result"):
        return ""
    if "image/png" in output.data:
        about = output.metadata.get("image/png", {})
        return _picture(b64decode(output.data["image/png"]), about)
    if "text/markdown" in output.data:
        return markdown(output.data["text/markdown"])
    if "text/html" in output.data:
        return output.data["text/html"]
    return printed(output.data.get("text/plain", ""))


def printed(text: str) -> str:
    """What was printed, as HTML: sentences wrap where there is no room, lines in columns stay lines."""
    groups = [(columns, "\n".join(lines)) for columns, lines in groupby(text.split("\n"), _is_in_columns)]
    if not any(columns for columns, _ in groups):
        return f'<pre class="printed">{html.escape(text)}</pre>'
    spans = (
        f'<span class="{"columns" if columns else "sentences"}">{html.escape(lines)}</span>'
        for columns, lines in groups
    )
    return f'<pre class="printed">{"".join(spans)}</pre>'


def _is_in_columns(line: str) -> bool:
    """Whether a line has gaps that align it with others, or is a rule between them."""
    return bool(re.search(r"\S\s{2,}\S", line) or re.fullmatch(r"[-=]{3,}", line.strip()))


def _picture(png: bytes, about: Mapping[str, Any]) -> str:
    alt = about.get("alt", "")
    if not alt.strip():
        raise AltTextError("a figure has no alternative text; draw it with igref.plots, or give it a description.")
    with Image.open(BytesIO(png)) as picture:
        buffer = BytesIO()
        picture.convert("RGB").save(
            buffer, format="webp", quality=WEBP_QUALITY, method=2
        )  # 4: 2 % smaller, twice the time
        width = about.get("width") or picture.width
        height = round(picture.height * width / picture.width)
    data = b64encode(buffer.getvalue()).decode("ascii")
    maps = f' data-narrowest-map="{about["narrowest_map"]}"' if "narrowest_map" in about else ""
    return (
        f'<img src="data:image/webp;base64,{data}" alt="{html.escape(alt, quote=True)}" '
        f'width="{width}" height="{height}"{maps}>'
    )
