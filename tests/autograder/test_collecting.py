"""What learning platforms download is found by zip_collect: students, notebooks, later attempts."""

import re
import zipfile

import pytest

from autograder.course.commands import nbgrader
from autograder.course.release import KIT
from autograder.nbgrader_plugin import DOWNLOADED

PS1 = "ps1-attribution"
NAMES = {
    "doejohn_12345_67890_ps1-attribution.ipynb": "doejohn",
    "doejohn_LATE_12345_67890_ps1-attribution-2.ipynb": "doejohn",
    "doejohn_12345_67890_ps1-attribution (1).ipynb": "doejohn",
    "Jane Doe_12345_assignsubmission_file_/ps1-attribution.ipynb": "Jane Doe",
    "ada/ps1-attribution.ipynb": "ada",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_are_read(name):
    found = re.match(DOWNLOADED, f"/course_1/downloaded/{PS1}/extracted/{name}")
    assert found.groupdict() == {"student_id": NAMES[name], "file_id": PS1}


def test_an_archive_is_collected(tmp_path, released_course):
    course = released_course(PS1, tmp_path)
    archive = course / "downloaded" / PS1 / "archive"
    archive.mkdir(parents=True)
    with zipfile.ZipFile(archive / "submissions.zip", "w") as file:
        for name in ("doejohn_12345_67890_ps1-attribution.ipynb", "eve_2_3_ps1-attribution-1.ipynb"):
            file.write(KIT / "assignments" / PS1 / f"{PS1}.ipynb", name)
    nbgrader(course, "zip_collect", PS1, "--force")
    collected = {path.parent.parent.name: path.name for path in (course / "submitted").rglob("*.ipynb")}
    assert collected == {"doejohn": f"{PS1}.ipynb", "eve": f"{PS1}.ipynb"}
