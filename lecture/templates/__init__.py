"""The pages' frames: the deck, a page to read, the explorer, the live page. What goes into them is made by the modules beside."""

from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


def rendered(name: str, **parts: Any) -> str:
    """A page in one file from its frame and its parts. A part that a frame does not mark as safe is escaped.

    Raises:
        jinja2.UndefinedError: a part is missing.
    """
    return _environment().get_template(f"{name}.html.jinja").render(parts)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("lecture"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
