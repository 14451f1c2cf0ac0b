"""Memory that is freed is kept: a batch finds its pages where the one before left them."""

import subprocess
import sys

import pytest

from igref.memory import keep_freed_memory

COUNT_FAULTS = """
import resource, sys
import torch
from torch import nn
from igref import integrated_gradients
from igref.memory import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
network = nn.Sequential(
    nn.Conv2d(3, 32, 3), nn.ReLU(), nn.Conv2d(32, 32, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
).eval()
photo = torch.rand(1, 3, 128, 128)
faults = []
for _ in range(5):  # layers of 65 MB: glibc never keeps blocks of over 32 MB by itself
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    integrated_gradients(network, photo, 0 * photo, 0, n_steps=32, chunk_size=32)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(min(faults))  # the heap may still grow now and then; what is handed back is missed every time
"""


def page_faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", COUNT_FAULTS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not keep_freed_memory(), reason="only glibc can be told to")
def test_a_batch_finds_the_memory_of_the_batch_before():
    assert page_faults("kept") < page_faults("given back") / 5


@pytest.mark.skipif(not keep_freed_memory(), reason="only glibc can be told to")
def test_more_photos_go_through_a_model_at_a_time():
    asked = """
import torch
from igref.attribution.chunking import chunk_size_for
from igref.memory import keep_freed_memory
torch.set_num_threads(1)
photo = torch.zeros(1, 3, 224, 224)
print(chunk_size_for(photo), keep_freed_memory(), chunk_size_for(photo))
"""
    answered = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True).stdout
    assert answered == "7 True 17\n"
