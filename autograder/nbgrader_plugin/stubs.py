"""The stubs that a release has in place of solutions."""

from __future__ import annotations

from typing import Any

from nbformat.notebooknode import NotebookNode
from nbgrader.preprocessors import ClearSolutions

from autograder.problem_sets import TASKS
from autograder.task import Task


def task_of(cell_id: str) -> Task | None:
    """The task that a cell belongs to: the longest task's id that the cell's begins with, as several may share a start."""
    return max((task for task in TASKS.values() if cell_id.startswith(task.id)), key=lambda t: len(t.id), default=None)


class NamedStubs(ClearSolutions):
    """Puts a stub in place of each solution; the error it raises names the task that is still to be done."""

    def preprocess_cell(
        self, cell: NotebookNode, resources: dict[str, Any], cell_index: int
    ) -> tuple[NotebookNode, dict[str, Any]]:
        task = task_of(cell.metadata.get("nbgrader", {}).get("grade_id", ""))
        if task is not None:
            stub = f'raise NotImplementedError("Task {task.id} is still to be done: {task.title}.")'
            self.code_stub = {"python": f"# Your code goes here.\n{stub}"}
            self.text_stub = "*Your answer goes here.*"
        return super().preprocess_cell(cell, resources, cell_index)
