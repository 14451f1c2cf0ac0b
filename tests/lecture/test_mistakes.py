"""Feedback that links to a slide links to one that is there."""

from autograder.judge.mistakes import Mistake
from lecture.mistakes import SLIDE_OF


def test_the_grader_knows_these_mistakes():
    assert set(SLIDE_OF) <= {mistake.value for mistake in Mistake}


def test_every_anchor_is_a_slide(built_lecture):
    page = (built_lecture.folder / "slides.html").read_text(encoding="utf-8")
    for anchor in set(SLIDE_OF.values()):
        assert page.count(f'<section id="{anchor}"') == 1
