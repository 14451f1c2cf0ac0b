"""Gradients that verdicts share: the same numbers, computed once, and never another point's."""

import threading
from contextlib import suppress

import pytest
import torch

from autograder.judge import kept_gradients
from autograder.judge import line as lines
from autograder.judge.kept_gradients import KeptGradients
from autograder.judge.line import Line
from autograder.judge.studies import named_models
from autograder.student import submit as submitting
from corpus import models
from igref.attribution.core import gradient, integrated_gradients


class Counting:
    """Two scores of a picture; counts the points that it was asked about."""

    asked = 0

    def __call__(self, batch):
        self.asked += len(batch)
        flat = batch.flatten(1)
        return torch.stack([(flat**3).sum(1), flat.sin().sum(1)], dim=1)


@pytest.fixture
def line():
    def line(forward, target=0, image=None):
        image = torch.linspace(0, 1, 12).view(3, 2, 2) if image is None else image
        return Line(forward, image, torch.zeros(3, 2, 2), target)

    return line


def test_a_line_that_was_taken_before_asks_the_model_nothing_and_gives_the_same_map(tmp_path, line):
    model = Counting()
    alone = line(model).rule("trapezoid", 8)
    first = line(KeptGradients(model, "m logits", tmp_path)).rule("trapezoid", 8)
    asked = model.asked
    again = line(KeptGradients(model, "m logits", tmp_path))
    assert (again.rule("trapezoid", 8) == first).all() and (first == alone).all() and model.asked == asked
    assert again.scores(torch.ones(1).numpy()) == line(model).scores(torch.ones(1).numpy())
    again.rule("trapezoid", 16)  # half of its nodes are new
    assert model.asked == asked + 1 + 8


def test_two_verdicts_that_need_the_same_at_the_same_time_share_the_work(tmp_path, line, monkeypatch):
    monkeypatch.setattr(lines, "CHUNK", 12)  # a point at a time
    together = threading.Barrier(2)

    class InStep(Counting):
        def __call__(self, batch):
            with suppress(threading.BrokenBarrierError):  # where the other one is done
                together.wait(10)
            return super().__call__(batch)

    model, found = InStep(), []

    def verdict():
        found.append(line(KeptGradients(model, "m", tmp_path)).rule("trapezoid", 32))
        together.abort()

    both = [threading.Thread(target=verdict) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert model.asked < 1.4 * 33 and (found[0] == found[1]).all()
    assert (found[0] == line(Counting()).rule("trapezoid", 32)).all()


@pytest.mark.parametrize("unlike", ["target", "name", "image", "precision"])
def test_what_differs_in_anything_is_not_looked_up(tmp_path, line, unlike):
    model = Counting()
    line(KeptGradients(model, "m logits", tmp_path)).rule("trapezoid", 4)
    name = "m probabilities" if unlike == "name" else "m logits"
    image = torch.linspace(0, 1 + 1e-6, 12).view(3, 2, 2) if unlike == "image" else None
    image = torch.linspace(0, 1, 12).view(3, 2, 2).double() if unlike == "precision" else image
    other = line(KeptGradients(model, name, tmp_path), target=int(unlike == "target"), image=image)
    plain = line(model, target=int(unlike == "target"), image=image)
    asked = model.asked
    assert (other.gradients(torch.ones(1).numpy()) == plain.gradients(torch.ones(1).numpy())).all()
    assert model.asked == asked + 2


def test_a_file_that_is_not_whole_is_computed_again_and_a_full_folder_keeps_no_more(tmp_path, line, monkeypatch):
    model = Counting()
    expected = line(KeptGradients(model, "m", tmp_path)).rule("midpoint", 3)
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-4])
    assert (line(KeptGradients(model, "m", tmp_path)).rule("midpoint", 3) == expected).all()
    monkeypatch.setattr(kept_gradients, "MOST_BYTES", sum(path.stat().st_size for path in tmp_path.iterdir()))
    assert line(KeptGradients(model, "m", tmp_path)).rule("left", 2).any()
    assert len(list(tmp_path.iterdir())) == 3


def test_feedback_on_the_next_try_computes_no_gradient_again_and_keeps_a_bounded_number(monkeypatch):
    monkeypatch.delenv("AUTOGRADER_EVIDENCE", raising=False)
    model = models.load(models.COLOURS)
    monkeypatch.setattr(named_models, "_load", lambda name: model)
    asked = []
    compute = kept_gradients.scores_and_gradients
    monkeypatch.setattr(
        kept_gradients, "scores_and_gradients", lambda f, x, target: asked.append(len(x)) or compute(f, x, target)
    )
    image = models.material(models.COLOURS).images[0]
    black, target = torch.zeros_like(image), int(models.material(models.COLOURS).top[0])
    map_ = integrated_gradients(model.probabilities, image[None], black[None], target, n_steps=20, rule="right").values[
        0
    ]
    study = {"model": models.COLOURS, "image": image, "baseline": black, "target": target, "n_steps": 20}
    study["gradient_times_input"] = image * gradient(model.probabilities, image[None], target)[0]
    tries = []
    for attribution in (-map_, map_, map_):
        tries.append((submitting.submit("ps1-photo", **study, attribution=attribution).points, sum(asked)))
        asked.clear()
        monkeypatch.setattr(submitting, "KEPT_BYTES", 2**28 if len(tries) == 1 else 0)
    assert [points for points, _ in tries] == [1, 4, 4]
    (_, first), (_, second), (_, after_emptying) = tries
    assert first > 20 and second == 0 and after_emptying > 20
