"""One set of versions: pyproject.toml says it, environment.yml and constraints.txt repeat it."""

import re
import tomllib
from pathlib import Path

import pytest
import yaml

KIT = Path(__file__).resolve().parent.parent
CONDA_NAMES = {"pytorch": "torch", "matplotlib-base": "matplotlib", "jupyter_client": "jupyter-client"}


def pinned(requirements: list[str]) -> dict[str, str]:
    """Names, as PyPI writes them, and versions of requirements that pin one."""
    pairs = (re.match(r"([\w.-]+)\s*={1,2}\s*([\w.]+)", requirement) for requirement in requirements)
    return {normal(CONDA_NAMES.get(pair[1], pair[1])): pair[2] for pair in pairs if pair}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


@pytest.fixture(scope="module")
def project() -> dict[str, str]:
    table = tomllib.loads((KIT / "pyproject.toml").read_text())["project"]
    return pinned(table["dependencies"])


@pytest.fixture(scope="module")
def conda() -> tuple[dict[str, str], dict[str, str]]:
    entries = yaml.safe_load((KIT / "environment.yml").read_text())["dependencies"]
    by_pip = next(entry["pip"] for entry in entries if isinstance(entry, dict))
    return pinned([entry for entry in entries if isinstance(entry, str)]), pinned(by_pip)


def test_every_dependency_is_pinned():
    requirements = tomllib.loads((KIT / "pyproject.toml").read_text())["project"]["dependencies"]
    assert len(pinned(requirements)) == len(requirements)


def test_the_conda_environment_has_the_same_packages_at_the_same_versions(project, conda):
    from_conda_forge, by_pip = conda
    del from_conda_forge["python"]
    assert from_conda_forge | by_pip == project
    assert not from_conda_forge.keys() & by_pip.keys()


def test_the_constraints_agree(project):
    constraints = pinned((KIT / "constraints.txt").read_text().splitlines())
    assert {name: constraints.get(name) for name in project} == project


def test_the_conda_environment_has_a_python_that_the_project_takes():
    table = tomllib.loads((KIT / "pyproject.toml").read_text())["project"]
    minor = int(re.search(r">=3\.(\d+)", table["requires-python"])[1])
    entries = yaml.safe_load((KIT / "environment.yml").read_text())["dependencies"]
    python = next(entry for entry in entries if isinstance(entry, str) and entry.startswith("python="))
    assert int(re.search(r"=3\.(\d+)", python)[1]) >= minor


def test_the_packages_that_students_are_told_of_are_there(project):
    page = (KIT / "docs" / "students.md").read_text()
    told = re.search(r"these packages are there when your work is graded: (.*?)\.\s", page)[1]
    assert {normal(name) for name in re.split(r", | and ", told)} < project.keys()
