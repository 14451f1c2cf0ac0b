"""Probes: drawn from a seed that nobody can foresee, each about one property, with networks that explain misuse."""

import numpy as np
import pytest
import torch

from autograder.judge.probes.functions import (
    Probe,
    input_gradient_probes,
    integrated_gradients_probes,
    keyed_seed,
)
from autograder.problem_sets import TASKS

PROBES = {"input_gradient": input_gradient_probes, "integrated_gradients": integrated_gradients_probes}
SEEDS = range(8)


def probes(kind: str, seed: int) -> dict[str, Probe]:
    drawn = PROBES[kind](seed)
    assert len({probe.name for probe in drawn}) == len(drawn), "two probes of one name"
    return {probe.name: probe for probe in drawn}


def same(a: Probe, b: Probe) -> bool:
    points = torch.stack([a.x, a.baseline, (a.x + a.baseline) / 3])
    return (
        a.x.shape == b.x.shape
        and torch.equal(a.x, b.x)
        and torch.equal(a.baseline, b.baseline)
        and (a.target, a.n_steps) == (b.target, b.n_steps)
        and torch.equal(a.network(points), b.network(points))
    )


@pytest.mark.parametrize("kind", PROBES)
class TestDraws:
    def test_one_seed_gives_the_same_probes_every_time(self, kind):
        first, second = probes(kind, 5), probes(kind, 5)
        assert first.keys() == second.keys() and all(same(first[name], second[name]) for name in first)

    def test_another_seed_gives_other_inputs_and_other_networks(self, kind):
        first, second = probes(kind, 5), probes(kind, 6)
        for name in first:
            a, b = first[name], second[name]
            assert not torch.equal(a.x, b.x)
            assert a.x.shape != b.x.shape or not torch.allclose(a.network(a.x[None]), b.network(a.x[None]))

    def test_nothing_else_decides_about_them(self, kind):
        torch.manual_seed(1)
        np.random.seed(1)
        first = probes(kind, 5)
        torch.manual_seed(2)
        np.random.seed(2)
        assert all(same(probe, first[name]) for name, probe in probes(kind, 5).items())

    def test_large_seeds_are_seeds_as_well(self, kind):
        first, second = probes(kind, 2**64 - 1), probes(kind, 2**64 - 2)
        assert not any(same(first[name], second[name]) for name in first)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_their_parts_are_as_promised(self, kind, seed):
        for probe in probes(kind, seed).values():
            assert probe.x.dtype == probe.baseline.dtype in (torch.float32, torch.float64)
            assert probe.x.shape == probe.baseline.shape == probe.network.shape
            assert probe.n_steps >= 1 and torch.isfinite(probe.x).all()
            assert (probe.x.abs() >= 0.5).float().mean() > 0.85 or probe.name.endswith("from white")
            assert type(probe.target) is int and type(probe.n_steps) is int
            scores = probe.network(torch.stack([probe.x, probe.baseline]))
            assert scores.shape[0] == 2 and 0 <= probe.target < scores.shape[1] and torch.isfinite(scores).all()

    def test_every_property_with_points_but_the_form_is_asked_about(self, kind):
        task = TASKS["ps1-" + kind.replace("_", "-")]
        assert {probe.asks_about for probe in probes(kind, 0).values()} == {one.name for one in task.properties} - {
            "form"
        }


@pytest.mark.parametrize("seed", SEEDS)
class TestIsolation:
    def test_only_probes_about_the_baseline_have_one(self, seed):
        for probe in probes("integrated_gradients", seed).values():
            assert bool(probe.baseline.any()) == (probe.asks_about == "baseline"), probe.name

    @pytest.mark.parametrize("kind", PROBES)
    def test_only_probes_about_the_target_ask_for_another_class_than_the_top_one(self, seed, kind):
        for probe in probes(kind, seed).values():
            top = int(probe.network(probe.x[None])[0].argmax())
            assert (probe.target != top) == (probe.asks_about == "target"), probe.name

    def test_the_probes_about_steps_differ_in_their_steps_alone(self, seed):
        few, many = [p for p in probes("integrated_gradients", seed).values() if p.asks_about == "steps"]
        assert few.network is many.network and torch.equal(few.x, many.x) and few.target == many.target
        assert 4 <= few.n_steps < 8 and 60 <= many.n_steps < 100


class TestWideRanges:
    """What a function is asked is not small throughout: who is right for small questions alone is seen."""

    @pytest.mark.parametrize("seed", SEEDS)
    def test_each_draw_asks_for_few_steps_and_many_and_for_those_in_between(self, seed):
        steps = [probe.n_steps for probe in probes("integrated_gradients", seed).values()]
        for low, high in ((1, 3), (4, 7), (8, 24), (25, 59), (60, 100), (101, 250), (251, 600)):
            assert any(low <= n <= high for n in steps), (low, high)

    @pytest.mark.parametrize("kind", PROBES)
    @pytest.mark.parametrize("seed", SEEDS)
    def test_each_draw_has_float64_many_classes_a_larger_picture_and_inputs_like_the_baselines(self, kind, seed):
        drawn = probes(kind, seed).values()
        assert any(probe.x.dtype == torch.float64 for probe in drawn)
        assert any(probe.network(probe.x[None]).shape[1] >= 100 for probe in drawn)
        assert any(probe.x.ndim == 3 and probe.x.numel() >= 500 for probe in drawn)
        assert any((probe.x == probe.baseline).any() for probe in drawn)

    @pytest.mark.parametrize("seed", SEEDS)
    def test_each_draw_has_the_values_of_a_photo_and_a_path_from_white(self, seed):
        drawn = [probe for probe in probes("integrated_gradients", seed).values() if probe.baseline.mean() > 0.9]
        assert [probe.x.ndim for probe in drawn] == [3]
        assert all(probe.x.min() >= 0 and probe.x.max() <= 1 and probe.x.mean() < 0.7 for probe in drawn)


class TestTargets:
    def test_class_zero_is_not_always_right(self):
        for kind in PROBES:
            assert any(probe.target for seed in SEEDS[:3] for probe in probes(kind, seed).values())


class TestKeyedSeeds:
    def test_are_the_same_for_the_same_names(self):
        assert keyed_seed(b"key", "ps1", "ada") == keyed_seed(b"key", "ps1", "ada")

    def test_depend_on_the_key_on_every_name_and_on_their_borders(self):
        seeds = [
            keyed_seed(b"key", "ps1", "notebook", "ada"),
            keyed_seed(b"another key", "ps1", "notebook", "ada"),
            keyed_seed(b"", "ps1", "notebook", "ada"),
            keyed_seed(b"key", "ps2", "notebook", "ada"),
            keyed_seed(b"key", "ps1", "other", "ada"),
            keyed_seed(b"key", "ps1", "notebook", "ben"),
            keyed_seed(b"key", "ps1", "notebookada"),
            keyed_seed(b"key", "ps1n", "otebook", "ada"),
            keyed_seed(b"key", "ps1", "notebook", "ada", ""),
            keyed_seed(b"key", "notebook", "ps1", "ada"),
        ]
        assert len(set(seeds)) == len(seeds)

    def test_fill_64_bits(self):
        seeds = [keyed_seed(b"key", str(i)) for i in range(200)]
        assert all(0 <= seed < 2**64 for seed in seeds) and max(seeds).bit_length() == 64
        assert len(set(seeds)) == len(seeds)

    def test_take_names_in_any_script(self):
        assert keyed_seed(b"key", "Zoë") != keyed_seed(b"key", "Zoe")


@pytest.mark.parametrize("kind", PROBES)
class TestNetworks:
    def test_a_missing_batch_dimension_is_named(self, kind):
        for probe in probes(kind, 0).values():
            with pytest.raises(ValueError, match=r"expects a batch of shape \(B, .*unsqueeze\(0\)") as error:
                probe.network(probe.x)
            assert str(tuple(probe.x.shape)) in str(error.value)

    def test_another_shape_is_named(self, kind):
        for probe in probes(kind, 0).values():
            with pytest.raises(ValueError, match=r"got \(2, 99\)"):
                probe.network(torch.zeros(2, 99))

    @pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
    def test_whole_numbers_are_refused_by_their_type(self, kind, dtype):
        for probe in probes(kind, 0).values():
            with pytest.raises(TypeError, match=f"floating point tensor, got {dtype}"):
                probe.network(probe.x[None].to(dtype))

    def test_other_types_are_named(self, kind):
        for probe in probes(kind, 0).values():
            with pytest.raises(TypeError, match="got ndarray"):
                probe.network(probe.x[None].numpy())
            with pytest.raises(TypeError, match="got list"):
                probe.network([0.0])

    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_scores_and_gradients_have_the_dtype_of_the_input(self, kind, dtype):
        for probe in probes(kind, 0).values():
            x = probe.x[None].to(dtype).requires_grad_()
            scores = probe.network(x)
            assert scores.dtype == dtype
            assert torch.autograd.grad(scores[0, probe.target], x)[0].dtype == dtype

    def test_a_batch_is_each_of_its_inputs(self, kind):
        for probe in probes(kind, 0).values():
            batch = torch.stack([probe.x, probe.baseline, -probe.x])
            torch.testing.assert_close(probe.network(batch), torch.cat([probe.network(x[None]) for x in batch]))

    def test_an_answer_does_not_change_the_network(self, kind):
        for probe in probes(kind, 0).values():
            before = probe.network(probe.x[None])
            probe.network(probe.x[None].clone().requires_grad_()).sum().backward()
            assert torch.equal(probe.network(probe.x[None]), before)
            if probe.network.layers is not None:
                assert not any(parameter.requires_grad for parameter in probe.network.layers.parameters())
