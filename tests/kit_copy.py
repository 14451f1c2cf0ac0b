"""A copy of the kit with an interpreter of its own, for tests that add files to it."""

import os
import shutil
import site
import subprocess
import sys
import venv
from pathlib import Path

KIT = Path(__file__).resolve().parents[1]
LEFT_OUT = (
    ".venv",
    ".git",
    ".*_cache",
    "__pycache__",
    "built",
    "*.egg-info",
    "submitted",
    "autograded",
    "*.db",
    "*.log",
)


class KitCopy:
    """The kit in another folder. Its `python` finds the packages of the copy in place of the installed ones."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(KIT, folder, ignore=shutil.ignore_patterns(*LEFT_OUT), dirs_exist_ok=True)
        venv.create(folder / ".venv", symlinks=True)
        (folder / ".venv" / "share").symlink_to(Path(sys.prefix) / "share")  # where nbconvert finds its templates
        self.python = folder / ".venv" / "bin" / "python"
        (packages,) = (folder / ".venv" / "lib").glob("python*/site-packages")
        (packages / "kit.pth").write_text("\n".join((str(folder), *site.getsitepackages())))

    def run(self, *arguments: str) -> str:
        """What the copy's interpreter prints; a failure fails the test, and says why."""
        programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # nbgrader calls alembic by name
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PATH": programs}
        command = [str(self.python), *arguments]
        done = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
