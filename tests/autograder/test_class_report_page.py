"""The class report in a browser without a network, on a phone and on a screen: it fits, asks for nothing, leads to the slides."""

import re

import pytest

from autograder.course import report as report_module
from autograder.course.learning_systems import Grade
from autograder.course.pairs import alike
from autograder.course.report import ClassReport, Made, Share, address_of_slide, histogram, to_html
from tests.autograder.test_class_report import CODE, COPIED, OTHER
from tests.lecture.browser import launched, opened

NAMES = ("ada", "müller@uni-köln.de", "李小龙", "n" * 200)
PHONE, SCREEN = (360, 740), (1280, 800)


@pytest.fixture
def lecture(tmp_path, monkeypatch):
    """A kit whose slides are built, or would be."""
    (tmp_path / "lecture" / "built").mkdir(parents=True)
    (tmp_path / "lecture" / "built" / "slides.html").write_text("slides")
    monkeypatch.setattr(report_module, "KIT", tmp_path)
    return tmp_path / "lecture"


@pytest.fixture(scope="module")
def browser():
    with launched() as browser:
        yield browser


def the_class() -> ClassReport:
    missing = "difference_missing"
    return ClassReport(
        "ps1-attribution",
        20,
        [Grade(name, "", "", "", points, 20) for name, points in zip(NAMES, (20, 12.5, None, 0), strict=True)],
        histogram([20, 12.5, 0], 20),
        [Share("integrated gradients", "the same as the textbook rule, exact on functions that are affine", 2, 3)],
        [Made("the factor x - x' is missing", "multiply by it", list(NAMES), address_of_slide(missing))],
        slow=[(NAMES[3], 300.0)],
        ended=[(NAMES[1], "A cell had not ended after 300 seconds of computing, and could not be interrupted.")],
        not_graded=[NAMES[2]],
        remarks=[(NAMES[0], "62% of the code is also in the solution of ps1-attribution")],
        by_hand={"ps1-discussion": list(NAMES)},
        pairs=alike({NAMES[0]: CODE, NAMES[3]: COPIED, NAMES[1]: OTHER}),
    )


@pytest.mark.parametrize("size", [PHONE, SCREEN], ids=["phone", "screen"])
def test_the_page_fits_and_asks_for_nothing(tmp_path, lecture, browser, size):
    page = tmp_path / "report.html"
    page.write_text(to_html(the_class()))
    with opened(browser, page, size) as visit:
        visit.page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        width = visit.page.evaluate("document.documentElement.scrollWidth")
        links = visit.page.eval_on_selector_all("a", "all => all.map(one => one.href)")
        columns = visit.page.eval_on_selector_all(
            ".side pre", "all => all.map(one => one.getBoundingClientRect().left)"
        )
        visit.page.screenshot(path=str(tmp_path / "report.png"), full_page=True)
    assert width <= size[0] and not (visit.blocked or visit.failed or visit.errors)
    assert links == [(lecture / "built" / "slides.html").as_uri() + "#/mistake-factor"]
    assert (columns[0] == columns[1]) == (size == PHONE)  # one below the other, or side by side


def test_without_built_slides_there_is_no_link(lecture):
    (lecture / "built" / "slides.html").unlink()
    assert not re.search(r"<a |file:", to_html(the_class()))
