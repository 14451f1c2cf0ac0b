"""Runs a notebook from top to bottom, as "Restart kernel and run all cells" does, and hands it back with its outputs."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

SECONDS_A_CELL = 600  # a loaded machine is slow; without any limit, a notebook that waits would wait for ever


class NotebookRunError(RuntimeError):
    """A notebook of the lecture does not run. The message says which, and where."""


def execute(path: Path) -> NotebookNode:
    """The notebook with the outputs of a fresh kernel, started in the notebook's own folder. The file stays as it is.

    Raises:
        NotebookRunError: a cell raises, or writes to standard error: a warning on a slide is a mistake, too.
    """
    return execute_in_turn([path])[0]


def execute_in_turn(paths: Sequence[Path]) -> list[NotebookNode]:
    """Notebooks of one folder, one after the other, in one kernel that forgets every name in between.

    A kernel that has imported what they all need is half of what a short notebook takes.

    Raises:
        NotebookRunError: as for `execute`.
    """
    return asyncio.run(_execute_in_turn(paths))


async def _execute_in_turn(paths: Sequence[Path]) -> list[NotebookNode]:
    kernel = AsyncKernelManager(kernel_name="python3")
    # Not a word about TCP between two processes of one machine.
    await kernel.start_kernel(cwd=str(paths[0].parent), env=environment(), extra_arguments=["--log-level=ERROR"])
    try:
        return [await _execute(path, kernel) for path in paths]
    finally:
        await kernel.shutdown_kernel(now=True)


async def _execute(path: Path, kernel: AsyncKernelManager) -> NotebookNode:
    notebook = nbformat.read(path, as_version=4)
    notebook.cells.insert(0, new_code_cell("%reset -f"))
    try:
        await NotebookClient(notebook, km=kernel, timeout=SECONDS_A_CELL, coalesce_streams=True).async_execute()
    except CellExecutionError as error:
        raise NotebookRunError(f"{path.name} stops with an error:\n{error}") from error
    except CellTimeoutError as error:
        raise NotebookRunError(
            f"{path.name} does not come to an end here; is the machine busy with other work?\n{error}"
        ) from error
    del notebook.cells[0]
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                raise NotebookRunError(f"{path.name} writes to standard error:\n{output.text}\n{cell.source}")
    return notebook


def environment() -> dict[str, str]:
    """One thread a kernel: notebooks run beside each other, and figures come out the same on every machine."""
    keep_memory = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}  # what igref.memory does
    one_typeface = {"MATPLOTLIBRC": str(Path(__file__).parent / "assets" / "matplotlibrc")}
    return {**os.environ, **keep_memory, **one_typeface, "OMP_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
