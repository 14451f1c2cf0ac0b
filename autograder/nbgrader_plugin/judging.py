"""The step that puts the grader's verdicts in place of what graded cells printed, and what the record says of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from logging import Logger
from pathlib import Path
from typing import Any

from nbformat.notebooknode import NotebookNode, from_dict
from nbformat.v4 import new_markdown_cell, new_output
from nbgrader.preprocessors import NbGraderPreprocessor

from autograder.judge.likeness import look_at, notebook_code, small_enough
from autograder.judge.mistakes import Mistake
from autograder.judge.tolerances import MAX_RECOMPUTED_PHOTO_GRADIENTS
from autograder.judge.verdict import Verdict
from autograder.nbgrader_plugin import handed_in
from autograder.nbgrader_plugin.graded_run import PLACE, PROBLEM, RUN, UNPROTECTED
from autograder.nbgrader_plugin.kept_evidence import kit_version
from autograder.nbgrader_plugin.submitted_notebook import is_picture
from autograder.problem_sets import PROBLEM_SETS, TASKS
from autograder.problem_sets.checking import Run, judge, nothing_to_judge, why_nothing
from autograder.sandbox.bounded import OverLimitError, Shared, in_bounds
from autograder.sandbox.limits import ONE_NOTEBOOK, OwnLimits

RECORD = "verdicts.json"
PAGE_PIXELS = 840


class Verdicts(NbGraderPreprocessor):
    """Puts the grader's verdicts in place of whatever the graded cells printed."""

    def preprocess(self, nb: NotebookNode, resources: dict[str, Any]) -> tuple[NotebookNode, dict[str, Any]]:
        run: Run = resources[RUN]
        files = {} if run.verdicts or resources.get(PROBLEM) else handed_in.read(resources[PLACE].folder).files
        judge_run(nb, run, resources["nbgrader"]["assignment"], self.log, files)
        for cell in nb.cells:
            if cell.cell_type != "code":
                continue
            _make_harmless(cell)
            if verdict := run.verdicts.get(_judged_task(cell)):
                data = {"text/plain": repr(verdict), "text/html": verdict._repr_html_()}
                cell.outputs = [new_output("execute_result", data=data, execution_count=None)]
        if run.unprotected:
            nb.cells.insert(0, new_markdown_cell(f"**{UNPROTECTED}**"))
        return nb, resources


def judge_run(
    nb: NotebookNode, run: Run, assignment: str, log: Logger, files: Mapping[str, bytes], kept: Path | None = None
) -> float:
    """Compute the verdicts of a run, and what its code looks like, unless that has been done elsewhere.

    `files` were handed in beside the notebook; `kept` is the folder of gradients that are the same for all submissions.
    Returns the CPU seconds of the verdicts.
    """
    if run.verdicts:
        return 0.0
    shared = Shared(OwnLimits())
    run.verdicts = {task: _verdict(task, run, log, kept, shared) for cell in nb.cells if (task := _judged_task(cell))}
    run.own_work = _own_work(nb, assignment, files, log)
    return shared.cpu_seconds


def record_of(names: dict[str, str], run: Run) -> dict[str, Any]:
    """What the record of a submission says of its run, in plain values."""
    return {
        **{name: names[name] for name in ("student", "assignment", "notebook")},
        "seconds": round(run.seconds, 2),
        "cpu_seconds": round(run.cpu_seconds, 2),
        "unprotected": run.unprotected,
        "ended": run.ended,
        "detail": run.detail,
        "seed": run.seed,
        "kit": kit_version(),
        "own_work": run.own_work,
        "verdicts": [verdict.as_record() for verdict in run.verdicts.values()],
    }


def _verdict(task: str, run: Run, log: Logger, kept: Path | None, shared: Shared) -> Verdict:
    try:
        return verdict_on(task, run, kept, shared)
    except OverLimitError as error:
        log.warning("Judging %s was ended: %s", task, error)
        return nothing_to_judge(task, Mistake.EVIDENCE_DAMAGED, f"Judging it was ended: {error}.")
    except Exception as error:  # a hole in a check must not cost anybody the record
        log.exception("Judging %s", task)
        return nothing_to_judge(task, "evidence_damaged", f"Judging it failed ({type(error).__name__}).")


def _own_work(nb: NotebookNode, assignment: str, files: Mapping[str, bytes], log: Logger) -> dict[str, Any]:
    """What an instructor may want to look at; a failure to look must not cost anybody the record."""
    cells = [cell for cell in nb.cells if not cell.metadata.get("nbgrader", {}).get("locked")]
    beside = {name: content for name, content in files.items() if name != f"{assignment}.ipynb"}
    try:
        return in_bounds(
            ONE_NOTEBOOK, look_at, notebook_code(cells), small_enough(beside), assignment, _withheld(assignment)
        )
    except OverLimitError as error:
        log.warning("Comparing the code of %s was ended: %s", assignment, error)
        return {"remark": f"the code could not be compared: {error}"}
    except Exception as error:
        log.exception("Comparing the code of %s", assignment)
        return {"remark": f"the code could not be compared ({type(error).__name__})"}


def verdict_on(task: str, run: Run, kept: Path | None = None, shared: Shared | None = None) -> Verdict:
    """The verdict on a task from what its run left behind, or the reason why there is nothing to judge.

    `shared` are the limits that the tasks of a submission share; by default the task has them alone.
    """
    if task in run.evidence:
        shared = shared or Shared(OwnLimits())
        return shared.in_bounds(judge, task, run.evidence[task], run.seed, MAX_RECOMPUTED_PHOTO_GRADIENTS, kept)
    return why_nothing(task, run)


def _judged_task(cell: NotebookNode) -> str:
    """The task whose verdict a cell shows; empty where it shows none."""
    metadata = cell.metadata.get("nbgrader", {})
    task = metadata.get("grade_id")
    shown = cell.cell_type == "code" and metadata.get("grade") and task in TASKS and TASKS[task].automatic
    return task if shown else ""


def _withheld(assignment: str) -> str:
    return PROBLEM_SETS[assignment].withholds if assignment in PROBLEM_SETS else ""


def _make_harmless(cell: NotebookNode) -> None:
    """Keep of a student's outputs what cannot act in the instructor's browser: text and pictures."""
    kept: list[dict[str, Any]] = []
    for output in cell.outputs:
        if output.output_type == "stream":
            name = "stderr" if output.get("name") == "stderr" else "stdout"
            kept.append({"output_type": "stream", "name": name, "text": str(output.get("text", ""))})
        elif output.output_type == "error":
            lines = [str(line) for line in output.get("traceback", [])]
            said = {"ename": str(output.ename), "evalue": str(output.evalue), "traceback": lines}
            kept.append({"output_type": "error", **said})
        else:
            data = {
                kind: value
                for kind, value in output.get("data", {}).items()
                if is_picture(kind, value) or (kind == "text/plain" and isinstance(value, str))
            }
            if data:
                # A cell's value stays one: it is the points of a cell that the kit does not judge.
                value = {"output_type": "execute_result", "execution_count": None}
                kind = value if output.output_type == "execute_result" else {"output_type": "display_data"}
                kept.append({**kind, "data": data, "metadata": _fitting_the_page(data)})
    cell.outputs = from_dict(kept)  # nbformat compares them with its schema when they are written


def _fitting_the_page(data: dict[str, str]) -> dict[str, Any]:
    """nbgrader's pages show a picture at its own width, past their edge if need be: so the width is said."""
    metadata = {}
    if "image/png" in data:
        start = base64.b64decode("".join(data["image/png"].split())[:32])
        width = int.from_bytes(start[16:20], "big")  # where a PNG has it
        if width > PAGE_PIXELS:
            metadata["image/png"] = {"width": PAGE_PIXELS}
    return metadata
