"""A new problem set: a notebook, a declaration, a check and corpus entries that release, run and are graded at once.

python -m autograder new-set ps5-saliency

The skeleton asks for one function and one written answer; docs/new-problem-set.md says how to go on from there.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import Environment, PackageLoader, StrictUndefined
from nbformat.notebooknode import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from autograder.course.commands import GradingError
from autograder.course.release import KIT
from autograder.task import ANSWER

NAME = re.compile(r"(?P<folder>ps\d+)-(?P<words>[a-z][a-z0-9]*(-[a-z0-9]+)*)")

KERNEL = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}

INTRODUCTION = """\
# Problem set {number}: {title}

**What you will be able to do:** ...

| part | what | difficulty | minutes | points | graded |
|---|---|---|---|---|---|
| 1 | gradient x input | ●○○ | 15 | 10 | automatically |
| 2 | what it shows | ●○○ | 10 | 4 | by hand |

**How it is graded.** Part 1 ends in a cell that calls `submit`. Run it as often as you like: it tells you at once which
properties your work has, what was seen, what was expected, and what to try."""

SETUP = """\
import torch

from autograder import submit"""

FUNCTION = """\
## 1. Gradient x input

*Difficulty ●○○, about 15 minutes, 10 points*

Write a function that returns the gradient of one class's score with respect to the input, times the input, as a tensor of the
shape of `x`. `forward` takes a batch `(B, *shape)` and returns scores `(B, K)`; `x` is one input `(*shape)`."""

ANSWERED = '''\
def gradient_times_input(forward, x, target):
    """The gradient of forward(x)[target] times x, a tensor of the shape of x."""
    ### BEGIN SOLUTION
    point = x.detach()[None].requires_grad_()
    gradient = torch.autograd.grad(forward(point)[0, target], point)[0][0]
    return gradient * x
    ### END SOLUTION'''

GRADED = """\
# Graded: 10 points. Run this cell to see what the grader sees.
submit("{folder}-function", gradient_times_input)"""

DISCUSSION = """\
## 2. What it shows

*Difficulty ●○○, about 10 minutes, 4 points, graded by hand*

In about 100 words: ...

| points | for |
|---|---|
| 2 | ... |
| 2 | ... |"""

DISCUSSED = """\
### BEGIN SOLUTION
...
### END SOLUTION"""


def new_set(name: str, title: str = "", kit: Path = KIT) -> list[Path]:
    """Write the skeleton of a problem set into the kit; the files written.

    Args:
        name: the set's id, for example "ps5-saliency"; its folders are named by what stands before the first hyphen.
        title: what the set is about, in a few words (default: the words of the name).

    Raises:
        GradingError: the name is none, or the set is there already.
    """
    match = NAME.fullmatch(name)
    if not match:
        raise GradingError(f"{name!r} cannot name a problem set; expected a number and words, for example ps5-saliency")
    folder = match["folder"]
    title = title or match["words"].replace("-", " ").capitalize()
    declared, entries = kit / "autograder" / "problem_sets" / folder, kit / "corpus" / folder
    notebook = kit / "solutions" / name / f"{name}.ipynb"
    for path in (declared, entries, notebook.parent):
        if path.exists():
            raise GradingError(f"{path.relative_to(kit)} is there already; choose another number or name")
    templates = Environment(
        loader=PackageLoader("autograder.course", "templates/new_set"),
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,  # what is written is Python
    )

    def filled(template: str) -> str:
        return templates.get_template(template).render(id=name, folder=folder, title=title)

    texts = {
        declared / "__init__.py": f'"""{title}."""\n',
        declared / "task.py": filled("task.py.jinja"),
        declared / "function.py": filled("function.py.jinja"),
        entries / "__init__.py": f'"""{title}."""\n',
        entries / "hand_ins.py": filled("hand_ins.py.jinja"),
        notebook: nbformat.writes(_notebook(folder, title)) + "\n",
    }
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return list(texts)


def _notebook(folder: str, title: str) -> NotebookNode:
    words = {"folder": folder, "number": folder.removeprefix("ps"), "title": title}
    task, discussion = f"{folder}-function", f"{folder}-discussion"
    notebook = new_notebook(
        metadata=KERNEL,
        cells=[
            new_markdown_cell(INTRODUCTION.format(**words), id=f"{folder}-title"),
            _code(f"{folder}-setup", SETUP, locked=True),
            new_markdown_cell(FUNCTION, id=f"{folder}-part-1"),
            _code(task + ANSWER, ANSWERED, solution=True),
            _code(task, GRADED.format(**words), locked=True, points=10),
            new_markdown_cell(DISCUSSION, id=f"{folder}-part-2"),
            new_markdown_cell(DISCUSSED, id=discussion, metadata=_nbgrader(discussion, solution=True, points=4)),
        ],
    )
    nbformat.validate(notebook)
    return notebook


def _code(cell_id: str, source: str, **kind: Any) -> NotebookNode:
    return new_code_cell(source, id=cell_id, metadata=_nbgrader(cell_id, **kind))


def _nbgrader(cell_id: str, *, locked: bool = False, solution: bool = False, points: float | None = None) -> dict:
    metadata = {
        "grade": points is not None,
        "grade_id": cell_id,
        "locked": locked,
        "schema_version": 3,
        "solution": solution,
        "task": False,
    }
    return {"nbgrader": metadata | ({} if points is None else {"points": points})}
