"""A course whose gradebook is in PostgreSQL, on the system's own server, where there is one."""

import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from distributed import LocalCluster
from nbgrader.api import Gradebook
from rich.console import Console

from autograder.course.classroom import grade_class
from autograder.course.commands import nbgrader
from autograder.course.folder import Course
from autograder.course.report import class_report
from autograder.problem_sets.ps1.task import PROBLEM_SET as PS1


def programs() -> Path | None:
    """The folder of initdb and pg_ctl, which Debian does not put on the path."""
    found = [Path(place).parent for name in ("initdb",) if (place := shutil.which(name))]
    found += [path.parent for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), reverse=True)]
    return found[0] if found else None


@pytest.fixture
def server():
    """The address of a database on a server of its own, which listens on a socket in its folder only."""
    if (binaries := programs()) is None:
        pytest.skip("there is no PostgreSQL server here (Debian, Ubuntu: apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="ig-pg-", dir="/tmp"))
    user = {}
    if os.geteuid() == 0:  # the server does not run as root
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        user = {"user": account.pw_uid, "group": account.pw_gid}

    def run(program, *arguments):
        command = [binaries / program, "-D", folder / "data", *arguments]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, **user)

    try:
        run("initdb", "--username=grader", "--auth=trust", "--encoding=UTF8", "--no-sync")
        listening = f"-k {folder} -c listen_addresses= -c fsync=off"
        run("pg_ctl", "--wait", "--log", folder / "log", "-o", listening, "start")
        yield f"postgresql://grader@/postgres?host={folder}"
    finally:
        run("pg_ctl", "--wait", "--mode=immediate", "stop")
        shutil.rmtree(folder)


def test_a_class_is_graded_into_postgresql_and_nothing_is_graded_twice(tmp_path, released_course, server):
    course = released_course(PS1.id, tmp_path)
    (course / "gradebook.db").unlink()
    config = course / "nbgrader_config.py"
    config.write_text(config.read_text() + f"\nc.CourseDirectory.db_url = {server!r}\n")
    nbgrader(course, "generate_assignment", PS1.id, "--force")
    students = ("ada", "Kay, Alan", "李小龙")
    for student in students:
        folder = course / "submitted" / student / PS1.id
        folder.mkdir(parents=True)
        (folder / f"{PS1.id}.ipynb").write_text("damaged")
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        first, again = (
            grade_class(course, ["ps1"], Console(file=screen), count=1, scheduler=cluster.scheduler_address)[PS1.id]
            for screen in ((course / "first").open("w"), (course / "again").open("w"))
        )
    assert {result.student for result in first} == set(students)
    assert all(result.score == 0 and "not readable as JSON" in result.diagnosis for result in first)
    assert "3 of 3 submissions are graded already" in (course / "again").read_text()
    assert [result.score for result in again] == [0, 0, 0]
    with Gradebook(server, "integrated-gradients") as book:
        assert {one.student_id for one in book.assignment_submissions(PS1.id)} == set(students)
    assert len(class_report(Course(course), "ps1").grades) == 3
    assert not (course / "gradebook.db").exists()
