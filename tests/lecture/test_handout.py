"""The handout: one sheet, whole, with figures from the slides; as PDF where there is a browser."""

import re

import pytest
from bs4 import BeautifulSoup

from lecture import handout
from lecture.figures.frame import PIXELS_PER_INCH, SHARPNESS, SMALLEST_TEXT
from tests.lecture.browser import LEAST_CONTRAST, launched, opened

A4 = (794, 1123)  # pixels of 1/96 inch
LEAST_POINTS = 9.0
LEAST_POINTS_OF_FIGURES = 6.5


@pytest.fixture(scope="module")
def browser():
    with launched() as running:
        yield running


def test_it_holds_what_it_is_about(built_lecture):
    page = BeautifulSoup((built_lecture.folder / handout.PAGE).read_text(encoding="utf-8"), "html.parser")
    assert len(page.select("img")) == 3
    assert all(len(picture["alt"].split()) > 4 for picture in page.select("img"))
    assert len(page.select("math")) > 4
    assert "{" not in page.main.get_text()
    assert len(page.find("h2", string="What goes wrong most").find_next("ul").select("li")) == 8


def test_it_is_one_whole_sheet(built_lecture, browser):
    with opened(browser, built_lecture.folder / handout.PAGE, A4) as visit:
        visit.page.emulate_media(media="print")
        assert (visit.errors, visit.failed, visit.blocked) == ([], [], [])
        frame = {"left": 0, "top": 0, "right": A4[0], "bottom": A4[1]}
        assert visit.measure("outside", frame) == []
        assert visit.measure("paleText", LEAST_CONTRAST) == []
        size = visit.page.evaluate("() => parseFloat(getComputedStyle(document.querySelector('p')).fontSize)")
        assert size >= LEAST_POINTS * 96 / 72
        figures = visit.page.evaluate(
            "() => [...document.querySelectorAll('img')].map((i) => i.width / i.naturalWidth)"
        )
        drawn = SMALLEST_TEXT / 72 * PIXELS_PER_INCH * SHARPNESS  # pixels of the file
        assert min(figures) * drawn >= LEAST_POINTS_OF_FIGURES * 96 / 72
        last = visit.page.locator("main > :last-child").bounding_box()
        assert last["x"] > A4[0] / 2, "the second column is empty"


def test_the_pdf_has_one_page(built_lecture):
    printed = (built_lecture.folder / handout.PDF).read_bytes()
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
