"""The problem sets, one folder each: `task.py` declares a set, and the modules beside it hold its checks.

A folder with a `task.py` is found by itself. Of all of this a student's process sees the declarations only.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from autograder.task import ProblemSet, Task

FOLDERS = {
    import_module(f"{__name__}.{path.parent.name}.task").PROBLEM_SET.id: path.parent.name
    for path in sorted(Path(__file__).parent.glob("*/task.py"))
}
"""The folder of each set, by the set's id."""

PROBLEM_SETS: dict[str, ProblemSet] = {
    name: import_module(f"{__name__}.{folder}.task").PROBLEM_SET for name, folder in FOLDERS.items()
}

TASKS: dict[str, Task] = {task.id: task for problem_set in PROBLEM_SETS.values() for task in problem_set.tasks}


def points_table() -> str:
    """The graded cells of every set and their points, as a Markdown table."""
    lines = ["| assignment | graded cell | what | points | graded |", "|---|---|---|---|---|"]
    for problem_set in PROBLEM_SETS.values():
        for task in problem_set.tasks:
            how = ", ".join(f"{one.name} {one.points:g}" for one in task.properties)
            how = f"automatically: {how}" if task.automatic else "by hand"
            lines.append(f"| {problem_set.id} | `{task.id}` | {task.title} | {task.points:g} | {how} |")
        automatic = sum(task.points for task in problem_set.tasks if task.automatic)
        lines.append(
            f"| **{problem_set.id}** | | **{problem_set.title}** | **{problem_set.points:g}** "
            f"| {automatic:g} automatically, {problem_set.points - automatic:g} by hand |"
        )
    return "\n".join(lines)
