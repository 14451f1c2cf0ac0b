"""A student in Jupyter Lab and an instructor in the formgrader, in a real browser: what they click, and what they then read."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbgrader.api import Gradebook

pytest.importorskip("playwright", reason="the tests in a browser need Playwright: pip install playwright")

from playwright.sync_api import expect

from autograder.course.commands import nbgrader
from autograder.course.demo import GRADIENT
from autograder.problem_sets.ps1.task import PROBLEM_SET as PS1
from tests.lecture.browser import LOCAL_SERVER, launched, opened

STUDENT, SIZE = "ada", {"width": 1280, "height": 2400}  # high enough for Jupyter Lab to draw every cell
SECONDS = 400  # what a busy machine may take for any one thing
LAB = (
    *("-m", "jupyterlab", "--no-browser", "--allow-root", "--IdentityProvider.token=", "--ServerApp.ip=127.0.0.1"),
    *("--ServerApp.port_retries=0",),
)
IDLE = '.jp-Notebook-ExecutionIndicator[data-status="idle"]'
NO_NEWS = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
TIMES_INPUT = GRADIENT.replace("return ", "return x * ")
ANSWER = "The map shows the cat's face, see the figure above."


def part_of(notebook, last):
    """A released notebook up to a graded cell."""
    ids = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]
    notebook.cells = notebook.cells[: ids.index(last) + 1]
    return notebook


@pytest.fixture(scope="module")
def course(tmp_path_factory, released_course):
    """A course with one graded submission, of a student who answered in words alone."""
    course = released_course(PS1.id, tmp_path_factory.mktemp("course"))
    release = course / "assignments" / PS1.id / f"{PS1.id}.ipynb"
    notebook = nbformat.read(release, as_version=4)
    for cell in notebook.cells:
        cell.source = "" if cell.cell_type == "code" else cell.source.replace("*Your answer goes here.*", ANSWER)
    handed_in = course / "submitted" / STUDENT / PS1.id / release.name
    handed_in.parent.mkdir(parents=True)
    nbformat.write(notebook, handed_in)
    nbgrader(course, "autograde", PS1.id, "--create")
    (course / "mine").mkdir()
    nbformat.write(part_of(nbformat.read(release, as_version=4), "ps1-input-gradient"), course / "mine" / "ps1.ipynb")
    return course


@pytest.fixture(scope="module")
def lab(course, tmp_path_factory):
    """The address of a Jupyter Lab that runs in the course's folder."""
    home = tmp_path_factory.mktemp("home")
    (home / "config" / "labconfig").mkdir(parents=True)
    (home / "config" / "labconfig" / "page_config.json").write_text(json.dumps(NO_NEWS))
    folders = {f"JUPYTER_{name.upper()}_DIR": str(home / name) for name in ("config", "data", "runtime")}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, *LAB, f"--ServerApp.port={port}", f"--ServerApp.root_dir={course}"]
    with (home / "log").open("w") as log:
        server = subprocess.Popen(command, cwd=course, env=os.environ | folders, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address, server, home / "log")
        yield address
    finally:
        server.terminate()
        server.wait(30)


def wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            urllib.request.urlopen(f"{address}/api", timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text()[-3000:])


@pytest.fixture(scope="module")
def browser():
    with launched(LOCAL_SERVER) as browser:
        yield browser


@pytest.fixture(scope="module")
def page(browser, lab):
    page = browser.new_page(viewport=SIZE)
    page.set_default_timeout(1000 * SECONDS)
    return page


def run(page, source, new_source=None):
    """Run the cell with this text, rewritten where a new one is given; what it then shows."""
    cell = page.locator(".jp-CodeCell", has_text=source)
    prompt = cell.locator(".jp-InputPrompt")
    before = prompt.inner_text()
    cell.locator(".cm-content").click()
    if new_source:
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(new_source)
    for _ in range(SECONDS):  # what is asked of a kernel that is still connecting is lost, some of it after a star
        if "*" not in prompt.inner_text():
            page.keyboard.press("Control+Enter")
        page.wait_for_timeout(1000)
        if prompt.inner_text() not in (before, "[ ]:", "[*]:"):
            break
    expect(prompt).to_have_text(re.compile(r"\d"), timeout=1000 * SECONDS)
    return cell.locator(".jp-Cell-outputArea").inner_text()


def test_a_student_is_told_what_is_wrong_mends_it_and_validates(page, lab):
    page.goto(f"{lab}/lab/tree/mine/ps1.ipynb")
    page.locator(IDLE).wait_for()
    run(page, "from autograder import submit")
    run(page, "def input_gradient", TIMES_INPUT)
    wrong = run(page, "submit(")
    assert "the input gradient: 0 of 4 points" in wrong and "Likely cause:" in wrong, wrong
    run(page, "def input_gradient", GRADIENT)
    assert "the input gradient: 4 of 4 points" in run(page, "submit(")
    page.get_by_text("Validate", exact=True).click()
    dialog = page.locator(".jp-Dialog-content")
    dialog.get_by_text(re.compile("Validation")).first.wait_for()
    assert "Success! Your notebook passes all the tests" in dialog.inner_text(), dialog.inner_text()


def test_an_instructor_reads_the_rubric_gives_points_and_a_comment(page, lab, course):
    page.goto(f"{lab}/formgrader/gradebook")
    for link in (PS1.id, PS1.id, "Submission"):  # the assignment, its notebook, its only submission
        page.locator("tbody a", has_text=link).click()
        page.wait_for_load_state("networkidle")
    rubric = page.locator("table", has_text="names concrete parts")
    assert rubric.locator("a").count() == 0 and rubric.locator("td").count() > 4
    page.locator("#ps1-discussion").fill("3")
    page.locator("#ps1-discussion-comment").fill("well seen")
    page.locator("#ps1-discussion-comment").blur()
    page.locator(".comment-saved").last.wait_for(state="visible")
    page.goto(f"{lab}/formgrader/gradebook/{PS1.id}/{PS1.id}")
    expect(page.locator("tbody tr")).to_contain_text("3 / 20", timeout=1000 * SECONDS)
    with Gradebook(f"sqlite:///{course / 'gradebook.db'}", "integrated-gradients") as book:
        assert book.find_submission(PS1.id, STUDENT).score == 3
        assert book.find_comment("ps1-discussion", PS1.id, PS1.id, STUDENT).comment == "well seen"


def test_the_student_s_page_has_the_points_the_comment_and_formulas_without_a_network(browser, course):
    nbgrader(course, "generate_feedback", PS1.id, "--force")
    path = course / "feedback" / STUDENT / PS1.id / f"{PS1.id}.html"
    with opened(browser, path, (1100, 800)) as visit:
        text = visit.page.locator("body").inner_text()
        assert "well seen" in text and ANSWER in text and "Score: 3.0 / 20.0" in text
        formulas = visit.page.locator("math")
        assert formulas.count() > 3 and formulas.first.bounding_box()["width"] > 5
        assert "$" not in text and not visit.blocked and not visit.failed
