"""The commands that the pages name: those of docs/instructors.md run in its order, all others exist, with their options.

A command of docs/instructors.md that is neither run here nor listed in NOT_RUN, with the reason, fails.
"""

import contextlib
import csv
import getpass
import importlib.util
import io
import multiprocessing
import os
import re
import runpy
import shlex
import shutil
import socket
import subprocess
import sys
import warnings
import zipfile
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from nbgrader.apps.nbgraderapp import NbGraderApp
from traitlets.utils.importstring import import_item

from autograder.course.release import make_course
from tests.kit_copy import KIT

PS1 = "ps1-attribution"
INSTRUCTORS = KIT / "docs" / "instructors.md"
SHELL = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
NOT_RUN = {
    "make demo": "installs .venv, which is there; test_pipeline.py grades the demo's students",
    "export PATH": "the environment of these tests is on the PATH",
    "python -m autograder replay ps1 --apply": "the same as without, where no points change; test_pipeline.py applies some",
    "jupyter lab": "a server that runs until it is stopped; test_in_jupyter.py opens it and its formgrader",
    "podman build": "needs a builder of containers; test_container.py reads the file",
    "podman run": "needs a builder of containers",
}
"""How a command begins that is not run, and why."""

STUDENTS = ("nbgrader fetch_assignment", "nbgrader submit", "nbgrader fetch_feedback")
"""What a student runs, in a folder of their own."""


def commands(text: str) -> list[str]:
    """The lines of a page's shell blocks, without their comments."""
    lines = (line.partition(" #")[0].strip() for block in SHELL.findall(text) for line in block.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def execute(words: list[str], folder: Path, environment: dict[str, str], said: Path) -> None:
    """Run one command of Python's in this process: `python -m MODULE ...` or `nbgrader ...`; what it prints goes to a file."""
    os.chdir(folder)
    os.environ.update(environment)
    output = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(output, 1)
    os.dup2(output, 2)
    sys.argv = words[2:] if words[0] == "python" else words
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


class Reader:
    """Somebody who types the page's commands into a shell, in a course folder, or as a student in another.

    What Python runs is forked from one process that has imported it already, which takes most of the time of a command.
    """

    def __init__(self, folder: Path) -> None:
        self.course, self.own, self.said = folder / "course", folder / "own", folder / "said.txt"
        self.own.mkdir()
        configuration = folder / "configuration"
        configuration.mkdir()
        (folder / "exchange").mkdir(mode=0o777)
        (folder / "exchange").chmod(0o777)
        (setting,) = re.findall(r"```python\n(.*?Exchange\.root.*?)```", INSTRUCTORS.read_text(), re.DOTALL)
        setting = setting.replace("/srv/nbgrader/exchange", str(folder / "exchange"))
        (configuration / "nbgrader_config.py").write_text(setting)
        self.environment = {
            "JUPYTER_CONFIG_DIR": str(configuration),
            "OMP_NUM_THREADS": "1",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        self.start = multiprocessing.get_context("forkserver")
        self.start.set_forkserver_preload(["nbgrader.apps.nbgraderapp", "autograder.course.classroom", __name__])

    def run(self, command: str) -> str:
        """What a command prints; one that fails fails the test, and says why."""
        folder = self.own if command.startswith(STUDENTS) else self.course
        words = shlex.split(command)
        if words[0] == "nbgrader" or words[:2] == ["python", "-m"]:
            process = self.start.Process(target=execute, args=(words, folder, self.environment, self.said))
            process.start()
            process.join(600)
            status, said = process.exitcode, self.said.read_text()
        else:
            environment = os.environ | self.environment
            done = subprocess.run(
                ["bash", "-c", command], cwd=folder, env=environment, capture_output=True, text=True, timeout=600
            )
            status, said = done.returncode, done.stdout + done.stderr
        assert status == 0, f"{command}\n{said}"
        return said


@pytest.fixture(scope="module")
def followed(tmp_path_factory):
    """What each command of docs/instructors.md printed, run in the page's order in a new course, and the course."""
    folder = tmp_path_factory.mktemp("reader")
    make_course(folder / "course")
    shutil.copytree(KIT / "assignments", folder / "course" / "assignments")
    (folder / "course" / "students.csv").write_text("id,first_name,last_name,email\nada,Ada,Lovelace,ada@example.org\n")
    with zipfile.ZipFile(folder / "course" / "submissions.zip", "w") as archive:
        archive.writestr(f"doejane_12345_678910_{PS1}.ipynb", "damaged")
    reader = Reader(folder)
    said = []
    with ExitStack() as stack:
        another = stack.enter_context(socket.socket())
        with suppress(OSError):  # where it is taken, it is taken
            another.bind(("", 8787))
            another.listen()
        for command in commands(INSTRUCTORS.read_text()):
            if not command.startswith(tuple(NOT_RUN)):
                if command.startswith("nbgrader submit"):  # without work for a kernel
                    (reader.own / PS1 / f"{PS1}.ipynb").write_text("damaged")
                said.append((command, reader.run(command)))
    return reader, said


def printed(said: list[tuple[str, str]], beginning: str) -> str:
    """What the commands printed that begin like this."""
    return "".join(text for command, text in said if command.startswith(beginning))


def test_the_instructors_page_leads_to_a_graded_class(followed):
    reader, said = followed
    table = printed(said, "python -m autograder grade")
    assert re.search(r"\bada\b\W+16\b", table) and re.search(r"\bben\b\W+0\b", table), table
    assert "Warning" not in table
    assert (reader.course / "reports" / f"{PS1}.html").is_file()
    rows = csv.DictReader((reader.course / "grades.csv").open())
    assert {row["student_id"]: float(row["score"]) for row in rows} == {"ada": 16, "ben": 0}
    assert "no points would change" in printed(said, "python -m autograder replay")
    assert "1 students, 0 of them late" in printed(said, "python -m autograder collect")
    assert f"Collecting submission: {getpass.getuser()}" in printed(said, "nbgrader collect")


def test_feedback_comes_back_through_the_exchange(followed):
    reader, said = followed
    pages = list((reader.own / PS1 / "feedback").rglob("*.html"))
    assert len(pages) == 1, said
    (page,) = pages
    assert "not readable as JSON" in page.read_text()


def test_no_reason_is_left_of_a_command_that_the_page_has_no_longer():
    named = commands(INSTRUCTORS.read_text())
    assert [one for one in NOT_RUN if not any(command.startswith(one) for command in named)] == []


PAGES = [
    path
    for path in sorted(KIT.rglob("*.md"))
    if not {".venv", "node_modules", "built", ".pytest_cache"} & set(path.relative_to(KIT).parts)
]
MODULE = re.compile(r"python3? -m ([\w.]+)((?: +[^\s`#|;&)]+)*)")


def option(word: str) -> str:
    return word.partition("=")[0]


def help_of(module: str, words: list[str]) -> str:
    """What a module of Python's answers to --help, after the words before the first option: its sub-command, if it has one."""
    said = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(said), pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", [module, *words, "--help"])
        with warnings.catch_warnings(action="ignore", category=RuntimeWarning):  # of a module that is imported already
            runpy.run_module(module, run_name="__main__")
    assert ended.value.code == 0, f"python -m {module} {' '.join(words)} --help"
    return said.getvalue()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(KIT)))
def test_modules_that_a_page_runs_are_there_with_their_options(page):
    for module, rest in MODULE.findall(page.read_text()):
        assert importlib.util.find_spec(module), f"{page.name}: python -m {module}"
        words = shlex.split(rest)
        options = [option(word) for word in words if word.startswith("--")]
        own = module.partition(".")[0] in ("autograder", "benchmarks", "igref", "lecture", "tests")
        if own and (options or module == "autograder"):
            said = help_of(module, words[:1] if module == "autograder" else [])
            assert all(re.search(rf"{one}\b", said) for one in options), f"{page.name}: {module} {rest}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(KIT)))
def test_nbgrader_s_commands_that_a_page_names_are_there_with_their_options(page):
    text = page.read_text()
    for command in (*commands(text), *re.findall(r"`([^`\n]+)`", text)):
        program, *words = command.split()
        if program == "nbgrader" and words:
            application = NbGraderApp()
            while words and words[0] in application.subcommands:
                named = application.subcommands[words.pop(0)][0]
                application = (import_item(named) if isinstance(named, str) else named)()
            options = {option(word)[2:] for word in words if word.startswith("--")}
            assert not isinstance(application, NbGraderApp), f"{page.name}: {command}"
            assert options <= {*application.flags, *application.aliases}, f"{page.name}: {command}"


def test_options_that_the_instructors_page_names_alone_are_there():
    named = re.findall(r"`(--[a-z-]+)", INSTRUCTORS.read_text())
    known = (
        help_of("autograder", ["grade"]) + help_of("autograder", ["replay"]) + help_of("benchmarks.environments", [])
    )
    others = ("--privileged", "--security-opt", "--entrypoint")  # of podman and Docker
    assert [one for one in named if one not in known and one not in others] == []
