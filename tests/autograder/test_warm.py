"""A kernel that starts warm sees, has and may do what a cold one does, and knows nothing of another."""

import asyncio
import json
import os
import signal
import tempfile
import time
from pathlib import Path

import pytest

from autograder.sandbox import warm
from autograder.sandbox.limits import Limits
from autograder.sandbox.warm import WarmStartError, warm_parent_of_this_process
from tests.autograder.test_sandbox import Kernel

SITUATION = """
import json, os, resource, signal, sys
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
kept = ("Uid", "Gid", "Groups", "Umask", "NoNewPrivs", "Seccomp", "Seccomp_filters", "SigIgn", "SigBlk",
        "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
mounts = [line.split() for line in open("/proc/self/mountinfo")]
files = [os.readlink(f"/proc/self/fd/{fd}") for fd in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{fd}")]
print(json.dumps({
    "status": {name: status[name].split() for name in kept},
    "limits": {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT")},
    "environment": dict(os.environ),
    "mounts": sorted((where, options, kind) for _, _, _, _, where, options, *_, kind, _, _ in mounts),
    "folders": [os.getcwd(), *sorted(os.listdir("/"))],
    "files": sorted({name for name in files if name.startswith("/") and not name.startswith(("/proc", "/dev/", "/sandbox/home"))}),
    "path": sys.path,
    "arguments": sys.argv[1:3],
    "dumpable": os.stat("/proc/self/status").st_uid,
    "kit": sorted(name for name in sys.modules if name.split(".")[0] in ("igref", "autograder")),
    "host": os.uname().nodename,
}))
"""


pytestmark = pytest.mark.usefixtures("sandbox_of_this_machine")


@pytest.fixture(scope="module")
def start():
    loop, started = asyncio.new_event_loop(), []

    def start(start_warm: bool = True) -> Kernel:
        kernel = Kernel(Path(tempfile.mkdtemp(prefix="ig-", dir="/tmp")), Limits(), loop)
        kernel.manager.warm = start_warm
        started.append(kernel)
        kernel.start()
        return kernel

    yield start
    for kernel in started:
        kernel.stop()
    loop.close()


@pytest.fixture(scope="module")
def first(start):
    kernel = start()
    assert kernel.joined, kernel.manager.log_file.read_text()
    return kernel


def situation(kernel: Kernel) -> dict:
    return json.loads(kernel.run(SITUATION).replace(str(kernel.folder), "FOLDER"))


def test_it_sees_has_and_may_do_what_a_cold_one_does(start, first):
    cold = start(start_warm=False)
    assert not cold.joined
    expected, found = situation(cold), situation(first)
    assert set(expected["status"]["CapBnd"]) == {"0" * 16}
    assert expected["status"]["NoNewPrivs"] == ["1"]
    assert expected["environment"]["OMP_WAIT_POLICY"] == "PASSIVE"
    for what in expected:
        assert found[what] == expected[what], what


def test_it_is_in_namespaces_of_its_own(start, first):
    kinds = ("user", "mnt", "pid", "net", "ipc", "uts", "cgroup")
    ask = f"import os; print(*(os.stat(f'/proc/self/ns/{{kind}}').st_ino for kind in {kinds}))"
    inside = [kernel.run(ask).split() for kernel in (first, start())]
    outside = [str(Path(f"/proc/self/ns/{kind}").stat().st_ino) for kind in kinds]
    for kind, *three in zip(kinds, *inside, outside, strict=True):
        assert len(set(three)) == 3, kind


def test_nothing_of_one_is_seen_by_the_next(start, first):
    """Neither in memory, of which it has all that its parent has, nor in files, processes or draws at random."""
    first.run(
        """
        import os, random, numpy as np
        mark = "".join(["left-by-", "the-first"])
        open("/tmp/left", "w").write(mark)
        os.environ["LEFT"] = mark
        import igref
        igref.left = torch_left = mark
        """
    )
    second = start()
    found = second.run(
        """
        import os, re
        mark = re.compile(b"left-by-(?=the-first)")  # which is not what it looks for
        hits = 0
        with open("/proc/self/mem", "rb", 0) as memory:
            for line in open("/proc/self/maps"):
                span, rights = line.split()[:2]
                if rights.startswith("rw"):
                    begin, end = (int(part, 16) for part in span.split("-"))
                    memory.seek(begin)
                    hits += len(mark.findall(memory.read(end - begin)))
        import igref
        processes = [name for name in os.listdir("/proc") if name.isdigit()]
        print(hits, os.path.exists("/tmp/left"), "LEFT" in os.environ, hasattr(igref, "left"), len(processes))
        """
    )
    assert found.split() == ["0", "False", "False", "False", "3"]
    draws = "import random, numpy as np; print(random.random(), np.random.rand())"
    assert not set(first.run(draws).split()) & set(second.run(draws).split())


def test_the_parent_learns_nothing_of_what_it_is_asked_for(first):
    memory = parents_memory()
    assert b"ipykernel.kernelapp" in memory
    assert str(first.folder).encode() not in memory


def parents_memory() -> bytes:
    pid = warm_parent_of_this_process()._process.pid
    found = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights = line.split()[:2]
            if rights.startswith("rw"):
                begin, end = (int(part, 16) for part in span.split("-"))
                memory.seek(begin)
                found.append(memory.read(end - begin))
    return b"".join(found)


def test_a_kernel_that_ends_ends_its_sandbox(start):
    kernel = start()
    processes = kernel.manager.watch.processes()
    kernel.violation_of("import os; os._exit(3)", seconds=1)
    deadline = time.monotonic() + 20
    while any(process.is_running() for process in processes) and time.monotonic() < deadline:
        kernel._loop.run_until_complete(asyncio.sleep(0.1))
        kernel.manager.provisioner.process.poll()
    assert not [process for process in processes if process.is_running()]


def test_where_it_cannot_start_warm_it_starts_cold(start, monkeypatch):
    def refuse(*arguments):
        raise WarmStartError("not here")

    monkeypatch.setattr(warm.WarmParent, "start", refuse)
    assert start().run("print(1)").strip() == "1"


def test_a_right_that_is_left_is_seen_and_nothing_is_started(start, monkeypatch):
    """A user other than the sandbox's is what a kernel would be whose rights were not given up."""
    monkeypatch.setattr(warm, "USER", 1001)
    kernel = start()
    assert not kernel.joined and kernel.run("print(1)").strip() == "1"


def test_a_parent_that_was_killed_is_started_again(start):
    parent = warm_parent_of_this_process()
    os.kill(parent._process.pid, signal.SIGKILL)
    parent._process.wait()
    assert start().joined
