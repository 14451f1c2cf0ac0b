"""The engine that runs submissions at the same time: Dask, on this machine or on a scheduler's."""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import dask
import psutil
from distributed import Client, LocalCluster
from distributed.core import Status
from distributed.diskutils import WorkSpace

from autograder.course.commands import GradingError, InterruptedGradingError
from autograder.course.worker import SHARED_GRADIENTS
from autograder.nbgrader_plugin.kept_evidence import kit_version

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
SLEEP_WHILE_WAITING = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads that wait for one another compute, otherwise: on a busy machine most of what a worker of several threads spends."""
WITHOUT_ITS_OWN_PROFILE = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
    "distributed.scheduler.active-memory-manager.start": False,
}
"""Dask looks at its stacks a hundred times a second, at its loops fifty times, at the machine twice: nobody reads that here."""
SECONDS_TO_CONNECT = 20


@contextmanager
def workers(count: int, scheduler: str = "") -> Iterator[Client]:
    """A client of `count` workers on this machine, or of a Dask scheduler by its address.

    Raises:
        GradingError: the scheduler does not answer, or its workers have another version of the kit.
    """
    dask.config.set(
        {"distributed.comm.timeouts.connect": SECONDS_TO_CONNECT, "distributed.admin.log-format": "%(message)s"}
    )
    if scheduler:
        with _connected(scheduler) as client:
            _require_this_kit(client)
            yield client
        return
    threads = str(max(1, (os.cpu_count() or 1) // count))
    with _folder_of_all_workers() as gradients, ExitStack() as stack:
        environment = dict.fromkeys(THREADS, threads) | SLEEP_WHILE_WAITING | {SHARED_GRADIENTS: gradients}
        # A worker starts processes of its own, which a daemon may not.
        settings = {"distributed.nanny.pre-spawn-environ": environment, "distributed.worker.daemon": False}
        stack.enter_context(dask.config.set(WITHOUT_ITS_OWN_PROFILE | settings))
        cluster = stack.enter_context(
            LocalCluster(
                n_workers=count,
                threads_per_worker=1,
                processes=True,
                memory_limit=0,  # the sandbox has its own limit; the worker itself stays small
                dashboard_address=None,
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # its own server: any free port, never a warning
                silence_logs=logging.CRITICAL,
            )
        )
        client = stack.enter_context(Client(cluster))
        try:
            yield client
        except InterruptedGradingError:  # whoever stops does not wait for an orderly end
            stack.pop_all()
            _end_at_once(cluster)
            raise


@contextmanager
def _folder_of_all_workers() -> Iterator[str]:
    """A folder that goes with this run; what a killed one leaves behind goes with the next one's start, as Dask's own do."""
    folder = WorkSpace(str(Path(tempfile.gettempdir(), "dask-scratch-space"))).new_work_dir(prefix="gradients-")
    try:
        yield folder.dir_path
    finally:
        folder.release()


def _end_at_once(cluster: LocalCluster) -> None:
    """End the workers without waiting for what they run; their sandboxes, and the servers that they fork from, end with them."""
    for nanny in cluster.workers.values():
        nanny.status = Status.closing  # or it would start another one
        with contextlib.suppress(psutil.NoSuchProcess):
            if nanny.pid:
                worker = psutil.Process(nanny.pid)
                for process in [worker, *worker.children(recursive=True)]:
                    with contextlib.suppress(psutil.NoSuchProcess):
                        process.kill()


@contextmanager
def _connected(scheduler: str) -> Iterator[Client]:
    try:
        client = Client(scheduler, timeout=SECONDS_TO_CONNECT)
    except (OSError, ValueError) as error:
        raise GradingError(f"No Dask scheduler answers at {scheduler} ({error}). Start one: dask scheduler") from None
    with client:
        yield client


def _require_this_kit(client: Client) -> None:
    for worker, other in client.run(kit_version, on_error="return").items():
        if other != kit_version():
            raise GradingError(f"The worker {worker} has another kit ({other}) than this machine ({kit_version()}).")
