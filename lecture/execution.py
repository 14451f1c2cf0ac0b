"""Runs a notebook from top to bottom, as "Restart kernel and run all cells" does, and hands it back with its outputs."""

import os
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode

SECONDS_A_CELL = 600  # a loaded machine is slow; without any limit, a notebook that waits would wait for ever


class NotebookError(RuntimeError):
    """A notebook of the lecture does not run. The message says which, and where."""


def execute(path: Path) -> NotebookNode:
    """The notebook with the outputs of a fresh kernel, started in the notebook's own folder. The file stays as it is.

    Raises:
        NotebookError: a cell raises, or writes to standard error: a warning on a slide is a mistake, too.
    """
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=SECONDS_A_CELL,
        kernel_name="python3",
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
        extra_arguments=["--log-level=ERROR"],  # not a word about TCP between two processes of one machine
    )
    try:
        client.execute(env=environment())
    except CellExecutionError as error:
        raise NotebookError(f"{path.name} stops with an error:\n{error}") from error
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and output.name == "stderr":
                raise NotebookError(f"{path.name} writes to standard error:\n{output.text}\n{cell.source}")
    return notebook


def environment() -> dict[str, str]:
    """One thread a kernel: notebooks run beside each other, and figures come out the same on every machine."""
    keep_memory = {"MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(2**31 - 1)}  # what igref.memory does
    return {**os.environ, **keep_memory, "OMP_NUM_THREADS": "1", "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
