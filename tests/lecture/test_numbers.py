"""Numbers that came out of a run are not typed into texts: what is typed is a definition, a setting or a source, listed here."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from lecture.build import LECTURE, notebooks
from lecture.handout import TEXT
from lecture.measured.page import TEMPLATE

NUMBER = re.compile(r"(?<![\w.:/#-])[+-]?(\d[\d,]*\.\d+|\d[\d,]*\s?%|\d[\d,]*\d)(?![\w]|\.\d|-\w)")
# What may be typed, and why.
TYPED = {
    "a tolerance of the course": {"5 %", "5%"},
    "a definition": {"95 %", "1000", "6.9", "150,528"},
    "the course's points": {"20", "40", "50"},
    "the course's range of steps and images": {"200", "10"},
    "a number of the paper or of the report": {"300", "1100"},
    "of an example whose output stands beside the sentence": {"20 %"},
    "a setting of the cell beside": {
        "15",
        "16",
        "30",
        "32",
        "45",
        "50",
        "60",
        "70",
        "90",
        "100",
        "110",
        "180",
        "201",
        "1.5",
        "2.5",
        "100 %",
    },
    "a count that follows from a shape": {"81"},
    "the minutes of the story": {"80", "90", "14", "12", "15"},
}
ALLOWED = set().union(*TYPED.values())
SOURCE = re.compile(
    r"arXiv \d+\.\d+|[Ss]ection \d\.\d|`[^`]*`|\$[^$]*\$|Apache-2\.0|CIFAR-10|\b(?:19|20)\d\d\b|https?://\S+"
    r"|Part \d+, [^:]*: \d+ minutes"
)


def texts(path: Path) -> Iterator[str]:
    """What a reader gets to see that somebody typed: prose, and the fixed parts of sentences that code makes."""
    if path.suffix == ".md":
        yield path.read_text(encoding="utf-8")
        return
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            yield cell.source
        elif cell.cell_type == "code":
            for node in ast.walk(ast.parse(cell.source)):
                if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("Markdown", "HTML"):
                    yield "".join(_typed(node))


def _typed(node: ast.AST) -> Iterator[str]:
    """The strings under a node, without what formats a computed number."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in () if isinstance(node, ast.FormattedValue) else ast.iter_child_nodes(node):
        yield from _typed(child)


def typed_numbers(text: str) -> list[str]:
    """The numbers of a text that are neither part of a source nor allowed."""
    found = (match[1].replace("\xa0", " ").strip() for match in NUMBER.finditer(SOURCE.sub(" ", text)))
    return [number for number in found if number not in ALLOWED]


@pytest.mark.parametrize("path", [*notebooks(), TEXT, TEMPLATE], ids=lambda path: path.name)
def test_no_result_is_typed(path):
    found = {text.splitlines()[0][:60]: wrong for text in texts(path) if text and (wrong := typed_numbers(text))}
    assert found == {}, f"{path.relative_to(LECTURE)}: compute these in a code cell that displays Markdown"


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("the score is 0.57", ["0.57"]),
        ("a share of 37 % is dark", ["37 %"]),
        ("4,321 numbers", ["4,321"]),
        ("within 5 % of F, Sundararajan 2017, arXiv 1703.01365, section 2.1", []),
    ],
)
def test_what_counts_as_typed(text, wrong):
    assert typed_numbers(text) == wrong


def test_nothing_is_allowed_that_no_text_holds():
    there = " ".join(text for path in [*notebooks(), TEXT, TEMPLATE] for text in texts(path))
    numbers = {match[1].replace("\xa0", " ").strip() for match in NUMBER.finditer(SOURCE.sub(" ", there))}
    assert ALLOWED - numbers == set()
