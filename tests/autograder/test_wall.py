"""The wall is a list of what may be seen: a new file is hidden, wherever it lies, unless it lies in `student/`."""

import json
import secrets
import time
import zipfile

import pytest

from autograder.sandbox.bubblewrap import SandboxUnavailableError, check_sandbox
from tests.kit_copy import KitCopy

PLANTED = "planted-by-a-test.txt"

LOOK = f"""
import asyncio, json, tempfile
from pathlib import Path
from autograder.sandbox.bubblewrap import Limits
from tests.autograder.test_sandbox import Kernel

kernel = Kernel(Path(tempfile.mkdtemp(prefix="ig-", dir="/tmp")), Limits(), asyncio.new_event_loop())
kernel.start()
print(kernel.run('''
    import json, os
    seen = [root for root, folders, files in os.walk("/") if {PLANTED!r} in files and not root.startswith("/proc")]
    print(json.dumps(seen))
'''))
kernel.stop()
"""


@pytest.fixture(scope="module")
def kit(tmp_path_factory):
    try:
        check_sandbox()
    except SandboxUnavailableError as error:
        pytest.skip(f"no sandbox on this machine: {error}")
    return KitCopy(tmp_path_factory.mktemp("kit"))


def test_a_new_file_is_seen_in_student_and_nowhere_else(kit):
    hidden_by_name = (kit.folder / ".venv", kit.folder / "igref")  # igref is shown, but for what a set withholds
    folders = [path for path in kit.folder.rglob("*") if path.is_dir() and not path.is_symlink()]
    folders = [path for path in folders if not any(path.is_relative_to(one) for one in hidden_by_name)]
    assert len(folders) > 50
    student = kit.folder / "autograder" / "student"
    withheld = kit.folder / "igref" / "attribution"
    for folder in (kit.folder, withheld, *folders):
        (folder / PLANTED).write_text("not for students")
    seen = json.loads(kit.run("-c", LOOK))
    assert seen, "the folder that is mounted shows its files"
    assert [folder for folder in seen if folder != str(student) and not folder.startswith(f"{student}/")] == []


HUNT = """
import asyncio, os, sys, tempfile
from pathlib import Path
from autograder.sandbox.bubblewrap import Limits
from tests.autograder.test_sandbox import Kernel

canary, since, *places = sys.argv[1:]
kernel = Kernel(Path(tempfile.mkdtemp(prefix="ig-", dir="/tmp")), Limits(), asyncio.new_event_loop())
for place in places:
    os.replace(place, kernel.folder / "course" / Path(place).name)
kernel.start()
print(kernel.run('''
    import json, os
    canary, found, looked_at = bytes.fromhex("HEX"), [], 0
    for root, folders, files in os.walk("/"):
        if root == "/proc":
            folders.clear()
        for name in files:
            path = os.path.join(root, name)
            try:
                if os.lstat(path).st_ctime < SINCE or not os.path.isfile(path):
                    continue
                looked_at += 1
                if canary in open(path, "rb").read():
                    found.append(path)
            except OSError:
                pass
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            if canary in open(f"/proc/{process}/environ", "rb").read():
                found.append("the environment of " + process)
        except OSError:
            pass
    print(json.dumps([looked_at, found]))
'''.replace("HEX", canary.encode().hex()).replace("SINCE", since)))
kernel.stop()
"""
"""Read, from inside, every file that is newer than `since`, and every environment. The places are put into the course's folder."""


def test_no_canary_is_found_from_inside(kit, tmp_path, monkeypatch):
    """One in each place that is to be out of sight, and one that is in sight, which shows that the hunt finds them."""
    canary, since = f"canary-{secrets.token_hex(8)}", time.time() - 1
    code = f"class IntegratedGradients: '{canary}'"
    (packages,) = (kit.folder / ".venv" / "lib").glob("python*/site-packages")
    home = tmp_path / "home"
    course = [tmp_path / name for name in ("gradebook.db", "solutions", "submitted")]
    in_sight = kit.folder / "autograder" / "student" / "bait.py"
    planted = {
        "the gradebook": course[0],
        "a solution": course[1] / "ps1" / "ps1.ipynb",
        "another submission": course[2] / "aaron" / "ps1" / "ps1.ipynb",
        "the judge": kit.folder / "autograder" / "judge" / "new.py",
        "the judge's byte code": kit.folder / "autograder" / "judge" / "__pycache__" / "new.cpython-311.pyc",
        "the kit's solutions": kit.folder / "solutions" / "ps1-attribution" / "new.ipynb",
        "the instructor's home": home / "notes.txt",
        "packages in the home": home / ".local" / "lib" / "python3" / "site-packages" / "mine.py",
        "a renamed library": packages / "my_tools" / "inner.py",
        "a renamed library of one file": packages / "my_tool.py",
        "its byte code": packages / "my_bytes" / "__pycache__" / "core.cpython-311.pyc",
        "the withheld part": kit.folder / "igref" / "attribution" / "new.py",
        "the byte code of the withheld part": kit.folder
        / "igref"
        / "attribution"
        / "__pycache__"
        / "core.cpython-311.pyc",
        "the byte code of igref": kit.folder / "igref" / "__pycache__" / "core.cpython-311.pyc",
        "a copy in build": kit.folder / "build" / "lib" / "igref" / "attribution" / "core.py",
        "the folder of an editable install": kit.folder / "other" / "igref" / "attribution" / "core.py",
        "the records of a package": kit.folder / "integrated_gradients_course.egg-info" / "SOURCES.txt",
        "a place in sight": in_sight,
    }
    for path in planted.values():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
    for folder in (home / ".cache" / "pip", home / ".cache" / "uv", packages, packages.parent, kit.folder / "dist"):
        folder.mkdir(parents=True, exist_ok=True)
        with zipfile.ZipFile(folder / "tools-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("tools/core.py", code)
    (packages / "__editable___other.pth").write_text(str(kit.folder / "other"))
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("INSTRUCTOR_TOKEN", canary)
    looked_at, found = json.loads(kit.run("-c", HUNT, canary, str(since), *map(str, course)))
    assert looked_at > 1 and found == [str(in_sight)]
