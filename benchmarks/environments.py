"""How large the kit is for whom: the packages that each reader's environment holds, and their size.

    python -m benchmarks.environments
    python -m benchmarks.environments --seconds     # also makes the four environments, and throws them away

Without --seconds nothing is installed: the files of the packages that are here are counted, so this needs an environment with all
of them (`make bench` has it). Bytecode is left out. torch is the build that is here: on Linux the package index serves the one for
CUDA by default, with which the students' environment measured 4,965 MiB.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from packaging.requirements import Requirement

from autograder.course.student_kit import IGREF, STUDENT
from benchmarks.setting import RESULTS

KIT = Path(__file__).parent.parent
LARGEST = 4
COMPARED_WITH = "instructor"


def environments() -> dict[str, list[str]]:
    """What each reader's environment requires."""
    project = tomllib.loads((KIT / "pyproject.toml").read_text())["project"]
    extras = [one for group in project["optional-dependencies"].values() for one in group]
    return {
        "igref alone": list(IGREF.requires),
        "student": list(STUDENT.requires),
        "instructor": project["dependencies"],
        "developer": [*project["dependencies"], *extras],
    }


def closure(requirements: Iterable[str]) -> set[str]:
    """The names of the packages that pip would install for these requirements, on this machine."""
    found: set[str] = set()
    pending = [(Requirement(one), "") for one in requirements]
    while pending:
        requirement, extra = pending.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        name = requirement.name.lower().replace("_", "-")
        asked = {f"{name}[{one}]" for one in requirement.extras} | {name}
        for one in asked - found:
            _, _, extra = one.rstrip("]").partition("[")
            pending += [(Requirement(line), extra) for line in distribution(name).requires or ()]
        found |= asked
    return {name for name in found if "[" not in name}


def mib(name: str) -> float:
    """The size of an installed package's files, without bytecode."""
    package = distribution(name)
    files = (Path(str(package.locate_file(path))) for path in package.files or () if path.suffix != ".pyc")
    return sum(path.lstat().st_size for path in files if path.is_file()) / 2**20


def seconds(required: list[str]) -> float:
    """CPU seconds of making a virtual environment and installing this with pip, from whatever index pip asks.

    Downloads cost time and hardly a processor: they are not in it.
    """
    with tempfile.TemporaryDirectory() as folder:
        before = _seconds_of_children()
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        pip = [f"{folder}/bin/python", "-m", "pip", "install", "-qq", "--no-compile", "--disable-pip-version-check"]
        subprocess.run([*pip, "--constraint", str(KIT / "constraints.txt"), *required], check=True)
        return _seconds_of_children() - before


def _seconds_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", action="store_true", help="make each environment, and compare the CPU seconds")
    options = parser.parse_args()
    result = RESULTS / "environments.json"
    known = json.loads(result.read_text()) if result.is_file() else {}
    measured: dict[str, object] = {"torch": version("torch")}
    for reader, required in environments().items():
        try:
            sizes = {name: mib(name) for name in closure(required)}
        except PackageNotFoundError as error:
            raise SystemExit(f"{reader}: {error}; expected an environment with all extras: make bench") from None
        largest = sorted(sizes, key=sizes.__getitem__, reverse=True)[:LARGEST]
        measured[reader] = {
            "packages": len(sizes),
            "mib": round(sum(sizes.values())),
            "largest": {name: round(sizes[name]) for name in largest},
        }
        print(reader, measured[reader])
    if options.seconds:
        taken = {reader: seconds(required) for reader, required in environments().items()}
        print({reader: round(one, 1) for reader, one in taken.items()}, "CPU seconds to install")
        measured["cpu_ratio"] = {reader: round(one / taken[COMPARED_WITH], 2) for reader, one in taken.items()}
    elif "cpu_ratio" in known:
        measured["cpu_ratio"] = known["cpu_ratio"]
    result.write_text(json.dumps(measured, indent=1) + "\n")


if __name__ == "__main__":
    main()
