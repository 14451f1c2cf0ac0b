"""The built pages need no network, and every slide has notes, every figure words."""

import re

import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lecture import handout, mistakes
from lecture.build import LECTURE, SLIDES
from lecture.cells import AltTextError, markdown, printed
from lecture.deck import deck, slides
from lecture.page import page as page_of

MOST_WORDS = 60


@pytest.fixture(scope="module")
def pages(built_lecture):
    return {
        path.relative_to(built_lecture.folder).as_posix(): BeautifulSoup(
            path.read_text(encoding="utf-8"), "html.parser"
        )
        for path in sorted(built_lecture.folder.rglob("*.html"))
    }


@pytest.fixture(scope="module")
def sections(pages):
    return pages["slides.html"].select(".slides > section")


def test_there_is_a_page_for_each_notebook_and_one_that_leads_to_them(built_lecture, pages):
    expected = {path.relative_to(LECTURE).with_suffix(".html").as_posix() for path in built_lecture.executed}
    expected |= {handout.PAGE, mistakes.PAGE}
    assert set(pages) == expected | {"index.html"}
    assert {link["href"] for link in pages["index.html"].select("a")} == expected


def test_no_page_loads_anything_from_elsewhere(pages):
    for name, page in pages.items():
        for tag in page.find_all(src=True):
            assert tag["src"].startswith("data:"), f"{name}: {tag.name} loads {tag['src'][:80]}"
        for tag in page.find_all("link"):
            assert tag["href"].startswith("data:"), f"{name}: {tag}"
        for style in page.find_all("style"):
            assert not re.search(r"@import|url\((?!['\"]?data:)", style.string), name


def test_pages_without_a_kernel_do_not_speak_of_sliders(built_lecture, pages):
    """Nothing moves on them; the notebooks themselves do say how to move it."""
    for name, page in pages.items():
        if name not in ("slides.html", "index.html"):
            said = [
                text
                for text in page.main.find_all(string=re.compile(r"\b[Dd]rag|\b[Ss]lider"))
                if not text.find_parent("pre")
            ]
            assert said == [], name
    demos = [path for path in built_lecture.executed if path.parent.name == "demos"]
    assert len(demos) == 6
    for path in demos:
        assert "drag a slider" in path.read_text(encoding="utf-8")
        assert path.name in pages[f"demos/{path.stem}.html"].main.get_text()


def test_every_figure_has_an_alternative_text(pages):
    pictures = [(name, picture) for name, page in pages.items() for picture in page.find_all("img")]
    assert len(pictures) > 40
    for name, picture in pictures:
        assert len(picture.get("alt", "").split()) >= 4, name


def test_every_slide_has_notes_and_a_heading(sections):
    assert len(sections) >= 45
    for section in sections:
        heading = section.find(["h1", "h2"])
        assert heading is not None
        (notes,) = section.select("aside.notes")
        assert len(notes.get_text().split()) >= 4, heading.get_text()


def test_slides_have_few_words(sections):
    for section in sections:
        shown = [part.get_text(" ") for part in section.select(".part") if not part.select("table, .code, .small, pre")]
        words = re.findall("[A-Za-z]{2,}", " ".join(shown))  # the signs of an equation are no words
        assert len(words) <= MOST_WORDS, section.find(["h1", "h2"]).get_text()


def test_equations_are_drawn_by_the_browser(pages):
    assert len(pages["slides.html"].find_all("math")) > 15
    for name, page in pages.items():
        for text in page.find_all(string=re.compile(r"\$")):
            assert text.find_parent(["code", "pre", "script", "style"]), f"{name}: {text}"


def test_set_up_code_is_not_shown(pages):
    assert "import igref" not in pages["slides.html"].get_text()
    assert "axioms.sensitivity_a" in pages["slides.html"].select_one(".code").get_text()


def test_markdown_turns_tex_into_mathml():
    found = markdown("The rise $F(x) - F(x')$ and\n\n$$\\int_0^1 f$$")
    assert found.count("<math") == 2
    assert 'display="block"' in found


def test_a_figure_without_words_stops_the_build():
    picture = new_output("display_data", data={"image/png": "aGk="})
    cells = [
        new_markdown_cell("# A", metadata={"slideshow": {"slide_type": "slide"}}),
        new_code_cell(outputs=[picture]),
    ]
    with pytest.raises(AltTextError):
        deck(new_notebook(cells=cells), "A")


def test_a_computed_sentence_is_read_once():
    says = new_code_cell(
        'Markdown(f"It is {1 + 1}.")', outputs=[new_output("display_data", data={"text/markdown": "It is 2."})]
    )
    prints = new_code_cell("print(2)", outputs=[new_output("stream", name="stdout", text="2")])
    found = BeautifulSoup(page_of(new_notebook(cells=[says, prints]), "A"), "html.parser").main.get_text()
    assert "It is 2." in found and "Markdown" not in found
    assert "print" in found


def test_slides_are_cut_where_their_cells_say():
    def cell(source, kind):
        return new_markdown_cell(source, metadata={"slideshow": {"slide_type": kind}})

    notebook = new_notebook(
        cells=[cell("# A", "slide"), cell("more", "-"), cell("say", "notes"), cell("no", "skip"), cell("# B", "slide")]
    )
    first, second = slides(notebook)
    assert len(first.parts) == 2
    assert first.notes == ["<p>say</p>\n"]
    assert len(second.parts) == 1
    with pytest.raises(ValueError, match="slide type"):
        slides(new_notebook(cells=[cell("lost", "-")]))


def test_the_slides_file_is_one_that_can_be_mailed(built_lecture):
    assert (built_lecture.folder / SLIDES.with_suffix(".html").name).stat().st_size < 15e6


def test_what_is_printed_in_columns_does_not_wrap():
    table = "rule       n\n-----------\nmidpoint   5"
    assert printed(f"{table}\nIt is < 5 %.") == (
        f'<pre class="printed"><span class="columns">{table}</span><span class="sentences">It is &lt; 5 %.</span></pre>'
    )
    assert printed("the map sums to 0.39\nthe score rises by 0.4") == (
        '<pre class="printed">the map sums to 0.39\nthe score rises by 0.4</pre>'
    )
