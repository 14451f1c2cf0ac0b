"""The script for whoever has an accelerator runs, here on the CPU, and on CUDA where there is one."""

import inspect

import pytest
import torch

import igref
from benchmarks import accelerator
from igref.attribution import chunking, core
from igref.attribution.chunking import chunk_size_for, photos_in


@pytest.mark.parametrize(
    "device",
    ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))],
)
def test_every_function_agrees_with_the_cpu(device, capsys):
    assert accelerator.main(["--device", device, "--only-agreement"]) == 0, capsys.readouterr().out


def test_every_public_function_that_computes_has_a_row():
    names = " ".join(accelerator.functions("cpu", torch.float64))
    without = {"nodes_and_weights", "degree_of_exactness", "load_model", "load_photos", "load_folder", "load_digits"}
    functions = {name for name in igref.__all__ if inspect.isfunction(getattr(igref, name))} - without
    assert len(functions) > 25 and not {name for name in functions if name not in names}


def test_a_batch_for_all_on_an_accelerator(monkeypatch):
    """There the ends of the path go with the nodes, and the adaptive mode asks in batches of few sizes; the maps are the same."""
    model, x = accelerator.smooth_network(torch.float64), torch.rand(2, 3, 16, 16, dtype=torch.float64)
    batches = []

    def forward(points):
        batches.append(len(points))
        return model(points)

    def maps():
        found = (
            igref.integrated_gradients(forward, x, 0 * x, 1),
            igref.adaptive_integrated_gradients(forward, x, 0 * x, 1),
        )
        return [part for ig in found for part in (ig.values, ig.scores, ig.baseline_scores, ig.error_map)], found[1]

    expected, adapted = maps()
    for module in (core, chunking):
        monkeypatch.setattr(module, "on_accelerator", lambda inputs: True)
    batches.clear()
    found, on_accelerator = maps()
    for ours, theirs in zip(found, expected, strict=True):
        assert torch.allclose(ours, theirs, rtol=1e-12, atol=1e-15)
    assert set(batches) - {1, 2} == {2 * 50 + 4, 32}  # 1 and 2: whether forward is a function of one point
    assert on_accelerator.n_gradients == adapted.n_gradients


def test_what_differs_fails(monkeypatch, capsys):
    monkeypatch.setattr(accelerator, "agreement", lambda device: [("gradient", torch.float32, 1e-3)])
    assert accelerator.main(["--device", "cpu", "--only-agreement"]) == 1
    assert "[FAIL] gradient" in capsys.readouterr().out


@pytest.mark.parametrize(("free", "photos"), [(139 * 2**30, 512), (8 * 2**30, 39), (0, 1)])
def test_a_chunk_is_as_large_as_the_free_memory_allows(free, photos):
    assert photos_in(free) == photos


def test_a_device_that_does_not_say_its_memory():
    assert chunk_size_for(torch.empty(2, 3, 224, 224, device="meta")) == 64
