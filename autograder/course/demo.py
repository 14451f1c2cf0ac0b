"""A small class of made-up students, graded in a scratch folder: `make demo`.

Each student's notebook is made from the released one, by filling in its answer cells.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from rich.console import Console

from autograder.course.classroom import grade_class
from autograder.course.commands import nbgrader
from autograder.course.release import make_course
from autograder.course.table import Result
from autograder.task import ANSWER

ASSIGNMENT = "ps1-attribution"

GRADIENT = """
def input_gradient(forward, x, target):
    point = x.detach()[None].requires_grad_()
    return torch.autograd.grad(forward(point)[0, target], point)[0][0]
"""

INTEGRATED = """
def integrated_gradients(forward, x, baseline, target, n_steps):
    total = torch.zeros_like(x)
    for k in range(1, n_steps + 1):
        total += input_gradient(forward, baseline + k / n_steps * (x - baseline), target)
    return (x - baseline) * total / n_steps
"""

ANOTHER_STYLE = """
import numpy as np

def input_gradient(forward, x, target):
    leaf = x.clone().unsqueeze(0)
    leaf.requires_grad = True
    forward(leaf).select(1, target).sum().backward()
    return leaf.grad.squeeze(0)
"""

ANOTHER_STYLE_INTEGRATED = '''
def integrated_gradients(forward, x, baseline, target, n_steps):
    """The trapezoid rule, with NumPy for the sum."""
    gradients = [
        input_gradient(forward, torch.lerp(baseline, x, float(a)), target).numpy()
        for a in np.linspace(0, 1, n_steps + 1)
    ]
    mean = np.trapezoid(np.stack(gradients), dx=1 / n_steps, axis=0)
    return torch.from_numpy((x.numpy() - baseline.numpy()) * mean).to(x.dtype)
'''

WARNS = """
import sys
import warnings

def input_gradient(forward, x, target):
    print("computing a gradient ...", file=sys.stderr)
    warnings.warn("this takes a while")
    point = x.detach()[None].requires_grad_()
    return torch.autograd.grad(forward(point)[0, target], point)[0][0]
"""

FORGES = '''
import ast, builtins, json, os, sys
import numpy as np

class Always(float):
    """Equal to everything, and never less or more."""
    __eq__ = __ge__ = __le__ = lambda self, other: True
    __ne__ = __lt__ = __gt__ = lambda self, other: False
    __hash__ = float.__hash__
    def __array__(self, *args, **kwargs): return np.full(9, 8.0)

class NoAsserts(ast.NodeTransformer):
    def visit_Assert(self, node): return ast.Pass()

get_ipython().ast_transformers.append(NoAsserts())
get_ipython().input_transformers_post.append(lambda lines: ["8.0\\n"] if "submit(" in "".join(lines) else lines)

import autograder.student.evidence, autograder.student.submit
folder = os.environ.get("AUTOGRADER_EVIDENCE", ".")
for task in ("ps1-input-gradient", "ps1-integrated-gradients", "ps1-photo"):
    open(os.path.join(folder, task + ".json"), "w").write(json.dumps({"points": 8, "answers": {}, "values": {}}))
    np.savez(os.path.join(folder, task + ".npz"), points=np.array(8.0))
for place in ("gradebook.db", "../gradebook.db", "../../gradebook.db"):
    try: print(open(place, "rb").read(16))
    except OSError as error: print(place, error)

submit = autograder.student.submit.submit = lambda *args, **kwargs: Always(8.0)

def input_gradient(forward, x, target): return Always(4.0)
'''

DIES = """
import os

def integrated_gradients(forward, x, baseline, target, n_steps):
    os._exit(1)
"""


@dataclass(frozen=True)
class Student:
    """A made-up student. `answers` maps a task to the source of its answer cell; None takes the solution's."""

    name: str
    about: str
    answers: dict[str, str | None] = field(default_factory=dict)


def _student(name: str, about: str, gradient: str | None, integrated: str | None, photo: str | None = None) -> Student:
    tasks = ("ps1-input-gradient", "ps1-integrated-gradients", "ps1-photo", "ps1-discussion")
    return Student(name, about, dict(zip(tasks, (gradient, integrated, photo, None), strict=True)))


STUDENTS = (
    _student("ada", "the reference solution", None, None),
    _student("ben", "correct, in another style", ANOTHER_STYLE, ANOTHER_STYLE_INTEGRATED),
    _student("carla", "correct, with warnings on stderr", WARNS, INTEGRATED),
    _student("dan", "forgets the factor x - x'", GRADIENT, INTEGRATED.replace("(x - baseline) * total", "total")),
    _student(
        "eva",
        "takes the gradient at the end point only",
        GRADIENT,
        INTEGRATED.replace("total / n_steps", "input_gradient(forward, x, target)"),
    ),
    Student("finn", "hands in the notebook untouched"),
    _student("greta", "forges the checks", FORGES, "integrated_gradients = lambda *args: Always(8.0)", "pass"),
    _student("hugo", "ends the process in the middle of a task", GRADIENT, DIES),
    _student(
        "ines",
        "returns NumPy arrays",
        GRADIENT.replace("[0][0]\n", "[0][0].numpy()\n"),
        INTEGRATED.replace("(x - baseline) * total / n_steps", "((x - baseline) * total / n_steps).numpy()"),
    ),
    Student("jonas", "hands in a damaged file"),
)


def grade_made_up_class(console: Console, jobs: int) -> list[Result]:
    """Build the class in a scratch folder and grade it; who got what, and why."""
    course = Path(tempfile.mkdtemp(prefix="ig-demo-"))
    console.print(f"A class of {len(STUDENTS)} in {course}")
    make_course(course)
    nbgrader(course, "generate_assignment", ASSIGNMENT)
    hand_in(course, STUDENTS)
    return grade_class(course, [ASSIGNMENT], console, count=jobs)[ASSIGNMENT]


def hand_in(course: Path, students: tuple[Student, ...]) -> None:
    """Put each student's notebook where nbgrader collects it."""
    notebook = f"{ASSIGNMENT}.ipynb"
    solutions = _answers(course / "solutions" / ASSIGNMENT / notebook)
    for student in students:
        folder = course / "submitted" / student.name / ASSIGNMENT
        folder.mkdir(parents=True)
        released = nbformat.read(course / "assignments" / ASSIGNMENT / notebook, as_version=4)
        for cell in released.cells:
            cell_id = cell.metadata.get("nbgrader", {}).get("grade_id", "")
            task = cell_id.removesuffix(ANSWER)
            if cell_id in solutions and task in student.answers:
                answer = student.answers[task]
                cell.source = solutions[cell_id] if answer is None else answer.strip("\n")
        nbformat.write(released, folder / notebook)
        if student.name == "jonas":
            content = (folder / notebook).read_bytes()
            (folder / notebook).write_bytes(content[: len(content) // 2])


def _answers(solution: Path) -> dict[str, str]:
    cells = nbformat.read(solution, as_version=4).cells
    return {
        cell.metadata.nbgrader.grade_id: _without_marks(cell.source)
        for cell in cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }


def _without_marks(source: str) -> str:
    return "\n".join(line for line in source.splitlines() if not line.strip().endswith(" SOLUTION"))
