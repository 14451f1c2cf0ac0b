"""Gradient x input beside a photo's map: what is wrong with it has a name, and the map keeps its points."""

import pytest
import torch

from corpus import studies
from corpus.entries import DIGITS, Entry, study
from tests.calibration.judged import verdict_on


def gradient(scores: str, image: torch.Tensor, target: int) -> torch.Tensor:
    model = studies.material(DIGITS).model
    x = image.clone().requires_grad_()
    getattr(model, scores)(x[None])[0, target].backward()
    return x.grad


WRONG = {
    "product_without_image": lambda image, g: g("probabilities"),
    "absolute_value": lambda image, g: image * g("probabilities").abs(),
    "absolute_value_of_all": lambda image, g: (image * g("probabilities")).abs(),
    "positive_part_only": lambda image, g: (image * g("probabilities")).clamp(min=0),
    "scaled": lambda image, g: image * g("probabilities") * 7,
    "sign_reversed": lambda image, g: -image * g("probabilities"),
    "other_scores": lambda image, g: image * g("logits"),
    "wrong_class": lambda image, g: image * g("probabilities", 1),
    "zeros": lambda image, g: torch.zeros_like(image),
    "gradient_of_another_point": lambda image, g: image * g("probabilities", at=49.5 / 50),
    "gradient_of_another_point, the half-dark picture's": lambda image, g: image * g("probabilities", at=0.5),
    "": lambda image, g: torch.rand(image.shape),
}


@pytest.mark.parametrize("mistake", WRONG)
def test_what_is_wrong_with_the_product_is_named(mistake):
    def make() -> dict:
        work = studies.photo(DIGITS, which=2)
        top = studies.material(DIGITS).model.probabilities(work["image"][None])[0].argsort(descending=True).tolist()
        spoilt = WRONG[mistake](work["image"], lambda scores, k=0, at=1.0: gradient(scores, at * work["image"], top[k]))
        return work | {"gradient_times_input": spoilt}

    verdict = verdict_on(Entry("ps1-photo", "study", mistake, study(make), False))
    assert {finding.name for finding in verdict.findings if not finding.holds} == {"product"}
    assert verdict.mistake == mistake.removesuffix("_of_all").partition(",")[0]
