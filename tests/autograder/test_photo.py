"""The photo study: a student's own picture, baseline, target and maps against what a model really says.

A small classifier of 32 x 32 pictures stands in for the model, so that a verdict takes milliseconds.
"""

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import nn

from autograder import submit
from autograder.judge import line, maps
from autograder.judge.deadline import Deadline
from autograder.judge.line import Line
from autograder.judge.studies import named_models
from autograder.judge.tolerances import FEEDBACK_SECONDS
from autograder.problem_sets import checking
from autograder.student import evidence
from igref.attribution.core import gradient, integrated_gradients
from igref.images import PHOTO
from igref.models import Classifier, load_model

TASK = "ps1-photo"
SIDE = 32
LARGER_THAN_SMALL = 72
MOST_GRADIENTS = 260


def small_classifier(size: float = 2.5) -> Classifier:
    """The larger its weights are, the surer it is of its classes."""
    generator = torch.Generator().manual_seed(0)
    network = nn.Sequential(
        *(nn.Conv2d(3, 6, 5, stride=2), nn.SiLU(), nn.Conv2d(6, 8, 3, stride=2), nn.SiLU()),
        *(nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(32, 5)),
    )
    for parameter in network.parameters():
        parameter.data = torch.randn(parameter.shape, generator=generator) * size / parameter[0].numel() ** 0.5
    return Classifier(network, "efficientnet_lite0", "abcde", mean=(0.5,) * 3, std=(0.5,) * 3, input_size=SIDE)


class OfItsPrecision(nn.Module):
    """A network one of whose kinks is crossed in float64 and, by rounding, not in float32."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean = x.mean(dim=(1, 2, 3))
        tiny = (1 + 1e-9 * (mean + 2)) - 1
        return torch.stack([(x**2).mean(dim=(1, 2, 3)) + 1e9 * tiny.relu(), mean, -mean], dim=1)


def picture(seed: int) -> torch.Tensor:
    coarse = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(seed))
    return nn.functional.interpolate(coarse, SIDE, mode="bilinear")[0].clamp(0.02, 1)


@pytest.fixture(scope="module")
def model() -> Classifier:
    return small_classifier()


@pytest.fixture
def honest(model):
    """A correct study; parts that are named are changed, and the maps are those of what is handed in."""

    def honest(*, forward=None, rule="midpoint", seed=3, **changed):
        forward = forward or model.probabilities
        image = changed.get("image", picture(seed))
        study = {"model": model.name, "image": image, "baseline": torch.zeros_like(image), "n_steps": 50}
        study["target"] = int(model.probabilities(image[None]).argmax())
        study |= changed
        maps = integrated_gradients(
            forward, image[None], study["baseline"][None], study["target"], n_steps=study["n_steps"], rule=rule
        )
        study["attribution"] = maps.values[0]
        study["gradient_times_input"] = image * gradient(forward, image[None], study["target"])[0]
        return study

    return honest


@pytest.fixture
def hand_in_study(tmp_path: Path, monkeypatch, model):
    """Submit a study as the graded cell does, and judge it."""
    monkeypatch.setattr(named_models, "_load", lambda name: model if name == model.name else load_model(name))
    monkeypatch.setenv("AUTOGRADER_EVIDENCE", str(tmp_path))

    def hand_in_study(study: dict):
        assert submit(TASK, **study) is None
        return checking.judge(TASK, evidence.read(tmp_path, TASK), 1)

    return hand_in_study


def lost(verdict) -> set[str]:
    return {finding.name for finding in verdict.findings if not finding.holds}


def seen(verdict) -> dict[str, str]:
    return {finding.name: finding.seen for finding in verdict.findings}


class TestCorrectStudies:
    @pytest.mark.parametrize("rule", ["left", "right", "midpoint", "trapezoid", "gauss_legendre"])
    @pytest.mark.parametrize("n_steps", [20, 50])
    @pytest.mark.parametrize("seed", [3, 4])
    def test_get_all_points(self, hand_in_study, honest, rule, n_steps, seed):
        verdict = hand_in_study(honest(rule=rule, n_steps=n_steps, seed=seed))
        assert verdict.points == 4 and not verdict.mistake, seen(verdict)

    @pytest.mark.parametrize("n_steps", [150, 300])
    def test_of_more_steps_than_are_recomputed_get_all_points(self, hand_in_study, honest, n_steps):
        assert hand_in_study(honest(n_steps=n_steps)).points == 4

    def test_of_fewer_steps_than_asked_for_lose_the_map(self, hand_in_study, honest):
        verdict = hand_in_study(honest(n_steps=10))
        assert lost(verdict) == {"map"} and verdict.mistake == "too_few_steps"

    def test_with_another_baseline_get_all_points(self, hand_in_study, honest):
        for baseline in (torch.ones(3, SIDE, SIDE), torch.full((3, SIDE, SIDE), 0.5), picture(9)):
            assert hand_in_study(honest(baseline=baseline)).points == 4

    def test_with_a_target_that_is_not_the_top_class_get_all_points(self, hand_in_study, honest):
        for target in range(5):
            verdict = hand_in_study(honest(target=target))
            assert verdict.points == 4, (target, seen(verdict))

    def test_of_logits_that_are_said_to_be_logits_get_all_points(self, hand_in_study, honest, model):
        assert hand_in_study(honest(forward=model.logits) | {"scores": "logits"}).points == 4

    def test_in_float64_numpy_or_lists_get_all_points(self, hand_in_study, honest):
        study = honest()
        tensors = ("image", "baseline", "attribution", "gradient_times_input")
        for convert in (torch.Tensor.double, torch.Tensor.numpy, torch.Tensor.tolist):
            assert hand_in_study(study | {name: convert(study[name]) for name in tensors}).points == 4

    def test_of_a_model_in_float64_get_all_points(self, hand_in_study, monkeypatch, honest):
        kinked = Classifier(
            OfItsPrecision(), "efficientnet_lite0", "abc", mean=(0.5,) * 3, std=(0.5,) * 3, input_size=SIDE
        )
        monkeypatch.setattr(named_models, "_load", lambda name: kinked)
        doubled = copy.deepcopy(kinked).double()
        study = honest(forward=kinked.logits, target=0)
        image = study["image"].double()
        in_float64 = image * gradient(doubled.logits, image[None], 0)[0]
        assert not torch.allclose(in_float64.float(), study["gradient_times_input"], rtol=0.1)
        assert hand_in_study(study | {"scores": "logits", "gradient_times_input": in_float64}).points == 4

    @pytest.mark.parametrize("kind", [float, np.int64, torch.tensor, lambda n: torch.tensor([n]), np.array, np.float32])
    def test_take_target_and_steps_in_other_number_types(self, hand_in_study, honest, kind):
        study = honest()
        verdict = hand_in_study(study | {"target": kind(study["target"]), "n_steps": kind(study["n_steps"])})
        assert verdict.points == 4

    def test_that_carry_a_graph_or_a_hair_of_overshoot_get_all_points(self, hand_in_study, honest):
        study = honest(image=picture(3) * 1.0005)
        study["attribution"].requires_grad_()
        assert hand_in_study(study).points == 4


class TestWrongMaps:
    def test_of_pictures_that_were_normalised_before_are_named_in_both_maps(self, hand_in_study, honest, model):
        study = honest()
        wrong = honest(
            image=(study["image"] - 0.5) / 0.5, baseline=(study["baseline"] - 0.5) / 0.5, target=study["target"]
        )
        maps = {name: wrong[name] for name in ("attribution", "gradient_times_input")}
        verdict = hand_in_study(study | maps)
        assert {"map", "product"} <= lost(verdict) and verdict.mistake == "normalised_twice"

    def test_with_a_factor_alpha_in_each_term_are_named(self, hand_in_study, honest, model):
        study = honest(forward=model.logits) | {"scores": "logits"}
        x = study["image"].clone().requires_grad_()
        points = [(k + 0.5) / 50 * x for k in range(50)]
        (total,) = torch.autograd.grad(model.logits(torch.stack(points))[:, study["target"]].sum(), x)
        verdict = hand_in_study(study | {"attribution": study["image"] * total / 50})
        assert "map" in lost(verdict) and verdict.mistake == "gradient_wrt_input"

    @pytest.mark.parametrize(
        ("name", "change", "mistake", "properties"),
        [
            ("gradient x input", lambda s: s["gradient_times_input"], "gradient_times_difference", {"map"}),
            ("scaled by 1.3", lambda s: 1.3 * s["attribution"], "scaled", {"completeness", "map"}),
            ("scaled by 0.1", lambda s: 0.1 * s["attribution"], "scaled", {"completeness", "map"}),
            ("not averaged", lambda s: 50 * s["attribution"], "not_averaged", {"completeness", "map"}),
            ("negative", lambda s: -s["attribution"], "sign_reversed", {"completeness", "map"}),
            ("absolute", lambda s: s["attribution"].abs(), "absolute_value", {"completeness", "map"}),
            ("no difference", lambda s: s["attribution"] / s["image"], "difference_missing", {"map"}),
            ("the gradient", lambda s: s["gradient_times_input"] / s["image"], "gradient_at_input", {"map"}),
            ("zeros", lambda s: torch.zeros_like(s["image"]), "zeros", {"completeness", "map"}),
            ("noise", lambda s: torch.randn(3, SIDE, SIDE), "unrelated_map", {"map"}),
            ("flipped", lambda s: s["attribution"].flip(2), "places_mixed_up", {"map"}),
            ("mean of channels", lambda s: s["attribution"].mean(0, keepdim=True).expand(3, -1, -1), None, {"map"}),
            (
                "unit range",
                lambda s: s["attribution"] / s["attribution"].abs().max(),
                "normalised",
                {"completeness", "map"},
            ),
            ("squares", lambda s: s["attribution"] ** 2, None, {"map"}),
            ("the image", lambda s: s["image"], None, {"completeness", "map"}),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_lose_points_and_are_diagnosed(self, hand_in_study, honest, name, change, mistake, properties):
        torch.manual_seed(0)
        study = honest()
        verdict = hand_in_study(study | {"attribution": change(study)})
        assert properties <= lost(verdict) and "product" not in lost(verdict), seen(verdict)
        if mistake is not None:
            assert verdict.mistake == mistake

    @pytest.mark.parametrize("count", [3, 6, 9])
    def test_of_fewer_steps_than_stated_are_named(self, hand_in_study, honest, count):
        few = honest(n_steps=count, rule="right") | {"n_steps": 50}
        verdict = hand_in_study(few)
        assert verdict.mistake == "other_step_count", (verdict.points, seen(verdict))

    def test_of_a_whole_photo_are_named_as_those_of_small_pictures_are(self, hand_in_study, honest, model):
        """The candidates of small maps are filtered by matrices; one for a photo's 150,528 numbers would be 169 GiB."""
        photo = nn.functional.interpolate(picture(3)[None], PHOTO, mode="bilinear")[0]
        top, other = model.probabilities(photo[None])[0].argsort(descending=True)[[0, 3]].tolist()
        maps = {target: honest(image=photo, target=target, n_steps=20) for target in (top, other)}
        verdict = hand_in_study(maps[top] | {"target": other})
        assert verdict.mistake == "top_class" and "map" in lost(verdict), seen(verdict)
        blurred = torch.from_numpy(gaussian_filter(maps[top]["attribution"].numpy(), (0, 1, 1)))
        assert hand_in_study(maps[top] | {"attribution": blurred}).mistake == "blurred"

    @pytest.mark.parametrize(
        ("of", "mistakes"),
        [
            ({"forward": "logits"}, ("other_scores",)),
            ({"forward": "logits", "rule": "gauss_legendre"}, ("other_scores",)),
            ({"forward": "log", "stated": 1}, ("log_probability",)),
            ({"forward": "loss", "stated": 1}, ("loss_differentiated",)),
            ({"forward": "log", "alone": True, "stated": 1}, ("log_probability",)),
            ({"forward": "loss", "alone": True, "stated": 1}, ("loss_differentiated",)),
            ({"forward": "softmax"}, ("softmax_inside",)),
            ({"target": 3}, ("wrong_class",)),
            ({"baseline": 1.0}, ("map_of_another_baseline",)),
            ({"baseline": 0.5}, ("map_of_another_baseline", "baseline_after_normalisation")),
        ],
        ids=str,
    )
    def test_of_another_line_are_named_by_few_gradients(self, hand_in_study, honest, monkeypatch, of, mistakes):
        """A gradient of a photo takes 0.04 CPU seconds, so 15 seconds are some 300 of them, with what else is to be done."""
        model = small_classifier(1.5)
        monkeypatch.setattr(named_models, "_load", lambda name: model)
        photo = nn.functional.interpolate(picture(3)[None], LARGER_THAN_SMALL, mode="bilinear")[0]
        order = model.probabilities(photo[None])[0].argsort(descending=True).tolist()
        scores = {
            "logits": model.logits,
            "log": lambda x: model.probabilities(x).log(),
            "loss": lambda x: -model.probabilities(x).log(),
            "softmax": lambda x: model.probabilities(x).softmax(dim=1),
        }
        changed = {"forward": scores.get(of.get("forward"), model.probabilities)}
        if "baseline" in of:
            changed["baseline"] = torch.full_like(photo, of["baseline"])
        if "target" in of:
            changed["target"] = order[of["target"]]
        stated = {"image": photo, "baseline": torch.zeros_like(photo), "target": order[of.get("stated", 0)]}
        wrong = honest(rule=of.get("rule", "midpoint"), **(stated | changed)) | stated
        if of.get("alone"):  # beside a product that is right, and so tells nothing of the map's scores
            right = gradient(model.probabilities, photo[None], stated["target"])[0]
            wrong["gradient_times_input"] = photo * right
        asked = []
        ask = Line._ask
        monkeypatch.setattr(Line, "_ask", lambda line, points: asked.append(len(points)) or ask(line, points))
        verdict = hand_in_study(wrong)
        assert verdict.mistake in mistakes and "map" in lost(verdict), seen(verdict)
        assert sum(asked) <= MOST_GRADIENTS

    def test_made_to_add_up_still_lose_the_map(self, hand_in_study, honest):
        study = honest()
        total = study["attribution"].sum()
        for wrong in (study["gradient_times_input"], picture(5), study["image"]):
            verdict = hand_in_study(study | {"attribution": wrong * total / wrong.sum()})
            assert "map" in lost(verdict) and "product" not in lost(verdict)

    def test_of_another_image_baseline_or_target_lose_the_map(self, hand_in_study, honest):
        study = honest()
        for other in (
            honest(seed=4),
            honest(baseline=torch.ones(3, SIDE, SIDE)),
            honest(target=(study["target"] + 1) % 5),
        ):
            verdict = hand_in_study(study | {"attribution": other["attribution"]})
            assert "map" in lost(verdict)

    def test_of_logits_that_are_not_said_to_be_logits_lose_points(self, hand_in_study, honest, model):
        verdict = hand_in_study(honest(forward=model.logits))
        assert lost(verdict) == {"completeness", "map", "product"}
        assert "Compute both maps with model.probabilities" in verdict.as_text()  # submit is called in a cell put back

    def test_of_probabilities_said_to_be_logits_lose_points(self, hand_in_study, honest):
        assert lost(hand_in_study(honest() | {"scores": "logits"})) == {"completeness", "map", "product"}

    def test_of_fewer_steps_than_stated_lose_points(self, hand_in_study, honest):
        few = honest(n_steps=2, rule="left")["attribution"]
        assert "map" in lost(hand_in_study(honest() | {"attribution": few}))

    def test_a_gradient_at_the_end_is_not_saved_by_stating_one_step(self, hand_in_study, honest):
        """However few the steps, the gradient at one end is not integrated gradients."""
        study = honest()
        verdict = hand_in_study(study | {"attribution": study["gradient_times_input"], "n_steps": 1})
        assert "map" in lost(verdict), seen(verdict)

    def test_a_product_that_is_none_loses_its_point_alone(self, hand_in_study, honest):
        study = honest()
        slope = study["gradient_times_input"] / study["image"]
        for wrong in (
            slope,
            -study["gradient_times_input"],
            1.01 * study["gradient_times_input"],
            study["attribution"],
        ):
            verdict = hand_in_study(study | {"gradient_times_input": wrong})
            assert lost(verdict) == {"product"} and verdict.points == 3


class TestFeedbackInTime:
    """A clock that moves with the gradients alone, as they are computed."""

    @pytest.fixture
    def feedback(self, monkeypatch, model):
        """The verdict of `submit` on a picture that counts as a photo, where a gradient takes so many seconds; and the seconds."""
        monkeypatch.setattr(named_models, "_load", lambda name: model)
        monkeypatch.delenv("AUTOGRADER_EVIDENCE", raising=False)
        now = [0.0]
        ask = Line._ask

        def feedback(study: dict, a_gradient: float):
            def slowly(path, points):
                now[0] += a_gradient * len(points)
                return ask(path, points)

            monkeypatch.setattr(line, "CHUNK", 8 * study["image"].numel())
            monkeypatch.setattr(Line, "_ask", slowly)
            monkeypatch.setattr(checking, "Deadline", lambda seconds: Deadline(seconds, lambda: now[0]))
            started = now[0]
            return submit(TASK, **study), now[0] - started

        return feedback

    @pytest.fixture
    def photo(self):
        return nn.functional.interpolate(picture(3)[None], LARGER_THAN_SMALL, mode="bilinear")[0]

    @pytest.mark.parametrize("a_gradient", [0.02, 0.1, 0.3], ids=["a photo", "512 x 512", "a large network"])
    @pytest.mark.parametrize(
        ("rule", "n_steps"), [("right", 50), ("midpoint", 50), ("gauss_legendre", 50), ("midpoint", 200)]
    )
    def test_right_maps_stay_right(self, feedback, honest, photo, a_gradient, rule, n_steps):
        verdict, seconds = feedback(honest(image=photo, rule=rule, n_steps=n_steps), a_gradient)
        assert verdict.points == 4 and seconds <= FEEDBACK_SECONDS, (seconds, seen(verdict))

    @pytest.mark.parametrize("a_gradient", [0.02, 0.1, 0.3], ids=["a photo", "512 x 512", "a large network"])
    @pytest.mark.parametrize(
        ("change", "mistake"),
        [
            (lambda s, other: s["attribution"].abs(), "absolute_value"),
            (lambda s, other: 1.3 * s["attribution"], "scaled"),
            (lambda s, other: -s["attribution"], "sign_reversed"),
            (lambda s, other: s["attribution"] / s["image"], "difference_missing"),
            (lambda s, other: other["attribution"], "map_of_another_baseline"),
            (
                lambda s, other: torch.randn(s["image"].shape, generator=torch.Generator().manual_seed(0)),
                "unrelated_map",
            ),
        ],
        ids=lambda value: value if isinstance(value, str) else "",
    )
    def test_wrong_maps_stay_wrong_and_are_named_where_there_is_time(
        self, feedback, honest, photo, a_gradient, change, mistake
    ):
        study, other = honest(image=photo), honest(image=photo, baseline=torch.ones_like(photo))
        verdict, seconds = feedback(study | {"attribution": change(study, other)}, a_gradient)
        assert "product" not in lost(verdict) and seconds <= FEEDBACK_SECONDS + 8 * a_gradient
        if "map" not in lost(verdict):  # in this time, a network so large gives too few gradients to tell
            assert a_gradient == 0.3 and mistake == "scaled" and maps.TO_ROUNDING in "".join(verdict.notes)
        elif verdict.mistake != mistake:
            assert a_gradient > 0.02 and not verdict.mistake
            assert any("the search for the likely cause" in note for note in verdict.notes), (seconds, verdict.notes)


class TestFormOfTheMaps:
    @pytest.mark.parametrize(
        ("change", "mistake", "words"),
        [
            (lambda m: m.sum(0), "channels_summed", "the shape (32, 32)"),
            (lambda m: m.sum(0, keepdim=True), "channels_summed", "the shape (1, 32, 32)"),
            (lambda m: m[None], "images_batched", "the shape (1, 3, 32, 32)"),
            (lambda m: m.permute(1, 2, 0), "wrong_shape", "the shape (32, 32, 3)"),
            (lambda m: m.flatten(), "wrong_shape", "the shape (3072,)"),
            (lambda m: m * float("nan"), "not_finite", "NaN"),
            (lambda m: m / 0, "not_finite", "NaN"),
            (lambda m: (m * 1000).long(), "wrong_dtype", "int64"),
            (lambda m: None, "missing_part", "attribution: "),
            (lambda m: "a map", "missing_part", "attribution: "),
            (lambda m: {"map": m}, "missing_part", "attribution: "),
            (lambda m: m.to(torch.complex64), "missing_part", "attribution: "),
            (lambda m: m.numpy().astype(np.longdouble), "missing_part", ""),
        ],
    )
    def test_is_named_and_the_product_is_still_graded(self, hand_in_study, honest, change, mistake, words):
        study = honest()
        verdict = hand_in_study(study | {"attribution": change(study["attribution"])})
        assert lost(verdict) == {"completeness", "map"} and verdict.mistake == mistake
        assert words in seen(verdict)["map"]

    def test_of_the_product_is_named_and_the_map_is_still_graded(self, hand_in_study, honest):
        study = honest()
        verdict = hand_in_study(study | {"gradient_times_input": study["gradient_times_input"].sum(0)})
        assert lost(verdict) == {"product"} and verdict.mistake == "channels_summed"

    def test_half_precision_is_no_reason_to_lose_the_map(self, hand_in_study, honest):
        study = honest()
        assert "map" not in lost(hand_in_study(study | {"attribution": study["attribution"].half()}))


class TestPartsThatCannotBeGraded:
    @pytest.mark.parametrize(
        ("changed", "mistake", "words"),
        [
            ({"model": "resnet50"}, "unknown_model", "no model is called 'resnet50'"),
            ({"model": 5}, "unknown_model", "5"),
            ({"model": None}, "missing_part", "model: it is missing"),
            ({"scores": "losses"}, "missing_part", "expected 'probabilities' or 'logits'"),
            ({"image": None}, "missing_part", "image: it is missing"),
            ({"baseline": None}, "missing_part", "baseline: it is missing"),
            ({"baseline": 0}, "missing_part", "baseline: a int came"),
            ({"target": None}, "missing_part", "target: it is missing"),
            ({"target": "tabby"}, "missing_part", "target: a str came that holds no numbers"),
            ({"target": 5}, "wrong_class_index", "whole numbers from 0 to 4"),
            ({"target": -1}, "wrong_class_index", "whole numbers from 0 to 4"),
            ({"target": 1.5}, "wrong_class_index", "target"),
            ({"target": True}, "missing_part", "target"),
            ({"target": torch.arange(3)}, "missing_part", "target: a Tensor came"),
            ({"target": float("nan")}, "wrong_class_index", "target"),
            ({"n_steps": float("inf")}, "wrong_counts", "n_steps is inf"),
            ({"n_steps": 0}, "wrong_counts", "n_steps is 0, expected a whole number of at least 1"),
            ({"n_steps": -5}, "wrong_counts", "n_steps is -5"),
            ({"n_steps": "50"}, "wrong_counts", "n_steps is '50'"),
            ({"n_steps": 10**9}, "wrong_counts", "n_steps is 1000000000"),
            ({"n_steps": [5, 10]}, "missing_part", "n_steps: a list came"),
        ],
        ids=str,
    )
    def test_are_named(self, hand_in_study, honest, changed, mistake, words):
        verdict = hand_in_study(honest() | changed)
        assert verdict.points == 0 and verdict.mistake == mistake
        assert all(words in text for text in seen(verdict).values()), seen(verdict)

    @pytest.mark.parametrize(
        ("change", "mistake", "words"),
        [
            (lambda image: 255 * image, "image_out_of_range", "image has float32 values from"),
            (lambda image: (255 * image).byte(), "image_out_of_range", "image has uint8 values"),
            (lambda image: (image - 0.5) / 0.25, "image_normalised", "image has float32 values from"),
            (lambda image: image * float("nan"), "not_finite", "NaN"),
            (lambda image: image[None], "images_batched", "the shape (1, 3, 32, 32), expected (3, H, W)"),
            (lambda image: image.permute(1, 2, 0), "wrong_shape", "the shape (32, 32, 3)"),
            (lambda image: image[:1], "wrong_shape", "the shape (1, 32, 32)"),
            (lambda image: image[:, :6, :6], "wrong_shape", "the shape (3, 6, 6)"),
            (lambda image: image[:, :7], "wrong_shape", "the shape (3, 7, 32)"),
            (lambda image: torch.zeros(3, 600, 600), "wrong_shape", "the shape (3, 600, 600)"),
        ],
    )
    def test_pictures_are_named(self, hand_in_study, honest, change, mistake, words):
        verdict = hand_in_study(honest() | {"image": change(picture(3))})
        assert verdict.points == 0 and verdict.mistake == mistake and words in seen(verdict)["map"]

    def test_a_baseline_of_another_shape_is_named(self, hand_in_study, honest):
        verdict = hand_in_study(honest() | {"baseline": torch.zeros(3, 40, 40)})
        assert verdict.points == 0 and "image has (3, 32, 32), baseline (3, 40, 40)" in seen(verdict)["map"]

    def test_a_baseline_that_is_the_image_is_named(self, hand_in_study, honest):
        study = honest()
        verdict = hand_in_study(study | {"baseline": study["image"].clone()})
        assert verdict.points == 0 and "there is no path" in seen(verdict)["map"]

    def test_an_empty_study_is_named(self, hand_in_study):
        verdict = hand_in_study({})
        assert verdict.points == 0 and verdict.mistake == "missing_part"

    def test_parts_that_nobody_asked_for_change_nothing(self, hand_in_study, honest):
        assert hand_in_study(honest() | {"points": 100, "notes": "please"}).points == 4


class TestForgedRecords:
    @pytest.mark.parametrize(
        "record",
        [
            {},
            {"points": 4},
            {"values": []},
            {"values": {}},
            {"values": None, "missing": []},
            {"missing": [], "values": {"model": ["efficientnet_lite0"], "target": 0, "n_steps": 5}},
            {"missing": [], "values": {"model": {}, "target": 0, "n_steps": 5}},
            {"missing": [], "values": {"model": "efficientnet_lite0", "target": [], "n_steps": 5}},
            {"missing": [], "values": {"model": "efficientnet_lite0", "target": 0, "n_steps": None}},
            {"missing": [], "values": {"model": "efficientnet_lite0", "target": 0, "n_steps": float("nan")}},
            {"missing": [], "values": {"model": "efficientnet_lite0", "target": float("-inf"), "n_steps": 5}},
            {"missing": [], "values": {"model": "efficientnet_lite0", "target": 10**4000, "n_steps": 5}},
            {"missing": [], "values": {"model": "efficientnet_lite0", "target": 0, "n_steps": 5, "scores": []}},
            {"missing": [], "values": {"model": "efficientnet_lite0", "target": 0, "n_steps": 5, "scores": "train"}},
        ],
        ids=lambda record: str(record)[:80],
    )
    def test_are_worth_nothing(self, tmp_path, monkeypatch, model, honest, record):
        monkeypatch.setattr(named_models, "_load", lambda name: model)
        parts = {name: part.numpy() for name, part in honest().items() if isinstance(part, torch.Tensor)}
        whole = {"task": TASK, "names": {}, "types": {}, "dtypes": {}} | record
        evidence.write(tmp_path, TASK, evidence.Evidence(whole, parts))
        verdict = checking.judge(TASK, evidence.read(tmp_path, TASK), 1)
        assert verdict.points == 0 and verdict.mistake

    @pytest.mark.parametrize("value", [1e30, 1e308, -1e300])
    def test_huge_values_are_not_close_to_anything(self, hand_in_study, honest, value):
        study = honest()
        wrong = torch.full((3, SIDE, SIDE), value, dtype=torch.float64)
        verdict = hand_in_study(study | {"attribution": wrong, "gradient_times_input": wrong})
        assert verdict.points == 0


@pytest.mark.slow
def test_a_real_model_and_photo_get_all_points(tmp_path, monkeypatch):
    from igref import load_model, load_photos

    model, image = load_model(), load_photos()[0].pixels
    target, black = int(model.probabilities(image[None]).argmax()), torch.zeros_like(image)
    values = integrated_gradients(model.probabilities, image[None], black[None], target, n_steps=20).values[0]
    monkeypatch.delenv("AUTOGRADER_EVIDENCE", raising=False)
    verdict = submit(
        TASK,
        model=model.name,
        image=image,
        baseline=black,
        target=target,
        n_steps=20,
        attribution=values,
        gradient_times_input=image * gradient(model.probabilities, image[None], target)[0],
    )
    assert verdict.points == 4


def test_that_a_large_picture_takes_longer_is_said_before_it_does(monkeypatch, capsys):
    monkeypatch.delenv("AUTOGRADER_EVIDENCE", raising=False)
    said = {}
    for side in (224, 512):
        submit(TASK, image=torch.zeros(3, side, side))  # the rest is missing, so that nothing is recomputed
        said[side] = capsys.readouterr().out
    assert not said[224] and "Pictures of 512 x 512 have 5.2 times the pixels of 224 x 224" in said[512]
