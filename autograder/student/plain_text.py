"""Text from elsewhere, made fit to be written down."""

from __future__ import annotations

from typing import Any


def writable(value: Any) -> Any:
    """The same value with every text in it, however deep, in characters that UTF-8 can write.

    JSON may hold halves of characters, and file names bytes that are no text; neither can be stored again.

    >>> writable({"a": ["b", "\\ud800"]})
    {'a': ['b', '?']}
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list | tuple):
        return [writable(item) for item in value]
    if isinstance(value, dict):
        return {writable(key): writable(item) for key, item in value.items()}
    return value


def printable(text: str) -> str:
    """The text with a sign in place of each character that a terminal would obey instead of showing it.

    >>> printable("red \\x1b[31m")
    'red �[31m'
    """
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
