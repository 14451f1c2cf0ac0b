"""Who imports whom: the judge turns evidence into a verdict, and neither starts processes nor knows nbgrader."""

import ast
from pathlib import Path

KIT = Path(__file__).parents[2]
FOREIGN = ("nbgrader", "jupyter_client", "jupyter_core", "nbclient", "nbconvert", "subprocess", "multiprocessing")
ABOVE = ("autograder.sandbox", "autograder.nbgrader_plugin", "autograder.course")


def imported_by(file: Path) -> set[str]:
    """The names of all modules that a file imports, at its top or anywhere inside."""
    names = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def file_of(module: str) -> Path | None:
    path = KIT.joinpath(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def test_the_judge_starts_no_process_and_does_not_know_nbgrader():
    waiting = list((KIT / "autograder" / "judge").rglob("*.py"))
    seen = set()
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        names = imported_by(file)
        wrong = {name for name in names if name.startswith((*FOREIGN, *ABOVE))}
        assert not wrong, f"{file.relative_to(KIT)} imports {', '.join(sorted(wrong))}"
        waiting += [own for name in names if name.startswith("autograder") and (own := file_of(name))]
    assert len(seen) > 15
