"""The story of the deck: its minutes, its questions, its figures, and that it claims something."""

import re

import pytest
from bs4 import BeautifulSoup

from lecture.build import SLIDES
from tests.lecture.browser import LEAST_MAP_PX, PAGE_PX

MINUTES = 80
PART = re.compile(r"Part (\d+), [^:]*: (\d+) minutes?(?:, (\d+) of them (.*?)\.)?")
APPENDIX = "What goes wrong most"
SAY_NOTHING = {"and", "are", "can", "for", "not", "one", "that", "the", "this", "what", "with"}


@pytest.fixture(scope="module")
def sections(built_lecture):
    page = (built_lecture.folder / SLIDES.with_suffix(".html").name).read_text(encoding="utf-8")
    return BeautifulSoup(page, "html.parser").select(".slides > section")


@pytest.fixture(scope="module")
def told(sections):
    """The slides that are told in class: all before the appendix."""
    return sections[: [_heading(section) for section in sections].index(APPENDIX)]


def _heading(section):
    return section.find(["h1", "h2"]).get_text().strip()


def _is_chapter(section):
    return not {"chapter", "title"}.isdisjoint(section["class"])


def test_the_minutes_of_the_notes_add_up(told):
    notes = " ".join(section.select_one("aside.notes").get_text() for section in told)
    parts = PART.findall(notes)
    assert [int(number) for number, *_ in parts] == list(range(1, 11))
    assert sum(int(minutes) for _, minutes, *_ in parts) == MINUTES
    beside = " ".join(where for *_, where in parts)
    assert all(word in beside for word in ("explorer", "demo", "live page"))


def test_the_table_of_the_minutes_is_that_of_the_notes(told):
    notes = " ".join(section.select_one("aside.notes").get_text() for section in told)
    of_part = {number: int(minutes) for number, minutes, *_ in PART.findall(notes)}
    (plan,) = (section for section in told if _heading(section).startswith("Eighty minutes"))
    rows = [[cell.get_text() for cell in row.select("td")] for row in plan.select("tbody tr")]
    assert len(rows) == 7
    for parts, minutes, _ in rows:
        assert int(minutes) == sum(of_part[number] for number in re.findall(r"\d+", parts)), parts
    assert sum(int(minutes) for _, minutes, _ in rows) == MINUTES


def test_no_slide_has_less_than_a_minute(told):
    assert 45 <= len(told) <= MINUTES


def test_questions_are_answered_on_click(told):
    asked = [part for section in told for part in section.select(".part.question")]
    assert len(asked) >= 8
    for question in asked:
        after = question.find_next_siblings("div")
        answers = question.select(".fragment") or [
            part for part in after if "fragment" in part["class"] or part.select(".fragment")
        ]
        assert answers, question.get_text()


def test_no_heading_gives_away_what_its_slide_asks(told):
    """What the answer says and the question does not, the heading does not say either."""
    asked = [part for section in told for part in section.select(".part.question")]
    for question in asked:
        known, *answers = question.select(".first, .fragment") or [question]
        told_later = {word for answer in answers for word in _words(answer)} - _words(known)
        heading = question.find_parent("section").find(["h1", "h2"])
        assert not told_later & _words(heading), heading.get_text()


def _words(part) -> set[str]:
    return set(re.findall("[a-z]{3,}", part.get_text(" ").lower())) - SAY_NOTHING


def test_what_is_asked_can_be_seen_before_the_answer(told):
    """A question about pictures stands beside them; what they show of the answer comes with a click."""
    pictures = 0
    for section in told:
        if section.select(".part.question") and section.find("img"):
            at_once = [picture for picture in section.find_all("img") if not picture.find_parent(class_="fragment")]
            assert at_once, _heading(section)
            pictures += 1
    assert pictures >= 6


def test_there_is_a_success_before_the_doubts(told):
    headings = [_heading(section) for section in told]
    (success,) = (place for place, heading in enumerate(headings) if heading.startswith("It works"))
    assert (
        success < headings.index("Computing it") < headings.index("Baselines") < headings.index("Is the map any good?")
    )


def test_every_second_slide_has_a_figure(told):
    with_figure = [section for section in told if section.find("img")]
    assert len(with_figure) >= len(told) / 2


@pytest.mark.parametrize(("page", "maps"), [("slides.html", 18), ("report.html", 5), ("minimal_example.html", 4)])
def test_maps_can_be_seen_from_the_back_row(built_lecture, page, maps):
    pictures = BeautifulSoup((built_lecture.folder / page).read_text(encoding="utf-8"), "html.parser").select("img")
    room = 1280 if page == SLIDES.with_suffix(".html").name else PAGE_PX
    widths = [
        (int(p["data-narrowest-map"]) * min(1, room / int(p["width"])), p["alt"][:60])
        for p in pictures
        if p.has_attr("data-narrowest-map")
    ]
    assert len(widths) >= maps
    assert [found for found in widths if found[0] < LEAST_MAP_PX] == []


def test_maps_that_are_compared_are_shown_both_ways(sections):
    """Pixel by pixel and summed over squares, in one figure."""
    compared = [p["alt"] for section in sections for p in section.select("img") if p["alt"].startswith("Two pictures")]
    assert len(compared) >= 8
    assert all("pixel by pixel, and summed over squares" in alt for alt in compared)


def test_headings_claim_or_ask_something(sections):
    topics = [_heading(section) for section in sections if not _is_chapter(section)]
    assert [heading for heading in topics if len(heading.split()) < 3] == []
    assert len(set(topics)) == len(topics)
