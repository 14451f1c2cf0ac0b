"""Feedback that names a slide names one that is there, and each slide about a mistake is named by feedback."""

import zipfile

import pytest
import torch
from bs4 import BeautifulSoup

from autograder import submit
from autograder.course.student_kit import write_zip
from autograder.judge.mistakes import Mistake
from autograder.judge.slides import ABOUT, DECK, PAGE, Slide, slide_of
from autograder.judge.verdict import Verdict, to_html
from lecture import mistakes
from lecture.build import SLIDES
from tests.kit_copy import KIT


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


def test_in_the_unzipped_student_kit_feedback_links_to_the_slide(built_lecture, tmp_path, monkeypatch):
    assert mistakes.PAGE == PAGE
    (wheel := tmp_path / "a.whl").write_bytes(b"")
    with zipfile.ZipFile(write_zip(KIT, tmp_path, wheel, built_lecture.folder)) as file:
        file.extractall(tmp_path)
    monkeypatch.chdir(tmp_path / "student-kit" / "ps1-attribution")

    def of_all_classes(forward, x, target):
        x = x.clone().requires_grad_()
        return torch.autograd.grad(forward(x[None]).sum(), x)[0]

    verdict = submit("ps1-input-gradient", of_all_classes)
    address, _, anchor = BeautifulSoup(verdict._repr_html_(), "html.parser").find("a")["href"].partition("#")
    assert verdict.slide is Slide.CLASS and f"{address}#{anchor}" in verdict.as_text()
    page = BeautifulSoup(
        (tmp_path / "student-kit" / "ps1-attribution" / address).read_text(encoding="utf-8"), "html.parser"
    )
    assert [section["id"] for section in page.select("section")] == [str(slide) for slide in Slide]
    section = page.find(id=anchor)
    assert section.find("h2").get_text() == Slide.CLASS.heading and section.find("img") and not page.find("script")
