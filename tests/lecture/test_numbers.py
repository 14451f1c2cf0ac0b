"""Numbers that came out of a run are not typed into texts: what is typed is a definition, a setting or a source."""

import re

import nbformat
import pytest

from lecture.build import LECTURE, notebooks

RESULT = re.compile(r"(?<![\w.:/])[+-]?(\d+\.\d+|\d+(\.\d+)?\s?%)(?![\w.]|-\w)")
# What may be typed, and why.
TYPED = {
    "5 %": "the course's tolerance",
    "5%": "the same, as the report writes it",
    "95 %": "of an interval, a definition",
    "20 %": "of an example whose output stands beside the sentence",
    "6.9": "ln 1000",
    "1.5": "a setting of zoom",
    "2.5": "a setting of zoom",
    "0.1": "a sign of a baseline, in a table of settings",
}
SOURCE = re.compile(r"arXiv \d+\.\d+|section \d\.\d|`[^`]*`|\$[^$]*\$|Apache-2\.0")


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)
def test_no_result_is_typed(path):
    found = {}
    for cell in nbformat.read(path, as_version=4).cells:
        if cell.cell_type == "markdown":
            text = SOURCE.sub("", cell.source)
            typed = [match[0].strip() for match in RESULT.finditer(text)]
            if wrong := [number for number in typed if number.replace("\xa0", " ") not in TYPED]:
                found[cell.source.splitlines()[0][:60]] = wrong
    assert found == {}, f"{path.relative_to(LECTURE)}: compute these in a code cell that displays Markdown"
