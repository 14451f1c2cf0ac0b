"""Memory that is freed is kept: a batch finds its pages where the one before left them."""

import os
import subprocess
import sys

import pytest
import torch

from igref import memory
from igref.attribution.chunking import chunk_size_for
from igref.memory import keep_freed_memory

COUNT_FAULTS = """
import resource, sys
import torch
from igref.memory import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
faults = []
for _ in range(30):  # blocks of 64 MiB: glibc never keeps those of over 32 MiB by itself
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    torch.empty(2**24).fill_(1)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(sum(faults[15:]))  # until then small blocks may come to lie between the large ones, and the heap grows
"""


def page_faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", COUNT_FAULTS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not keep_freed_memory(), reason="only glibc can be told to")
def test_a_block_finds_the_memory_of_the_block_before():
    assert page_faults("kept") < page_faults("given back") / 5


COUNT_FAULTS_OF_A_CALL = """
import resource, sys
import torch
from torch import nn
from igref import integrated_gradients

network = nn.Sequential(
    nn.Conv2d(3, 32, 1), nn.ReLU(), nn.Conv2d(32, 32, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
).eval()
photo = torch.rand(1, 3, 128, 128)  # layers of 16 MiB for chunks of eight
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
integrated_gradients(network, photo, 0 * photo, 0, n_steps=int(sys.argv[1]), chunk_size=8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults_of_a_call(n_steps: int, **environment: str) -> int:
    command = [sys.executable, "-c", COUNT_FAULTS_OF_A_CALL, str(n_steps)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ | environment)
    return int(done.stdout)


@pytest.mark.skipif(not keep_freed_memory(), reason="only glibc can be told to")
def test_a_batch_finds_the_memory_of_the_batch_before_it_in_one_call():
    assert faults_of_a_call(64) < 2 * faults_of_a_call(8)


@pytest.mark.skipif(not keep_freed_memory(), reason="only glibc can be told to")
def test_what_the_environment_says_of_memory_is_left_alone():
    given_back = {"MALLOC_TRIM_THRESHOLD_": "131072"}
    assert faults_of_a_call(64, **given_back) > 3 * faults_of_a_call(8, **given_back)


@pytest.mark.parametrize(("can_be_kept", "photos"), [(True, 17), (False, 7)])
def test_more_photos_go_through_a_model_at_a_time_where_memory_is_kept(monkeypatch, can_be_kept, photos):
    monkeypatch.setattr(memory, "can_be_kept", lambda: can_be_kept)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert chunk_size_for(torch.zeros(1, 3, 224, 224)) == photos
