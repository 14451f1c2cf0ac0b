"""Feedback that names a slide names one that is there, and each slide about a mistake is named by feedback."""

import pytest
from bs4 import BeautifulSoup

from autograder.judge.mistakes import Mistake
from autograder.judge.slides import ABOUT, DECK, Slide, slide_of
from autograder.judge.verdict import Verdict, to_html
from lecture.build import SLIDES


@pytest.fixture(scope="module")
def deck(built_lecture):
    assert SLIDES.with_suffix(".html").name == DECK
    return BeautifulSoup((built_lecture.folder / DECK).read_text(encoding="utf-8"), "html.parser")


def test_slides_and_feedback_agree_both_ways(deck):
    there = {section["id"]: section.find("h2").get_text() for section in deck.select(".slides > section[id]")}
    assert there == {str(slide): slide.heading for slide in Slide}


def test_every_slide_is_about_mistakes_and_no_mistake_has_two():
    assert set(ABOUT) == set(Slide)
    named = [mistake for mistakes in ABOUT.values() for mistake in mistakes]
    assert len(named) == len(set(named))
    assert set(named) <= set(Mistake)


@pytest.mark.parametrize(
    ("mistake", "slide"), [("times_input", Slide.FACTOR), ("squared", Slide.DISPLAY), ("not_done", None)]
)
def test_feedback_names_the_slide(mistake, slide):
    verdict = Verdict("a", "a task", (), cause="a cause", mistake=mistake)
    assert verdict.slide is slide_of(mistake) is slide
    assert ("In the lecture" in to_html(verdict)) == (slide is not None)
    if slide:
        assert slide.heading in to_html(verdict) and slide.heading in verdict.as_text()
        # A notebook and a feedback page are read far from the deck: an address there would lead nowhere.
        assert DECK not in to_html(verdict) and DECK not in verdict.as_text()
