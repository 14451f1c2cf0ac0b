"""What student code sees, writes and uses in the sandbox: asked of a real kernel in a real sandbox."""

import ast
import asyncio
import contextlib
import os
import stat
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import zmq
from jupyter_client.asynchronous import AsyncKernelClient

from autograder.judge.probes import write_questions
from autograder.problem_sets import TASKS
from autograder.problem_sets.ps1.task import PROBLEM_SET as PS1
from autograder.sandbox.bubblewrap import HOME, WORK, Sandbox
from autograder.sandbox.kernel import SandboxedKernelManager, _resident
from autograder.sandbox.limits import Limits
from autograder.sandbox.other_user import NOBODY, as_another_user, has_no_way_to, shown_paths, warning_of_root
from autograder.student.questions import QUESTIONS_FOLDER
from autograder.student.submit import EVIDENCE_FOLDER

LOW = Limits(notebook_seconds=40, memory=800, processes=20, evidence=30)
SECRET = "not for students"


class Kernel:
    """A kernel in a sandbox, and what it says. `run` returns what a source prints, or its error."""

    def __init__(self, folder: Path, limits: Limits, loop: asyncio.AbstractEventLoop) -> None:
        self.folder, self._loop = folder, loop
        for name in ("evidence", "runtime", "files", "course", "questions"):
            (folder / name).mkdir(parents=True)
        self.questions = folder / "questions"
        (folder / "course" / "gradebook.db").write_text(SECRET)
        (folder / "files" / "data.csv").write_text("1,2,3")
        environment = {EVIDENCE_FOLDER: str(folder / "evidence"), QUESTIONS_FOLDER: str(self.questions)}
        self.sandbox = Sandbox(
            submission=folder / "files",
            evidence=folder / "evidence",
            runtime=folder / "runtime",
            withheld=PS1.withholds,
            environment=environment,
            questions=self.questions,
            hidden=(folder / "course",),
            limits=limits,
        )
        self.manager = SandboxedKernelManager(self.sandbox)
        self._client: AsyncKernelClient | None = None

    def start(self) -> None:
        async def start() -> None:
            await self.manager.start_kernel()
            self._client = self.manager.client()
            self._client.start_channels()
            await self._client.wait_for_ready(timeout=90)

        self._loop.run_until_complete(start())

    @property
    def joined(self) -> bool:
        """Whether the kernel was started warm: it has joined the sandbox."""
        return self.manager.watch.joined is not None

    def run(self, source: str, timeout: float = 40) -> str:
        said: list[str] = []

        def keep(message: dict) -> None:
            content = message["content"]
            if message["msg_type"] == "stream":
                said.append(content["text"])
            elif message["msg_type"] == "error":
                said.append(f"{content['ename']}: {content['evalue']}")

        client = self._client
        execution = client.execute_interactive(
            textwrap.dedent(source), timeout=timeout, output_hook=keep, allow_stdin=False, stop_on_error=False
        )
        self._loop.run_until_complete(execution)
        return "".join(said)

    def violation_of(self, source: str, seconds: float = 20) -> str:
        """What the watch says while a source runs, or the error that ends it; empty where it is let be for so long."""

        async def wait() -> str:
            client = self._client
            client.execute(textwrap.dedent(source))
            for _ in range(int(seconds / 0.1)):
                await asyncio.sleep(0.1)
                if self.manager.watch.violation:
                    return self.manager.watch.violation
                while await client.iopub_channel.msg_ready():
                    message = await client.get_iopub_msg()
                    if message["msg_type"] == "error":
                        return f"{message['content']['ename']}: {message['content']['evalue']}"
            return ""

        return self._loop.run_until_complete(wait())

    def stop(self) -> None:
        if self._client is not None:
            self._client.stop_channels()
        if self.manager.watch is not None:
            self.manager.watch.stop()
            self.manager.watch.end_sandbox()
        with contextlib.suppress(Exception):
            self._loop.run_until_complete(self.manager.shutdown_kernel(now=True))


@pytest.fixture(scope="module")
def loop():
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


pytestmark = pytest.mark.usefixtures("sandbox_of_this_machine")


@pytest.fixture(scope="module")
def start(loop, tmp_path_factory):
    """Starts kernels; they end with the module."""
    started: list[Kernel] = []

    def start(limits: Limits = LOW) -> Kernel:
        # Sockets have short names, pytest's folders long ones.
        folder = Path(tempfile.mkdtemp(prefix="ig-", dir="/tmp"))
        kernel = Kernel(folder, limits, loop)
        started.append(kernel)
        kernel.start()
        return kernel

    yield start
    for kernel in started:
        kernel.stop()
        # Some of them leave folders that are deeper than Python can remove.
        subprocess.run(["rm", "-rf", str(kernel.folder)], check=False)


@pytest.fixture(scope="module")
def kernel(start: Callable[..., Kernel]) -> Kernel:
    return start(Limits())


# What is seen


@pytest.mark.parametrize(
    "name",
    [
        *(f"igref.{name}" for name in ("attribution", "attribution.core", "steps", "axioms")),
        *(f"autograder.{name}" for name in ("judge", "judge.verdict", "sandbox", "course", "problem_sets.ps1.photo")),
        # Their parts: the hidden folder of one that is installed can be imported, and is empty.
        *("autograder.nbgrader_plugin", "captum.attr", "saliency.core", "quantus.metrics", "shap.explainers"),
    ],
)
def test_a_withheld_module_cannot_be_imported(kernel, name):
    said = kernel.run(f"import importlib\nimportlib.import_module({name!r})")
    assert said.startswith(("ModuleNotFoundError", "ImportError")), said


def test_allowed_modules_are_there(kernel):
    igref = ("arguments", "baselines", "images", "memory", "models", "plots", "transforms")
    names = [*(f"igref.{name}" for name in igref), "autograder", "torch", "matplotlib.pyplot", "tqdm"]
    assert kernel.run("".join(f"import {name}\n" for name in names) + "print('here')") == "here\n"


def test_no_file_of_the_answers_is_anywhere(kernel):
    """Compiled copies, zip files, other interpreters' packages, caches: looked for by name in all that is seen."""
    said = kernel.run("""
        import os
        hits = []
        names = ("quadrature", "integrated_gradients", "attribution", "captum", "saliency", "gradebook", "mistakes")
        for root, folders, files in os.walk("/"):
            if root.startswith(("/proc", "/usr/share/doc")):
                folders.clear()
                continue
            if any(f"/{name}/" in root for name in ("nbgrader", "scipy", "torch", "sympy", "mpmath", "share")):
                continue
            hits += [os.path.join(root, name) for name in files if name.startswith(names)]
        print(hits)
    """)
    allowed = ("integrated_gradients_course", ".dist-info")
    assert [path for path in ast.literal_eval(said) if not any(part in path for part in allowed)] == []


def test_the_course_and_other_folders_are_not_seen(kernel):
    course = kernel.folder / "course" / "gradebook.db"
    said = kernel.run(f"""
        import os
        print([path for path in ({str(course)!r}, "/proc/1/root" + {str(course)!r}, "/var", "/home", "/run", "/srv",
                                 "/sys", "/etc/passwd", "/etc/shadow", "/mnt", "/opt/course")
               if os.path.exists(path)])
        print(os.listdir("/tmp"))
    """)
    seen, temporary = said.strip().splitlines()
    assert seen == "[]"
    # Where the kit itself lies in /tmp, the folders above its interpreter are there, and hold nothing else.
    shown = {kernel.folder.name, *Path(sys.prefix).parts[2:3]}
    assert set(ast.literal_eval(temporary)) <= shown


def test_the_graders_processes_and_environment_are_not_seen(kernel, monkeypatch):
    said = kernel.run("""
        import os
        print(max(int(name) for name in os.listdir("/proc") if name.isdigit()) < 1000)
        print(sorted(os.environ))
    """)
    isolated, names = said.strip().splitlines()
    assert isolated == "True"
    assert not {"SSH_AUTH_SOCK", "JUPYTERHUB_API_TOKEN", "PYTEST_CURRENT_TEST"} & set(ast.literal_eval(names))


CANARIES = {
    "the seed": "28147497671059[7]",
    "a probe's name": "polynomial with its ben[d]",
    "what it asks about": "asks_abou[t]",
}
"""Patterns that do not match themselves, since they stand in the memory that is looked through."""


def test_neither_the_seed_nor_a_label_is_anywhere_in_the_students_process(kernel):
    """Asked where it could be after the questions were asked: environment, files, frames of the callers, and all memory."""
    seed = 281474976710597
    write_questions(kernel.questions, TASKS["ps1-integrated-gradients"], seed)
    said = kernel.run(
        f"""
        import os, re, sys
        from pathlib import Path
        from autograder import submit
        seen = set()
        def function(forward, x, baseline, target, n_steps):
            frame = sys._getframe()
            while frame := frame.f_back:
                seen.update(str(value)[:2000] for value in list(frame.f_locals.values()))
            return x
        submit("ps1-integrated-gradients", function)
        places = {{"environment": repr(dict(os.environ)).encode(), "frames": repr(seen).encode()}}
        for variable in ("AUTOGRADER_QUESTIONS", "AUTOGRADER_EVIDENCE"):
            places[variable] = b"".join(path.read_bytes() for path in Path(os.environ[variable]).iterdir())
        patterns = {{name: re.compile(text.encode()) for name, text in {CANARIES!r}.items()}}
        found = [(name, place) for place, held in places.items() for name, one in patterns.items() if one.search(held)]
        looked_at = 0
        memory = open("/proc/self/mem", "rb", 0)
        for line in open("/proc/self/maps"):
            area, rights = line.split()[:2]
            start, end = (int(part, 16) for part in area.split("-"))
            if rights.startswith("rw") and end - start < 1 << 30:
                try:
                    memory.seek(start)
                    held = memory.read(end - start)
                except (OSError, OverflowError):
                    continue
                looked_at += len(held)
                found += [(name, line) for name, one in patterns.items() if one.search(held)]
        print(looked_at > 50 << 20, len(places["AUTOGRADER_QUESTIONS"]) > 1000, found)
    """,
        timeout=120,
    )
    assert said == "True True []\n"


# What can be written


def test_only_scratch_and_evidence_can_be_written(kernel):
    kit = Path(__file__).parents[2]
    places = ["/", "/usr", "/etc", "/dev", "/sandbox", "/sandbox/submission"]
    places += [] if kit.is_relative_to("/tmp") else [str(kit)]  # there it is a folder of the scratch space
    said = kernel.run(f"""
        import os, igref, autograder, torch
        places = {places!r} + [os.path.dirname(m.__file__) for m in (igref, autograder, torch)]
        written = []
        for place in places:
            try:
                open(os.path.join(place, "trial"), "w").close()
                written.append(place)
            except OSError:
                pass
        print(written)
        for place in ("/tmp", {HOME!r}, {WORK!r}, "/dev/shm", os.environ[{EVIDENCE_FOLDER!r}]):
            open(os.path.join(place, "trial"), "w").close()
            os.remove(os.path.join(place, "trial"))
        print("scratch is writable")
    """)
    assert said == "[]\nscratch is writable\n"
    assert not (kit / "trial").exists()


def test_mounts_privileges_and_namespaces_cannot_be_regained(kernel):
    said = kernel.run("""
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        def fails(result): return result == -1
        print(fails(libc.unshare(0x10000000)), fails(libc.mount(b"/", b"/tmp", None, 32 | 4096, None)))
        print(fails(libc.umount2(b"/dev", 2)), fails(libc.setuid(0)), fails(libc.sethostname(b"x", 1)))
        print([line.split()[1] for line in open("/proc/self/status") if line.startswith("Cap")])
    """)
    assert said == "True True\nTrue True True\n" + repr(["0" * 16] * 5) + "\n"


WRITABLE = """
import os
opened, looked_at = [], 0
for top in ("/proc", "/sys"):
    for root, folders, files in os.walk(top):
        if root == "/proc":
            folders[:] = [name for name in folders if not name.isdigit() and name not in ("self", "thread-self")]
        for name in files:
            looked_at += 1
            try:
                os.close(os.open(os.path.join(root, name), os.O_WRONLY | os.O_NONBLOCK))
                opened.append(os.path.join(root, name))
            except OSError:
                pass
print(looked_at > 500, opened)
"""
root_alone = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@contextlib.contextmanager
def _small_sandbox(limits: Limits = LOW):
    folder = Path(tempfile.mkdtemp(prefix="ig-", dir="/tmp"))
    for name in ("files", "evidence", "runtime"):
        (folder / name).mkdir()
    try:
        yield Sandbox(folder / "files", folder / "evidence", folder / "runtime", PS1.withholds, {}, limits=limits)
    finally:
        subprocess.run(["rm", "-rf", str(folder)], check=False)


def _skip_where_the_interpreter_is_roots_own(sandbox: Sandbox) -> None:
    if has_no_way_to(command := sandbox.trial_command([])):
        assert as_another_user(sandbox, command) == command and sandbox.evidence.stat().st_uid == 0
        pytest.skip("the interpreter, or the kit, lies where root alone may go: the sandbox stays root's")


@pytest.mark.parametrize("whose", ["of whoever grades", pytest.param("of another user", marks=root_alone)])
def test_nothing_of_the_machine_in_proc_and_sys_opens_for_writing(whose, tmp_path):
    """Every file but those of the sandbox's own processes, opened and closed, nothing written."""
    script = tmp_path / "looking.py"
    script.write_text(WRITABLE)
    with _small_sandbox() as sandbox:
        command = sandbox.script_command(script)
        if whose == "of another user":
            script.rename(script := sandbox.submission / "looking.py")
            command = sandbox.script_command(script)
            _skip_where_the_interpreter_is_roots_own(sandbox)
            command = as_another_user(sandbox, command)
            assert any(word == f"--reuid={NOBODY}" for word in command)
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.stdout, ended.stderr) == ("True []\n", "")


@root_alone
def test_where_root_grades_the_sandbox_is_another_users(kernel):
    with _small_sandbox() as sandbox:
        _skip_where_the_interpreter_is_roots_own(sandbox)
    inside = kernel.manager.watch.processes()
    assert {user for process in inside for user in process.uids()} == {NOBODY}
    kernel.run(f"import os\nopen(os.environ[{EVIDENCE_FOLDER!r}] + '/mine', 'w').close()")
    mine = kernel.folder / "evidence" / "mine"
    assert mine.stat().st_uid == NOBODY
    mine.unlink()


@root_alone
def test_where_another_user_cannot_read_the_submission_the_sandbox_stays_as_it_is():
    with _small_sandbox() as sandbox:
        _skip_where_the_interpreter_is_roots_own(sandbox)
        command = sandbox.trial_command([])
        assert as_another_user(sandbox, command) != command and sandbox.evidence.stat().st_uid == NOBODY
        closed = sandbox.submission / "closed.csv"
        closed.touch(mode=0o600)
        assert as_another_user(sandbox, command) == command and sandbox.evidence.stat().st_uid == 0
        closed.unlink()
        questions = sandbox.submission.with_name("questions")
        questions.mkdir(mode=0o700)
        asked = replace(sandbox, questions=questions)
        assert as_another_user(asked, asked.trial_command([])) == asked.trial_command([])


OPENED = """
set -e
scratch=$1; shift
mount -t tmpfs none "$scratch"
while [ "$1" != -- ]; do
  layers=$(mktemp -d -p "$scratch"); mkdir "$layers/upper" "$layers/work"
  mount -t overlay overlay -o "lowerdir=$1,upperdir=$layers/upper,workdir=$layers/work" "$1"
  shift
done
shift
while [ "$1" != -- ]; do chmod o+x "$1"; shift; done
shift
exec "$@"
"""
"""Folders that root alone may enter, opened to everybody in a layer over them that the command alone sees: the folders to put a
layer over, `--`, those to open, `--`, the command."""


@root_alone
def test_the_same_holds_where_the_interpreter_is_roots_own(tmp_path):
    """What is skipped above, run once more where root's folders are open to everybody, as on most machines."""
    with _small_sandbox() as sandbox:
        ways = [path for shown in shown_paths(sandbox.trial_command([])) for path in shown.parents]
    closed = sorted({path for path in ways if path.is_dir() and not path.stat().st_mode & stat.S_IXOTH})
    if not closed:
        pytest.skip("everybody may go where the interpreter lies: the tests above ran here")
    tops = [path for path in closed if not any(path.is_relative_to(other) for other in closed if other != path)]
    opened = ["unshare", "--mount", "--propagation", "private", "sh", "-c", OPENED, "sh", str(tmp_path)]
    opened += [*map(str, tops), "--", *map(str, closed), "--"]
    if (trial := subprocess.run([*opened, "true"], capture_output=True, text=True, check=False)).returncode:
        pytest.skip(f"no layer can be put over a folder here: {trial.stderr.strip()}")
    tests = [f"{__file__}::{name}" for name in ANOTHER_USERS]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", *tests]
    alone = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    ended = subprocess.run([*opened, *command], capture_output=True, text=True, check=False, env=alone)
    assert f"{len(ANOTHER_USERS)} passed" in ended.stdout and "skipped" not in ended.stdout, ended.stdout + ended.stderr


ANOTHER_USERS = (
    "test_nothing_of_the_machine_in_proc_and_sys_opens_for_writing[of another user]",
    "test_where_root_grades_the_sandbox_is_another_users",
    "test_where_another_user_cannot_read_the_submission_the_sandbox_stays_as_it_is",
)


def test_who_grades_as_root_is_told_so(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert "ordinary user" in warning_of_root()
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with _small_sandbox() as sandbox:
        assert warning_of_root() == "" and as_another_user(sandbox, ["bwrap"]) == ["bwrap"]


REFUSED_CALLS = {
    "POSIX message queues": "libc.mq_open(b'/x', os.O_CREAT | os.O_RDWR, 0o600, None)",
    "watches of files": "libc.inotify_init1(0)",
    "watches of file systems": "libc.fanotify_init(0, 0)",
    "memory files": "libc.memfd_create(b'x', 0)",
    "System V memory": "libc.shmget(0, 4096, 0o1600)",
    "System V messages": "libc.msgget(0, 0o1600)",
    "TCP, whose buffers grow to megabytes": "libc.socket(2, 1, 0)",
    "TCP over IPv6": "libc.socket(10, 1, 0)",
    "sockets of the kernel's ciphers": "libc.socket(38, 5, 0)",
    "packets": "libc.socket(17, 3, 0)",
    "a larger buffer to send from": "libc.setsockopt(libc.socket(1, 1, 0), 1, 7, b'\\0\\0\\x10\\0', 4)",
    "a larger buffer to receive in": "libc.setsockopt(libc.socket(16, 2, 2), 1, 8, b'\\0\\0\\x10\\0', 4)",
}


def test_memory_that_belongs_to_no_process_cannot_be_asked_for(kernel):
    asked = "".join(f"print({what!r}, {call}, ctypes.get_errno())\n" for what, call in REFUSED_CALLS.items())
    said = kernel.run(f"import ctypes, os\nlibc = ctypes.CDLL(None, use_errno=True)\n{asked}")
    assert said.splitlines() == [f"{what} -1 1" for what in REFUSED_CALLS]  # 1: operation not permitted


def test_room_on_the_disk_is_taken_by_writing_alone(kernel):
    said = kernel.run(f"""
        import errno, os, tempfile
        with tempfile.TemporaryFile() as file:
            try: os.posix_fallocate(file.fileno(), 0, 1 << 16)
            finally: print(os.fstat(file.fileno()).st_size)
        import ctypes
        libc = ctypes.CDLL(None, use_errno=True)
        file = os.open(os.environ[{EVIDENCE_FOLDER!r}], os.O_TMPFILE | os.O_RDWR)
        print(libc.fallocate(file, 0, 0, 1 << 16), ctypes.get_errno() == errno.EOPNOTSUPP)
    """)
    assert said == f"{1 << 16}\n-1 True\n"


def test_there_is_no_network(kernel):
    said = kernel.run("""
        import socket
        for address in (("127.0.0.1", 22), ("1.1.1.1", 53), ("example.org", 80)):
            try:
                socket.create_connection(address, timeout=2)
                print("connected", address)
            except OSError:
                pass
        print(sorted(name for _, name in socket.if_nameindex()))
    """)
    assert said == "['lo']\n"


# What honest work does


def test_honest_work_goes_through(kernel):
    said = kernel.run("""
        import multiprocessing, subprocess, tempfile, threading
        from pathlib import Path
        with multiprocessing.get_context("fork").Pool(2) as pool:
            print(pool.map(abs, [-1, -2]))
        import torch
        from torch.utils.data import DataLoader, TensorDataset
        print(len(list(DataLoader(TensorDataset(torch.ones(8, 2)), batch_size=2, num_workers=2))))
        print(Path("data.csv").read_text())
        Path("notes.txt").write_text("mine")
        print(tempfile.NamedTemporaryFile().write(b"x"))
        thread = threading.Thread(target=print, args=("a thread",)); thread.start(); thread.join()
        get_ipython().system("ls data.csv")
    """)
    assert said.split() == ["[1,", "2]", "4", "1,2,3", "1", "a", "thread", "data.csv"]


def test_a_module_beside_the_notebook_can_be_imported(kernel):
    assert kernel.run("open('mine.py', 'w').write('VALUE = 7')\nimport mine\nprint(mine.VALUE)") == "7\n"


def test_a_question_to_the_user_fails_clearly(kernel):
    assert "does not support input" in kernel.run("input('your name? ')")


def test_workers_that_share_a_large_array_do_not_count_it_twice(start):
    """Twelve forks of a process use little more than the one."""
    kernel = start()
    said = kernel.violation_of(
        """
        import os, time
        large = b"x" * (150 << 20)
        for _ in range(12):
            if os.fork() == 0:
                time.sleep(4)
                os._exit(0)
        time.sleep(4)
        """,
        seconds=5,
    )
    assert said == ""


# Limits

MEMORY = {
    "plain": "hoard = [bytearray(b'x' * (40 << 20)) for _ in range(18)]",
    "memory files that are not mapped": """
        import os
        hoard = [os.memfd_create("x") for _ in range(18)]
        for file in hoard: os.write(file, b"x" * (40 << 20))
    """,
    "System V segments that are not attached": """
        import ctypes
        libc = ctypes.CDLL(None)
        libc.shmat.restype, libc.shmdt.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
        for _ in range(18):
            segment = libc.shmget(0, 40 << 20, 0o1600)
            if segment < 0: raise OSError("shmget is not allowed")
            place = libc.shmat(segment, None, 0)
            ctypes.memset(place, 1, 40 << 20)
            libc.shmdt(place)
    """,
    "in children": """
        import os, time
        for _ in range(12):
            if os.fork() == 0:
                hoard = bytearray(60 << 20)
                hoard[::4096] = b"x" * (60 << 8)  # every page
                time.sleep(60)
                os._exit(0)
    """,
}


@pytest.mark.parametrize("source", MEMORY.values(), ids=MEMORY)
def test_memory_is_limited_however_it_is_taken(start, source):
    said = start(replace(LOW, notebook_seconds=120)).violation_of(
        textwrap.dedent(source) + "\nimport time; time.sleep(60)", seconds=60
    )
    # Refusing is as good as ending: no more than the limit was given.
    assert "memory" in said or "Error" in said


def test_memory_is_counted_where_its_shares_cannot_be_seen(monkeypatch):
    def refuse(process):
        raise psutil.AccessDenied(process.pid)

    monkeypatch.setattr(psutil.Process, "memory_full_info", refuse)
    hoard = "hoard = b'x' * (100 << 20); print('ready', flush=True); input()"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", hoard], **pipes) as process:
        assert process.stdout.readline() == b"ready\n"
        seen = _resident(psutil.Process(process.pid))
        process.communicate(b"\n")
    assert 100 << 20 <= seen <= 150 << 20


DISK = {
    "files": "for i in range(9): open(f'{folder}/{i}', 'wb').write(b'x' * (5 << 20))",
    "files without a name": """
        kept = []
        for i in range(9):
            file = open(f"{folder}/x", "wb")
            os.remove(f"{folder}/x")
            file.write(b"x" * (5 << 20))
            file.flush()
            kept.append(file)
    """,
    "files without a name, sent to nobody and closed": """
        import array, socket
        carrier = socket.socketpair()
        for i in range(9):
            file = os.open(folder, os.O_TMPFILE | os.O_RDWR)
            os.write(file, b"x" * (29 << 20))
            carrier[0].sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [file]))])
            os.close(file)
    """,
    "many files": "for i in range(5000): open(f'{folder}/{i}', 'w').close()",
    "many folders": "for i in range(5000): os.mkdir(f'{folder}/{i}')",
    "deep folders": "os.chdir(folder)\nfor i in range(1500): os.mkdir('d'); os.chdir('d')",
    "long names": """
        os.chdir(folder)
        for i in range(17): os.mkdir("d" * 240); os.chdir("d" * 240)
        open("f" * 240, "w").close()
    """,
}


@pytest.mark.parametrize("source", DISK.values(), ids=DISK)
def test_what_is_written_outside_is_limited(start, source):
    kernel = start()
    source = f"import os, time\nfolder = os.environ[{EVIDENCE_FOLDER!r}]\n{textwrap.dedent(source)}\ntime.sleep(15)"
    assert kernel.violation_of(source, seconds=8)


def test_processes_and_threads_are_limited(start):
    forks = "import os, time\nfor _ in range(60):\n    if os.fork() == 0: time.sleep(15); os._exit(0)\ntime.sleep(15)"
    assert "processes" in start(Limits(processes=20)).violation_of(forks, seconds=12)
    threads = """
        import threading, time
        threading.stack_size(65536)
        try:
            for _ in range(1500): threading.Thread(target=time.sleep, args=(15,), daemon=True).start()
        except RuntimeError:
            pass
        print(threading.active_count() < 1000)
    """
    kernel = start(Limits(processes=20))
    assert kernel.violation_of(threads, seconds=4) or kernel.run("print(threading.active_count() < 1000)") == "True\n"


NOBODYS_MEMORY = {
    "buffers of sockets": ("sockets", """
        import resource, socket, os
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
        for _ in range(3):
            if os.fork() == 0: break
        hoard = [socket.socketpair() for _ in range(240)]
        for pair in hoard:
            for end in pair: end.setblocking(False)
    """),
    "page tables": ("memory", """
        import mmap
        # One page in each 2 MiB: a page table of its own for every page of data.
        hoard = [mmap.mmap(-1, 8 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000) for _ in range(30)]
        for area in hoard:
            for place in range(0, 8 << 30, 2 << 20): area[place]
    """),
    "scratch folders": ("memory", """
        for place in ("/tmp", "/sandbox/work"):
            for k in range(12): open(f"{place}/{k}", "wb").write(bytes(35 << 20))
    """),
    "empty files": ("files", """
        for k in range(30_000): open(f"/tmp/{k}", "w").close()
    """),
}  # fmt: skip


@pytest.mark.parametrize("what", NOBODYS_MEMORY)
def test_memory_that_no_process_has_counts_as_well(start, what):
    word, source = NOBODYS_MEMORY[what]
    said = start(replace(LOW, notebook_seconds=120)).violation_of(
        textwrap.dedent(source) + "\nimport time; time.sleep(60)", seconds=60
    )
    assert word in said or "Error" in said


IN_FLIGHT = """
    import array, os, socket, time
    def send(files):
        carrier[0].sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))])
        for file in files: os.close(file)
    carrier = socket.socketpair()
    for _ in range(20): send({files})
    time.sleep(20)
"""


@pytest.mark.parametrize(
    "files",
    [
        "[end.detach() for _ in range(10) for end in socket.socketpair()]",
        "[os.open('/dev/ptmx', os.O_RDWR | os.O_NOCTTY) for _ in range(20)]",
    ],
    ids=["sockets", "terminals"],
)
def test_what_was_sent_to_nobody_and_closed_counts_as_well(start, files):
    said = start(replace(LOW, channels=300)).violation_of(IN_FLIGHT.replace("{files}", files), seconds=15)
    assert said == "it opened more than 300 sockets, pipes and terminals"


def test_processor_time_is_limited_of_all_processes_together(start):
    kernel = start(replace(Limits(), cpu_seconds=60))
    kernel.manager.watch.limits = replace(Limits(), cpu_seconds=1)
    spin = "import os\nfor _ in range(3):\n    os.fork()\nwhile True: pass"
    assert "processor" in kernel.violation_of(spin, seconds=40)


def test_computing_too_long_ends_it_within_a_second(start):
    kernel = start(Limits())
    watch = kernel.manager.watch
    watch.limits = replace(Limits(), notebook_seconds=watch.clock.computed + 1, wall_factor=60)
    assert "it computed for more than" in kernel.violation_of("while True: pass", seconds=60)
    assert watch.clock.computed <= watch.limits.notebook_seconds + 1
    assert kernel.manager.provisioner.process.wait(timeout=10) is not None


FILLS = """
import os
for place in ("/tmp", "/sandbox/home", "/sandbox/work", "/dev/shm"):
    written = 0
    try:
        with open(os.path.join(place, "x"), "wb", buffering=0) as file:
            for _ in range(16): written += file.write(bytes(1 << 20))
    except OSError:
        pass
    print(place, written >> 20)
"""


def test_each_scratch_folder_is_full_at_its_size(tmp_path):
    (script := tmp_path / "filling.py").write_text(FILLS)
    with _small_sandbox(replace(LOW, tmp=3, home=4, work=5, shared_memory=6)) as sandbox:
        ended = subprocess.run(sandbox.script_command(script), capture_output=True, text=True, check=False)
    assert ended.stdout.split("\n")[:4] == ["/tmp 3", "/sandbox/home 4", "/sandbox/work 5", "/dev/shm 6"], ended.stderr


def test_a_message_beyond_its_limit_is_dropped_before_it_is_read(tmp_path):
    with _small_sandbox(replace(LOW, message=1, messages=3)) as sandbox:
        context = SandboxedKernelManager(sandbox).context
        with (
            context.socket(zmq.PULL) as receiver,
            context.socket(zmq.PUSH) as hostile,
            context.socket(zmq.PUSH) as sender,
        ):
            assert receiver.getsockopt(zmq.RCVHWM) == 3
            place = f"ipc://{sandbox.runtime}/socket"
            receiver.bind(place)
            for socket, content in ((hostile, bytes(2 << 20)), (sender, b"small")):
                socket.connect(place)
                zmq.Socket.shadow(socket.underlying).send(content)
            assert zmq.Socket.shadow(receiver.underlying).recv() == b"small"
            assert not zmq.Socket.shadow(receiver.underlying).poll(300)
        context.destroy(linger=0)


def test_time_is_limited_even_for_a_stopped_process(start):
    kernel = start(Limits())
    # Counted from the start, which takes a machine that is busy longer than the limit of this test.
    kernel.manager.watch.limits = Limits(notebook_seconds=1)
    assert "seconds" in kernel.violation_of("import os, signal; os.kill(os.getpid(), signal.SIGSTOP)", seconds=12)


def test_every_process_ends_with_the_sandbox(start):
    kernel = start()
    kernel.run("import os, time\nfor _ in range(3):\n    if os.fork() == 0: os.setsid(); time.sleep(60); os._exit(0)")
    inside = kernel.manager.watch.processes()
    assert len(inside) >= 4
    kernel.manager.watch.stop()
    kernel.manager.watch.end_sandbox()
    _, alive = psutil.wait_procs(inside, timeout=5)
    assert [process for process in alive if process.status() != psutil.STATUS_ZOMBIE] == []
