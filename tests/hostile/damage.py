"""Damaged notebooks, made from one that is whole: what editors, platforms, transfers and hands do to them.

Each damage is named, and says what has to survive it: `WHOLE` (every answer is where it was, or runs before what asks for it),
`SHOWN` (a person is sent to look for the written answer, the code survives), `SALVAGED` (the cells that are whole survive),
`REFUSED` (a sentence says why).
"""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

WHOLE, SHOWN, SALVAGED = "whole", "shown", "salvaged"
REFUSED, READ_OR_REFUSED = "refused", "read or refused"
WRITTEN = "ps1-discussion"
Notebook = dict[str, Any]


@dataclass(frozen=True)
class Damaged:
    """A damaged notebook, as the bytes of its file, and what becomes of it."""

    name: str
    content: bytes
    outcome: str
    whole_cells: int = 0


def corpus(whole: Notebook, seed: int = 0) -> Iterator[Damaged]:
    """Every damage in its variants, some three hundred. `whole` has its answers, the written one among them."""
    chance = random.Random(seed)
    for name, damage in PLATFORMS.items():
        yield Damaged(f"platform {name}", _bytes(damage(copy.deepcopy(whole))), WHOLE)
    for name, encode in ENCODINGS.items():
        yield Damaged(f"encoding {name}", encode(_bytes(whole)), WHOLE)
    for name, (damage, outcome) in HANDS.items():
        yield Damaged(f"hands {name}", _bytes(damage(copy.deepcopy(whole))), outcome)
    content = _bytes(whole)
    for name, damage in PLACES.items():
        yield Damaged(f"place {name}", damage(content), READ_OR_REFUSED)
    for k in range(60):
        start = content[: len(content) * (k + 1) // 62]
        yield Damaged(f"truncated {k}", start, SALVAGED, _whole_cells(whole, start))
    for k in range(60):
        yield Damaged(f"bytes changed {k}", _changed(content, chance), READ_OR_REFUSED)
    for k in range(len(whole["cells"])):
        yield Damaged(f"a cell less {k}", _bytes(_without(whole, k)), READ_OR_REFUSED)
        yield Damaged(f"a cell twice {k}", _bytes(_twice(whole, k)), WHOLE)
        yield Damaged(f"a foreign cell {k}", _bytes(_foreign(whole, k)), WHOLE)
    for k, cell in enumerate(whole["cells"]):
        for part, value in (("metadata", None), ("metadata", [1]), ("outputs", 5), ("source", list(_text(cell)))):
            yield Damaged(
                f"cell {k} with {part} {str(value)[:4]}", _bytes(_with(whole, k, part, value)), READ_OR_REFUSED
            )


def grade_id(cell: dict[str, Any]) -> str:
    metadata = cell.get("metadata")
    nbgrader = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return nbgrader.get("grade_id", "") if isinstance(nbgrader, dict) else ""


def _bytes(notebook: Notebook) -> bytes:
    return json.dumps(notebook, ensure_ascii=False).encode()


def _text(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def _whole_cells(notebook: Notebook, start: bytes) -> int:
    """How many of a notebook's cells are whole in the start of its file."""
    place = 0
    for count, cell in enumerate(notebook["cells"]):
        text = json.dumps(cell, ensure_ascii=False).encode()
        if (at := start.find(text, place)) < 0:
            return count
        place = at + len(text)
    return len(notebook["cells"])


def _changed(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(chance.choice((1, 3, 30))):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _without(notebook: Notebook, k: int) -> Notebook:
    return notebook | {"cells": notebook["cells"][:k] + notebook["cells"][k + 1 :]}


def _twice(notebook: Notebook, k: int) -> Notebook:
    return notebook | {"cells": [*notebook["cells"][:k], notebook["cells"][k], *notebook["cells"][k:]]}


def _foreign(notebook: Notebook, k: int) -> Notebook:
    foreign = {
        "cell_type": "code",
        "metadata": {},
        "source": "%matplotlib inline\n",
        "outputs": [],
        "execution_count": 1,
    }
    return notebook | {"cells": [*notebook["cells"][:k], foreign, *notebook["cells"][k:]]}


def _with(notebook: Notebook, k: int, part: str, value: Any) -> Notebook:
    cells = list(notebook["cells"])
    cells[k] = cells[k] | {part: value}
    return notebook | {"cells": cells}


def _metadata(**metadata: Any) -> Callable[[Notebook], Notebook]:
    return lambda notebook: notebook | {"metadata": metadata}


def _each(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[[Notebook], Notebook]:
    return lambda notebook: notebook | {"cells": [change(cell) for cell in notebook["cells"]]}


def _more_metadata(**more: Any) -> Callable[[Notebook], Notebook]:
    return _each(lambda cell: cell | {"metadata": cell["metadata"] | more})


def _outputs(megabytes: int) -> Callable[[Notebook], Notebook]:
    output = {"output_type": "display_data", "data": {"image/png": "A" * (megabytes << 20)}, "metadata": {}}
    return _each(lambda cell: cell | ({"outputs": [output]} if grade_id(cell) == "ps1-photo" else {}))


def _attached(notebook: Notebook) -> Notebook:
    picture = {"image.png": {"image/png": "A" * (4 << 20)}}
    return _each(lambda cell: cell | ({"attachments": picture} if grade_id(cell) == WRITTEN else {}))(notebook)


PLATFORMS: dict[str, Callable[[Notebook], Notebook]] = {
    "colab": _metadata(
        colab={"provenance": [], "toc_visible": True}, kernelspec={"name": "python3"}, accelerator="GPU"
    ),
    "colab cells": _more_metadata(id="x1y2", colab={"base_uri": "https://localhost:8080/"}, outputId="77"),
    "vs code": _metadata(language_info={"name": "python"}, vscode={"interpreter": {"hash": "0" * 64}}),
    "vs code cells": _more_metadata(vscode={"languageId": "python"}),
    "deepnote": _metadata(deepnote_notebook_id="a", deepnote_execution_queue=[]),
    "deepnote cells": _more_metadata(cell_id="x", deepnote_cell_type="code", source_hash="1", execution_start=1),
    "kaggle": _metadata(kaggle={"accelerator": "none", "dataSources": []}),
    "kaggle cells": _more_metadata(_uuid="x", _cell_guid="y", trusted=True, execution={"iopub.status.busy": "2026"}),
    "no metadata": _metadata(),
    "another kernel": _metadata(kernelspec={"name": "ir", "language": "R", "display_name": "R"}),
    "no kernel": _metadata(language_info={}),
    "widgets": _metadata(widgets={"application/vnd.jupyter.widget-state+json": {"state": {"a": "A" * (1 << 20)}}}),
    "minor 0": lambda notebook: notebook | {"nbformat_minor": 0},
    "minor 99": lambda notebook: notebook | {"nbformat_minor": 99},
    "format 5": lambda notebook: notebook | {"nbformat": 5},
    "no format": lambda notebook: {"cells": notebook["cells"]},
    "same ids": _each(lambda cell: cell | {"id": "same"}),
    "no ids": _each(lambda cell: {name: value for name, value in cell.items() if name != "id"}),
    "lines": _each(lambda cell: cell | {"source": _text(cell).splitlines(keepends=True)}),
    "no outputs": _each(lambda cell: {name: value for name, value in cell.items() if name != "outputs"}),
    "outputs of 8 MB": _outputs(8),
    "outputs of 40 MB": _outputs(40),
    "attachments": _attached,
    "windows line ends": _each(lambda cell: cell | {"source": _text(cell).replace("\n", "\r\n")}),
    "trailing space": _each(lambda cell: cell | {"source": _text(cell) + "\n\n  "}),
    "collapsed": _more_metadata(collapsed=True, scrolled=True, jupyter={"outputs_hidden": True}, tags=["x"]),
    "slides": _more_metadata(slideshow={"slide_type": "slide"}),
    "forged points": _each(lambda cell: _forge(cell, points=1000)),
    "unlocked": _each(lambda cell: _forge(cell, locked=False)),
    "schema 1": _each(lambda cell: _forge(cell, schema_version=1)),
}


def _forge(cell: dict[str, Any], **forged: Any) -> dict[str, Any]:
    if not grade_id(cell):
        return cell
    return cell | {"metadata": cell["metadata"] | {"nbgrader": cell["metadata"]["nbgrader"] | forged}}


def _in_place(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    return lambda content: content.replace(old, new, 1)


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "bom": lambda content: b"\xef\xbb\xbf" + content,
    "utf-16": lambda content: content.decode().encode("utf-16"),
    "utf-16 big end": lambda content: content.decode().encode("utf-16-be"),
    "utf-32": lambda content: content.decode().encode("utf-32"),
    "ascii": lambda content: json.dumps(json.loads(content)).encode(),
    "indented": lambda content: json.dumps(json.loads(content), indent=4).encode(),
    "carriage returns": lambda content: json.dumps(json.loads(content), indent=1).replace("\n", "\r\n").encode(),
    "a number of a million digits": _in_place(b'"execution_count": null', b'"execution_count": 1' + b"0" * 10**6),
    "space around": lambda content: b"\n\n \t" + content + b"\n\n",
}


PLACES: dict[str, Callable[[bytes], bytes]] = {
    "a merge that was left": _in_place(b'"metadata"', b'<<<<<<< HEAD\n"metadata"'),
    "a block of zeros": lambda content: content[: len(content) // 2] + bytes(512) + content[len(content) // 2 + 512 :],
    "in latin-1": _in_place(b"def integrated_gradients", b"# \xe9\\ndef integrated_gradients"),
    "no list of cells": _in_place(b'"cells": [', b'"cel'),
}
"""What breaks the JSON in one place."""


def _without_ids(notebook: Notebook) -> Notebook:
    return notebook | {"cells": [cell | {"metadata": {}} for cell in notebook["cells"]]}


def _written_moved(to: Callable[[list, int, dict], list]) -> Callable[[Notebook], Notebook]:
    """The written answer's cell as it was handed out, and its text elsewhere."""

    def moved(notebook: Notebook) -> Notebook:
        k = next(k for k, cell in enumerate(notebook["cells"]) if grade_id(cell) == WRITTEN)
        text = {"cell_type": "markdown", "metadata": {}, "source": notebook["cells"][k]["source"]}
        cells = list(notebook["cells"])
        cells[k] = cells[k] | {"source": "*Your answer goes here.*"}
        return notebook | {"cells": to(cells, k, text)}

    return moved


def _in_question(cells: list, k: int, text: dict) -> list:
    question = cells[k - 1] | {"source": _text(cells[k - 1]) + "\n\n" + _text(text)}
    return [*cells[: k - 1], question, *cells[k:]]


def _in_code(cells: list, k: int, text: dict) -> list:
    return [
        *cells[: k + 1],
        {"cell_type": "code", "metadata": {}, "source": text["source"], "outputs": []},
        *cells[k + 1 :],
    ]


def _printed(cells: list, k: int, text: dict) -> list:
    printed = {"cell_type": "code", "metadata": {}, "source": f"print({text['source']!r})", "outputs": []}
    return [*cells[: k + 1], printed, *cells[k + 1 :]]


def _commented(cells: list, k: int, text: dict) -> list:
    comment = {"cell_type": "code", "metadata": {}, "source": f"# {text['source']}", "outputs": []}
    return [*cells[: k + 1], comment, *cells[k + 1 :]]


def _split(notebook: Notebook) -> Notebook:
    """The answer of integrated gradients in two cells, of which the first keeps the id."""
    cells = []
    for cell in notebook["cells"]:
        if grade_id(cell) == "ps1-integrated-gradients-answer":
            cells += [cell | {"source": "steps = 3\n"}, {"cell_type": "code", "metadata": {}, "source": _text(cell)}]
        else:
            cells.append(cell)
    return notebook | {"cells": cells}


HANDS: dict[str, tuple[Callable[[Notebook], Notebook], str]] = {
    "answer below its cell": (_written_moved(lambda c, k, t: [*c[: k + 1], t, *c[k + 1 :]]), SHOWN),
    "answer above its cell": (_written_moved(lambda c, k, t: [*c[:k], t, *c[k:]]), SHOWN),
    "answer at the start": (_written_moved(lambda c, k, t: [t, *c]), SHOWN),
    "answer in the question": (_written_moved(_in_question), SHOWN),
    "answer in a raw cell": (_written_moved(lambda c, k, t: [*c, t | {"cell_type": "raw"}]), SHOWN),
    "answer in a code cell": (_written_moved(_in_code), SHOWN),
    "answer printed": (_written_moved(_printed), SHOWN),
    "answer in a comment": (_written_moved(_commented), SHOWN),
    "answer's cell retyped": (
        lambda n: _written_moved(lambda c, k, t: [*c[:k], t, *c[k + 1 :]])(n), SHOWN,
    ),
    "no ids at all": (_without_ids, SHOWN),
    "order reversed": (lambda n: n | {"cells": n["cells"][::-1]}, READ_OR_REFUSED),
    "split": (_split, READ_OR_REFUSED),
    "ten thousand cells": (lambda n: n | {"cells": n["cells"] + [{"cell_type": "code", "source": ""}] * 10_000}, WHOLE),
    "empty": (lambda n: {}, REFUSED),
    "no cells": (lambda n: n | {"cells": []}, READ_OR_REFUSED),
    "cells in a dictionary": (lambda n: n | {"cells": {"a": 1}}, REFUSED),
    "a billion signs of heading": (
        lambda n: {"nbformat": 3, "nbformat_minor": 0, "metadata": {}, "worksheets": [
            {"cells": [{"cell_type": "heading", "level": 10**9, "source": "x", "metadata": {}}]}]}, READ_OR_REFUSED,
    ),
    "six million values": (lambda n: n | {"metadata": {"a": [0] * 6_000_000}}, REFUSED),
}  # fmt: skip
