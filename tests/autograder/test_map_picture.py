"""The picture in a study's feedback: there for a wrong map, small, and of nothing but what the student handed in."""

import base64
import io
import re

import numpy as np
import pytest
import torch
from PIL import Image

from autograder.judge.map_picture import LARGEST_VALUE, WrongMap
from corpus.entries import Entry
from corpus.models import COLOURS
from corpus.studies import of_baselines
from tests.calibration.judged import verdict_on

PAGE_BYTES = 60_000
SHOWN = re.compile(r'<img src="data:image/png;base64,([A-Za-z0-9+/=]+)" alt="([^"<>]*)" style="[^"]*">')


def noise(side, channels=3, seed=0):
    return np.random.default_rng(seed).normal(size=(channels, side, side))


def ps2_verdict(**changed):
    study = of_baselines(COLOURS) | changed
    return verdict_on(Entry("ps2-study", "study", "maps", lambda: (None, study), True))


@pytest.mark.parametrize(("side", "channels"), [(8, 1), (28, 1), (64, 3), (224, 3), (512, 3)])
def test_is_a_small_png_of_maps_of_any_size_even_where_they_are_noise(side, channels):
    picture = WrongMap("the map", noise(side, channels), noise(side, channels, 1)).draw()
    assert len(picture.png) < PAGE_BYTES
    with Image.open(io.BytesIO(base64.b64decode(picture.png))) as drawn:
        assert drawn.format == "PNG" and drawn.width < 700


def test_says_what_it_shows_in_words():
    values = np.ones((3, 224, 224))
    words = WrongMap("image 3 at 10 steps", 2 * values, values).draw().words
    assert words.startswith(
        "image 3 at 10 steps, summed over channels. From left to right: yours, which adds up to 3.01e+05"
    )
    assert "recomputed, which adds up to 1.51e+05; the difference. One scale, from -" in words


@pytest.mark.parametrize("value", [np.nan, np.inf, 10 * LARGEST_VALUE, -1e308])
def test_there_is_none_of_numbers_that_cannot_be_drawn(value):
    wrong = noise(16)
    wrong[0, 3, 4] = value
    assert WrongMap("the map", wrong, noise(16)).draw() is None


def test_stands_in_the_page_of_a_wrong_study_alone():
    right = ps2_verdict()
    assert right.points == right.max_points and "<img" not in right._repr_html_()
    maps = of_baselines(COLOURS)["attributions"]
    wrong = ps2_verdict(attributions=maps | {"noise": -maps["noise"]})
    ((png, words),) = SHOWN.findall(wrong._repr_html_())
    assert base64.b64decode(png).startswith(b"\x89PNG") and len(png) < PAGE_BYTES
    assert re.match("image [0-9] with the baseline “noise”, summed over channels", words)
    assert "picture" not in wrong.as_record() and png not in wrong.as_text()


def test_what_a_student_calls_a_baseline_stays_text():
    name = '"><script>alert(1)</script><img src=x onerror="alert(2)'
    study = of_baselines(COLOURS)
    renamed = {part: study[part] | {name: study[part]["noise"]} for part in ("baselines", "attributions")}
    for part in renamed.values():
        del part["noise"]
    renamed["attributions"][name] = -renamed["attributions"][name]
    page = ps2_verdict(**renamed)._repr_html_()
    assert "alert(1)" in page and "<script" not in page and page.count("<img") == 1 == len(SHOWN.findall(page))


def test_is_never_of_a_hidden_probe():
    def negative(forward, x, baseline, target, n_steps):
        steps = [baseline + (x - baseline) * (k + 0.5) / n_steps for k in range(n_steps)]
        points = torch.stack(steps).requires_grad_()
        (gradients,) = torch.autograd.grad(forward(points)[:, target].sum(), points)
        return -(x - baseline) * gradients.mean(0)

    verdict = verdict_on(Entry("ps1-integrated-gradients", "function", "negative", lambda: (negative, {}), False))
    assert verdict.mistake == "sign_reversed" and verdict.picture is None and "<img" not in verdict._repr_html_()
