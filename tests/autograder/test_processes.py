"""Who is found in /proc, and what they hold open."""

import os
import subprocess
import time
from contextlib import ExitStack

import psutil
import pytest

from autograder.sandbox import processes
from autograder.sandbox.kernel import _held_open
from autograder.sandbox.processes import ALL_ANEW, FIRST, Processes, Seen

PARENT = "exec 3>&1; sleep 60 & sleep 60 & echo there; wait"


@pytest.fixture
def parent(tmp_path):
    """A process of an awkward name with two children."""
    shell = tmp_path / "a) R 1 (b"
    shell.symlink_to("/bin/sh")
    with subprocess.Popen([shell, "-c", PARENT], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        yield psutil.Process(process.pid)
        for one in [*psutil.Process(process.pid).children(), process]:
            one.kill()


def test_descendants_are_those_that_psutil_finds(parent):
    looks = Processes()
    found = looks.below(os.getpid())
    assert set(found) == set(psutil.Process().children(recursive=True)) and found.index(parent) < len(found) - 2
    assert len(looks.below(parent.pid)) == 2
    assert set(looks.below(os.getpid(), parent.pid)) == set(found)


def test_who_has_ended_is_not_found(parent):
    looks = Processes()
    first, second = looks.below(parent.pid)
    first.kill()
    while first.is_running():  # until its parent has been told
        time.sleep(0.01)
    assert looks.below(parent.pid) == [second]
    with pytest.raises(psutil.NoSuchProcess):
        looks.below(first.pid)


def test_what_is_somebody_elses_is_read_again_now_and_then_alone(parent, monkeypatch):
    read, seen = [], processes._seen
    monkeypatch.setattr(processes, "_seen", lambda pid: read.append(pid) or seen(pid))
    looks = Processes()
    inside = [one.pid for one in looks.below(parent.pid)]
    assert os.getpid() in read
    read.clear()
    for _ in range(ALL_ANEW - 1):
        looks.below(parent.pid)
        assert os.getpid() not in read and {parent.pid, *inside} <= {*read}
    looks.below(parent.pid)
    assert os.getpid() in read


def test_nobody_hides_as_somebody_else(parent):
    """Neither with a number that was another process's, nor by a parent that ends: an orphan is read again."""
    looks = Processes()
    first, second = looks.below(parent.pid)
    for pid in (first.pid, second.pid):
        looks._others[pid] = Seen(parent=FIRST, started=0)
    assert set().union(*(looks.below(parent.pid) for _ in range(ALL_ANEW))) == {first, second}
    looks._others[first.pid] = Seen(parent=2**22 + 1, started=0)  # which there is not
    assert set(looks.below(parent.pid)) == {first, second}


def test_pipes_count_once_whoever_holds_them_with_a_name_or_without(tmp_path):
    me = psutil.Process()
    before, nothing = _held_open([me], {tmp_path.stat().st_dev})
    os.mkfifo(tmp_path / "named")
    with ExitStack() as stack:
        for end in (*os.pipe(), os.open(tmp_path / "named", os.O_RDWR)):
            stack.callback(os.close, end)
        nameless = stack.enter_context((tmp_path / "removed").open("wb"))
        (tmp_path / "removed").unlink()
        nameless.write(bytes(2**20))
        nameless.flush()
        pipes, held = _held_open([me, me], {tmp_path.stat().st_dev})
    assert (pipes - before, held - 2 * nothing) == (2, 2 * 2**20)
