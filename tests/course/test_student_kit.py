"""What students get works where there is nothing else: an environment with the wheel and what it requires."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import distribution
from pathlib import Path

import nbformat
import pytest

from autograder.course.release import HANDED_OUT, locked_cells_of
from autograder.course.student_kit import IGREF, STUDENT, StudentKitError, build, student_kit
from autograder.problem_sets import PROBLEM_SETS
from benchmarks.environments import closure
from tests.kit_copy import KIT

NOT_FOR_STUDENTS = ("nbgrader", "nbconvert", "jupyterlab", "onnxruntime", "copydetect", "sqlalchemy", "pytest")
IGREF_ALONE = """
import torch, igref
result = igref.integrated_gradients(lambda x: x ** 2, torch.ones(1, 2), torch.zeros(1, 2), 0, n_steps=4)
assert torch.allclose(result.values, torch.tensor([[1.0, 0.0]])), result
picture = torch.rand(3, 8, 8)
assert "map" in igref.plots.alt_text(igref.plots.attribution_row(picture, picture))  # which needs its font
try:
    import autograder
except ImportError:
    print("alone")
"""


class Environment:
    """A virtual environment with one wheel and, of the installed packages, those that it requires.

    With `installed=False` the wheel itself is missing, and pip is there to install it.
    """

    def __init__(self, folder: Path, wheel: Path, *, installed: bool = True) -> None:
        venv.create(folder, symlinks=True)
        self.python = folder / "bin" / "python"
        (self.packages,) = (folder / "lib").glob("python*/site-packages")
        with zipfile.ZipFile(wheel) as file:
            file.extractall(self.packages)
        (metadata,) = self.packages.glob("*.dist-info/METADATA")
        required = [
            line.split(": ")[1] for line in metadata.read_text().splitlines() if line.startswith("Requires-Dist")
        ]
        if not installed:
            for path in self.packages.iterdir():
                shutil.rmtree(path)
        for name in closure([*required, *([] if installed else ["pip"])]):
            for path in distribution(name).files or ():
                if ".." not in path.parts and path.parts[0] != "__pycache__":
                    target = self.packages / path.parts[0]
                    if not target.exists():
                        target.symlink_to(distribution(name).locate_file(path.parts[0]))

    def run(self, *arguments: str, cwd: Path, **environment: str) -> str:
        command, environment = [str(self.python), *arguments], os.environ | environment
        done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    igref, student, archive = student_kit(KIT, tmp_path_factory.mktemp("dist"))
    return {"igref": igref, "student": student, "zip": archive}


def test_the_zip_holds_the_releases_the_wheel_and_a_guide_that_names_it(made):
    with zipfile.ZipFile(made["zip"]) as file:
        names = set(file.namelist())
        guide = file.read("student-kit/START.md").decode()
        for assignment in PROBLEM_SETS:
            released = (KIT / "assignments" / assignment / f"{assignment}.ipynb").read_bytes()
            assert file.read(f"student-kit/{assignment}/{assignment}.ipynb") == released
    assert {f"student-kit/{made['student'].name}", "student-kit/students.md"} <= names
    assert made["student"].name in guide and "WHEEL" not in guide and "students.md" in guide
    assert "`!python -m autograder.check ps1-attribution.ipynb`" in guide  # where no .venv is


def test_no_wheel_holds_a_solution_or_what_grades_a_class(made):
    for name in ("igref", "student"):
        inside = zipfile.ZipFile(made[name]).namelist()
        assert not [path for path in inside if path.endswith(".ipynb")]
        assert not [
            path for path in inside if path.startswith(("autograder/course", "autograder/nbgrader_plugin", "corpus"))
        ]


def test_the_wheel_has_the_locked_cells_of_its_own_releases(made):
    with zipfile.ZipFile(made["student"]) as wheel:
        assert wheel.read(str(HANDED_OUT)).decode() == locked_cells_of(KIT / "assignments")


def test_the_package_alone_works_alone(made, tmp_path):
    assert Environment(tmp_path / "venv", made["igref"]).run("-c", IGREF_ALONE, cwd=tmp_path) == "alone\n"


def test_the_solution_of_ps1_is_checked_where_there_is_nothing_but_the_wheel(made, tmp_path):
    environment = Environment(tmp_path / "venv", made["student"])
    here = {path.name.lower() for path in environment.packages.iterdir()}
    assert not here & set(NOT_FOR_STUDENTS)
    said = environment.run("-m", "autograder.check", first_two_tasks(tmp_path), cwd=tmp_path)
    assert "4 of 4  the input gradient\n     8 of 8  integrated gradients\n" in said, said
    assert "no cell ps1-photo" in said


def test_the_first_cell_installs_the_wheel_beside_it_and_where_it_is_installed_does_nothing(made, tmp_path):
    """No index is asked: what the wheel requires is there, as it is in Colab and Kaggle, or would come from one."""
    (cell,) = {first_code(KIT / "assignments" / name / f"{name}.ipynb") for name in PROBLEM_SETS}
    (tmp_path / "cell.ipy").write_text(cell)
    environment = Environment(tmp_path / "venv", made["student"], installed=False)
    pip = {"PIP_NO_INDEX": "1", "PIP_NO_DEPS": "1", "IPYTHONDIR": str(tmp_path / "ipython")}

    def run_cell():
        return environment.run("-m", "IPython", "--colors=NoColor", "cell.ipy", cwd=tmp_path, **pip)

    with pytest.raises(AssertionError, match="from the student kit next to this notebook"):
        run_cell()
    shutil.copy(made["student"], tmp_path)
    assert "Restart the kernel once" in run_cell()
    assert run_cell().strip() == ""
    assert "submit" in environment.run("-c", "import autograder; print(autograder.__all__)", cwd=tmp_path)


def test_the_doctor_finds_nothing_missing_for_students(made, tmp_path):
    said = Environment(tmp_path / "venv", made["student"]).run("-m", "igref.doctor", cwd=tmp_path)
    assert "[FAIL]" not in said and "[OK]   torch " in said, said


OTHER_PYTHONS = [
    name
    for name in (f"python3.{minor}" for minor in range(11, 30) if minor != sys.version_info.minor)
    if shutil.which(name)
]


@pytest.mark.parametrize(
    "python", OTHER_PYTHONS or [pytest.param("", marks=pytest.mark.skip(reason="no other Python"))]
)
def test_the_wheel_works_in_other_pythons_that_have_what_it_requires(request, tmp_path, python):
    """Shown of 3.14 with the versions of constraints.txt."""
    if subprocess.run([python, "-c", "pass"], capture_output=True).returncode:
        pytest.skip(f"{python} is a stand-in that runs none")
    made = request.getfixturevalue("made")
    packages = tmp_path / "packages"
    with zipfile.ZipFile(made["student"]) as wheel:
        wheel.extractall(packages)
    environment = os.environ | {"PYTHONPATH": str(packages)}
    command = [python, "-m", "autograder.check", first_two_tasks(tmp_path)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    missing = re.search(
        r"^ModuleNotFoundError: No module named '(?!autograder|igref)(\S+)'$", done.stderr, re.MULTILINE
    )
    if missing:
        pytest.skip(f"{python} lacks what the wheel requires: {missing[1]}")
    assert "4 of 4  the input gradient\n     8 of 8  integrated gradients\n" in done.stdout, done.stdout + done.stderr


def test_this_python_is_one_of_those_that_the_project_names():
    project = tomllib.loads((KIT / "pyproject.toml").read_text())["project"]
    named = [one.rpartition(" ")[2] for one in project["classifiers"]]
    assert project["requires-python"] == f">={named[0]}"
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in named
    oldest, newest = (int(one.removeprefix("3.")) for one in (named[0], named[-1]))
    assert named == [f"3.{minor}" for minor in range(oldest, newest + 1)]  # none of them is left out


def first_code(path):
    """The first cell of a notebook that is code."""
    return next(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")


def first_two_tasks(folder):
    """The solution of ps1's first two tasks as a notebook: up to the second graded cell."""
    name = "ps1-attribution"
    notebook = nbformat.read(KIT / "solutions" / name / f"{name}.ipynb", as_version=4)
    ids = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]
    notebook.cells = notebook.cells[: ids.index("ps1-integrated-gradients") + 1]
    nbformat.write(notebook, folder / f"{name}.ipynb")
    return f"{name}.ipynb"


def test_a_requirement_that_the_kit_does_not_pin_is_refused(tmp_path):
    from dataclasses import replace

    with pytest.raises(StudentKitError, match="requires polars, of which"):
        build(replace(IGREF, requires=("polars",)), KIT, tmp_path)
    assert set(IGREF.requires) < set(STUDENT.requires)
