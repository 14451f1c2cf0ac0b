"""The wall is a list of what may be seen: a new file is hidden, wherever it lies, unless it lies in `student/`."""

import json

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
