"""The container that grades: its file is linted, and copies what is in the tree."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

KIT = Path(__file__).resolve().parent.parent
FILE = (KIT / "Containerfile").read_text()


def test_the_linter_finds_nothing():
    linter = Path(sys.executable).parent / "hadolint"
    linted = subprocess.run([linter, "--no-color", "-"], input=FILE, capture_output=True, text=True)
    assert linted.returncode == 0, linted.stdout + linted.stderr


def test_what_it_copies_is_there_and_its_python_is_one_that_the_kit_takes():
    copied = [name for line in re.findall(r"^COPY --chown=\w+ (.*)$", FILE, re.MULTILINE) for name in line.split()[:-1]]
    assert {"pyproject.toml", "igref", "autograder", "."} <= {*copied}
    assert [name for name in copied if not (KIT / name).exists()] == []
    oldest = tomllib.loads((KIT / "pyproject.toml").read_text())["project"]["requires-python"].removeprefix(">=3.")
    assert int(re.search(r"^FROM \S*python:3\.(\d+)-", FILE, re.MULTILINE)[1]) >= int(oldest)


def test_students_code_is_run_by_nobody_who_is_root():
    assert re.findall(r"^USER (\S+)$", FILE, re.MULTILINE)[-1] == "1000"
