"""The script for whoever has an accelerator runs, here on the CPU, and on CUDA where there is one."""

import pytest
import torch

from benchmarks import accelerator
from igref.attribution.chunking import chunk_size_for, photos_in


@pytest.mark.parametrize(
    "device",
    ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device"))],
)
def test_every_function_agrees_with_the_cpu(device, capsys):
    assert accelerator.main(["--device", device, "--photos", "0"]) == 0, capsys.readouterr().out
    assert capsys.readouterr().out.count("[OK]") >= 20


def test_what_differs_fails(monkeypatch, capsys):
    monkeypatch.setattr(accelerator, "agreement", lambda device: [("gradient", torch.float32, 1e-3)])
    assert accelerator.main(["--device", "cpu", "--photos", "0"]) == 1
    assert "[FAIL] gradient" in capsys.readouterr().out


@pytest.mark.parametrize(("free", "photos"), [(139 * 2**30, 512), (8 * 2**30, 39), (0, 1)])
def test_a_chunk_is_as_large_as_the_free_memory_allows(free, photos):
    assert photos_in(free) == photos


def test_a_device_that_does_not_say_its_memory():
    assert chunk_size_for(torch.empty(2, 3, 224, 224, device="meta")) == 64
