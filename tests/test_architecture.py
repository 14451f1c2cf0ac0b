"""The layers of the grader: who may import whom. docs/architecture.md shows the same table; igref has tests of its own."""

import ast
import re
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from autograder.student.submit import _feedback

KIT = Path(__file__).resolve().parent.parent

MAY_IMPORT = {
    "task": set(),
    "declarations": {"task"},
    "student": {"task", "declarations"},
    "judge": {"task", "student"},
    "checks": {"task", "student", "judge", "declarations"},
    "sandbox": {"task", "student", "judge"},
    "checking": {"task", "student", "judge", "declarations", "checks", "sandbox"},
    "check": {"task", "student", "judge", "declarations", "sandbox", "checking"},
    "nbgrader_plugin": {"task", "student", "judge", "declarations", "sandbox", "checking"},
    "course": {"task", "student", "judge", "declarations", "sandbox", "checking", "nbgrader_plugin"},
}
"""What each layer may import beside itself and igref. A layer is a folder of autograder/, but for problem_sets/: its
`__init__` and the sets' task.py are declarations, checking.py asks the check of a task, all else are checks."""

FEEDBACK = ("autograder.student.submit", _feedback.__name__)
"""In a student's own notebook `submit` asks the judge, by imports inside one function: the one way up there is."""

FORBIDDEN_TO_JUDGE = re.compile(r"(nbgrader|jupyter\w*|nbconvert|nbclient|ipykernel|subprocess|multiprocessing)(\.|$)")


@cache
def modules() -> dict[str, Path]:
    """Every module of the grader, by its dotted name."""
    found = {}
    for path in (KIT / "autograder").rglob("*.py"):
        parts = path.relative_to(KIT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(module: str) -> set[str]:
    """What a module imports, wherever in it, by dotted names; names within the kit are those of modules."""
    path, function = modules()[module], FEEDBACK[1] if module == FEEDBACK[0] else None
    tree = ast.parse(path.read_text())
    left_out = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name == function
        for inner in ast.walk(node)
    }
    found = set()
    for node in ast.walk(tree):
        if node in left_out:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{module}: imports within the kit are written in full"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in modules() else node.module for name in names}
    return found


def layer(module: str) -> str:
    _, _, rest = module.partition(".")
    first, _, rest = rest.partition(".")
    if first != "problem_sets":
        return first
    if rest == "checking":
        return rest
    return "declarations" if not rest or rest.endswith(".task") else "checks"


GRADER = sorted(modules().keys() - {"autograder", "autograder.__main__"})


@pytest.mark.parametrize("module", GRADER)
def test_no_import_climbs(module):
    for name in imports(module):
        if name.startswith("autograder."):
            assert layer(name) in MAY_IMPORT[layer(module)] | {layer(module)}, f"{module} imports {name}"


def test_every_folder_of_the_grader_has_its_layer():
    assert {layer(module) for module in GRADER} == set(MAY_IMPORT)


def test_imports_make_no_circle():
    graph = {module: imports(module) & {*GRADER} for module in GRADER}
    TopologicalSorter(graph).prepare()  # raises CycleError, which shows the circle


@pytest.mark.parametrize("module", [name for name in GRADER if layer(name) in ("judge", "declarations", "task")])
def test_the_judge_knows_neither_nbgrader_nor_processes(module):
    assert not [name for name in imports(module) if FORBIDDEN_TO_JUDGE.match(name)]


def test_nbgrader_is_known_in_its_plugin_and_in_the_course_only():
    know = {layer(module) for module in GRADER if any(name.split(".")[0] == "nbgrader" for name in imports(module))}
    assert know <= {"nbgrader_plugin", "course"}


def test_the_page_about_the_architecture_shows_these_layers():
    rows = re.findall(r"^\| `([a-z_]+)` \| ([^|]*) \|", (KIT / "docs" / "architecture.md").read_text(), re.MULTILINE)
    shown = {name: set(re.findall(r"`([a-z_]+)`", allowed)) for name, allowed in rows}
    assert shown == MAY_IMPORT


def test_each_class_has_a_name_of_its_own():
    """Whoever meets a name meets it once: no two public classes of the product share one."""
    names: dict[str, list[str]] = {}
    for folder in ("autograder", "igref", "lecture", "corpus"):
        for path in sorted((KIT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                    names.setdefault(node.name, []).append(str(path.relative_to(KIT)))
    assert {name: places for name, places in names.items() if len(places) > 1} == {}
