"""How large the kit is for whom: fresh virtual environments, what is in them, and how long pip took, one after the other.

    python -m benchmarks.environments                                    # with this Python
    python -m benchmarks.environments --only student --python python3.13

Sizes are of site-packages without bytecode, which pip does not write here. Seconds depend on the network and on pip's
cache: only their ratios in one run count. The first environment fills the cache for the others, and is made twice.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from autograder.course.release import KIT
from autograder.course.student_kit import student_kit
from benchmarks.setting import RESULTS

IMPORT = "import time; t = time.process_time(); import {}; print(time.process_time() - t)"
LARGEST = 4


@dataclass
class Measured:
    """An environment: MiB of its packages, how many there are, the largest, seconds of pip, CPU seconds of the first import."""

    mib: float
    packages: int
    largest: dict[str, float]
    pip_seconds: float
    import_seconds: float
    python: str


def environments(dist: Path) -> dict[str, tuple[list[str], str]]:
    """What pip is told for each reader, and the module that is imported first."""
    igref, student, _ = student_kit(KIT, dist)
    extras = "test,lecture,bench"
    return {
        "igref alone": ([str(igref)], "igref"),
        "student": ([str(student)], "autograder"),
        "instructor": ([str(KIT)], "autograder"),
        "developer": ([f"{KIT}[{extras}]"], "autograder"),
    }


def measure(python: str, wanted: list[str], module: str) -> Measured:
    """Make an environment, measure it, and take it away again."""
    with tempfile.TemporaryDirectory(prefix="ig-environment-") as folder:
        subprocess.run([python, "-m", "venv", folder], check=True)
        own = str(Path(folder) / "bin" / "python")
        started = time.monotonic()
        pip = [own, "-m", "pip", "install", "-qq", "--no-compile", "--disable-pip-version-check"]
        subprocess.run([*pip, "--constraint", str(KIT / "constraints.txt"), *wanted], check=True)
        seconds = time.monotonic() - started
        (packages,) = Path(folder).glob("lib/python*/site-packages")
        subprocess.run([own, "-m", "pip", "uninstall", "-qq", "--yes", "pip"], check=True)
        sizes = {entry.name: mib(entry) for entry in packages.iterdir()}
        largest = dict(sorted(sizes.items(), key=lambda item: -item[1])[:LARGEST])
        first = subprocess.run(
            [own, "-B", "-c", IMPORT.format(module)], capture_output=True, text=True, cwd=folder, check=True
        )
        version = subprocess.run([own, "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
        return Measured(
            sum(sizes.values()),
            len([*packages.glob("*.dist-info")]),
            largest,
            seconds,
            float(first.stdout),
            version,
        )


def mib(path: Path) -> float:
    """Of a file, or of all files in a folder."""
    files = [path] if path.is_file() else path.rglob("*")
    return sum(one.lstat().st_size for one in files if one.is_file() and one.suffix != ".pyc") / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--only", help="one of the environments")
    options = parser.parse_args()
    if not shutil.which(options.python):
        parser.error(f"there is no Python at {options.python}")
    with tempfile.TemporaryDirectory(prefix="ig-dist-") as dist:
        wanted = environments(Path(dist))
        chosen = {options.only: wanted[options.only]} if options.only else wanted
        name, how = next(iter(chosen.items()))
        measure(options.python, *how)
        found = {}
        for name, how in chosen.items():
            found[name] = asdict(measure(options.python, *how))
            print(name, json.dumps(found[name]), flush=True)
    if not options.only:
        (RESULTS / "environments.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
