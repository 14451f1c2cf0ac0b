"""Two workers on machines of their own, as far as one machine can be several: the same grades as one machine gives.

Each has a network namespace, joined to the scheduler's by a wire, where networks may be made (by root); everywhere
the folder in which the course lies is an empty one of its own, with its temporary files.
"""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from distributed import Client, LocalCluster
from rich.console import Console

from autograder.course import demo
from autograder.course.classroom import grade_class
from autograder.problem_sets.ps1.task import PROBLEM_SET as PS1
from autograder.sandbox.bubblewrap import find_bubblewrap
from tests.autograder.alike import alike

STUDENTS = tuple(
    demo.Student(name, "", {"ps1-input-gradient": answer})
    for name, answer in {"one task": demo.GRADIENT, "another style": demo.ANOTHER_STYLE}.items()
)
NETWORK = Path("/proc/self/ns/net")
HOST = "10.213.{}.1"
SCHEDULER = HOST.format(0)
ONE_THREAD = ("--no-nanny", "--no-dashboard", "--nthreads", "1", "--memory-limit", "0")
WORKER = "10.213.{}.2"


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True, capture_output=True)


@contextlib.contextmanager
def network_of_its_own(k: int) -> Iterator[str | None]:
    """The name of a network namespace that a wire joins to this one; None where none can be made."""
    name = f"far{os.getpid()}-{k}"
    try:
        yield name if is_made(name, f"f{os.getpid()}{k}", k) else None
    finally:
        if shutil.which("ip"):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)  # and the wire with it


def is_made(name: str, wire: str, k: int) -> bool:
    """Make the namespace and the wire, with a way to where the scheduler is; not where this needs rights or programs."""
    here, there = f"{wire}a", f"{wire}b"
    try:
        ip("netns", "add", name)
        ip("link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        ip("addr", "add", f"{HOST.format(k)}/24", "dev", here)
        ip("link", "set", here, "up")
        ip("-n", name, "addr", "add", f"{WORKER.format(k)}/24", "dev", there)
        for device in (there, "lo"):
            ip("-n", name, "link", "set", device, "up")
        if k:
            ip("-n", name, "route", "add", SCHEDULER, "via", HOST.format(k))
    except (FileNotFoundError, subprocess.CalledProcessError):
        return False
    return True


@pytest.fixture
def far_workers(tmp_path, sandbox_of_this_machine):
    """The address of a scheduler with two workers on machines of their own."""
    here, own = str(tmp_path), str(tmp_path / "own")
    own_files = [str(find_bubblewrap()), "--die-with-parent", "--dev-bind", "/", "/", "--tmpfs", here, "--dir", own]
    with ExitStack() as running:
        networks = [running.enter_context(network_of_its_own(k)) for k in range(2)]
        host = SCHEDULER if all(networks) else "127.0.0.1"  # and nowhere else, as who reaches it can run code
        cluster = running.enter_context(LocalCluster(n_workers=0, dashboard_address=None, host=host))
        for network in networks:
            inside = ["ip", "netns", "exec", network] if all(networks) else []
            worker = [sys.executable, "-m", "distributed.cli.dask_worker", cluster.scheduler_address, *ONE_THREAD]
            process = subprocess.Popen(
                [*inside, *own_files, "--chdir", "/", *worker],
                env=os.environ | {"OMP_NUM_THREADS": "1", "TMPDIR": own},
                stderr=subprocess.DEVNULL,
            )
            running.callback(process.wait)
            running.callback(process.kill)
        with Client(cluster) as client:
            client.wait_for_workers(2, timeout=120)
            assert all(seen == ["own"] for seen in client.run(os.listdir, here).values())
            seen = client.run(Path.readlink, NETWORK).values()
        assert not all(networks) or len({*seen, NETWORK.readlink()}) == 3
        yield cluster.scheduler_address


def graded(course: Path, scheduler: str, again: bool = False) -> dict[str, tuple[dict, str]]:
    """Each record and page, but for what is by the clock."""
    with (course / "screen.txt").open("w") as screen:
        grade_class(course, ["ps1"], Console(file=screen), count=2, scheduler=scheduler, again=again)
    return {student.name: alike(course, student.name, PS1.id) for student in STUDENTS}


def test_far_workers_and_one_alone_give_the_grades_and_pages_of_two_on_one_machine(
    tmp_path, released_course, scheduler, far_workers
):
    courses = {name: released_course(PS1.id, tmp_path / name) for name in ("far", "near")}
    for course in courses.values():
        config = course / "nbgrader_config.py"
        config.write_text(config.read_text() + "\nc.SandboxedExecute.key = 'the same for both'\n")
        demo.hand_in(course, STUDENTS)
    near, far = graded(courses["near"], scheduler), graded(courses["far"], far_workers)
    assert far == near
    with Client(far_workers) as client:
        client.retire_workers([next(iter(client.nthreads()))])
    assert graded(courses["far"], far_workers, again=True) == near
    points = {verdict["task"]: verdict["points"] for verdict in far["one task"][0]["verdicts"]}
    assert points["ps1-input-gradient"] == 4
