"""A cgroup where one may be made, and the watch elsewhere: a folder stands for the kernel's, which few machines let a test make."""

import subprocess
from types import SimpleNamespace

import psutil
import pytest

from autograder.sandbox import cgroup
from autograder.sandbox.cgroup import Cgroup, cgroup_for
from autograder.sandbox.kernel import Watch
from autograder.sandbox.limits import Limits

FILES = ("memory.max", "memory.swap.max", "memory.oom.group", "memory.events", "pids.max", "cgroup.procs")


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    """A folder in which a new one gets the files that the kernel puts into a new cgroup."""
    monkeypatch.setattr(cgroup, "MOUNTED", tmp_path)
    monkeypatch.setattr(cgroup, "_parents", lambda: [tmp_path])

    def make(prefix, dir):
        folder = dir / f"{prefix}x"
        folder.mkdir()
        for name in FILES:
            (folder / name).touch()
        return folder

    monkeypatch.setattr(cgroup, "tempfile", SimpleNamespace(mkdtemp=make))
    (tmp_path / "cgroup.procs").touch()
    return tmp_path


def test_it_has_the_limits_and_the_process_is_in_it_from_its_first_moment(mounted):
    made = cgroup_for(Limits(memory=1500, threads=300))
    assert {name: (made.folder / name).read_text() for name in ("memory.max", "memory.swap.max", "pids.max")} == {
        "memory.max": str(1500 << 20),
        "memory.swap.max": "0",
        "pids.max": "300",
    }
    said = subprocess.run(made.command(["/bin/sh", "-c", "echo $$"]), capture_output=True, text=True, check=True).stdout
    assert (made.folder / "cgroup.procs").read_text() == said


def test_where_none_may_be_made_there_is_none_and_nothing_is_left(tmp_path, monkeypatch):
    """A folder that the kernel gives no files to is no cgroup; version 1 has no list of controllers."""
    monkeypatch.setattr(cgroup, "_parents", lambda: [tmp_path, tmp_path / "not there"])
    assert cgroup_for(Limits()) is None and list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    monkeypatch.setattr(cgroup, "MOUNTED", tmp_path)
    assert cgroup_for(Limits()) is None


@pytest.mark.parametrize("alive", [True, False], ids=["seen in time", "all of it has ended already"])
def test_what_the_kernel_ended_for_memory_is_said_to_be(mounted, monkeypatch, alive):
    made = cgroup_for(Limits(memory=700))
    (made.folder / "memory.events").write_text("low 0\noom 1\noom_kill 3\n")
    with subprocess.Popen(["sleep", "60"]) as process:
        watch = Watch(process.pid, Limits(memory=700), (), made)
        if not alive:
            process.kill()
            process.wait()
            with pytest.raises(psutil.NoSuchProcess):
                psutil.Process(process.pid)
        watch.run()
        assert watch.violation == "it used more than 700 MiB of memory"
        process.kill()


def test_it_is_removed_with_its_sandbox(tmp_path):
    folder = tmp_path / "autograder-x"
    folder.mkdir()
    made = object.__new__(Cgroup)
    made.folder = folder
    made.remove()
    assert not folder.exists()
    made.remove()


def test_on_this_machine_a_real_one_keeps_the_limit():
    made = cgroup_for(Limits(memory=100))
    if made is None:
        pytest.skip("no cgroup of version 2 may be made here")
    hoard = "hoard = b'x' * (300 << 20)"
    ended = subprocess.run(made.command(["python3", "-c", hoard]), check=False)
    assert ended.returncode and made.out_of_memory
    made.remove()
    assert not made.folder.exists()
