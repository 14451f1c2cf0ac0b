"""Gradients that verdicts share: the same numbers, computed once, and never another point's."""

import pytest
import torch

from autograder.judge import kept_gradients
from autograder.judge.kept_gradients import KeptGradients
from autograder.judge.line import Line


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
