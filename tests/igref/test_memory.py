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
from torch import nn
from igref import integrated_gradients
from igref.memory import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()
network = nn.Sequential(
    nn.Conv2d(3, 32, 1), nn.ReLU(), nn.Conv2d(32, 32, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
).eval()
photo = torch.rand(1, 3, 128, 128)
faults = []
for _ in range(5):  # layers of 65 MB: glibc never keeps blocks of over 32 MB by itself
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    integrated_gradients(network, photo, 0 * photo, 0, n_steps=32, chunk_size=32)
    faults.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
print(sorted(faults)[2])  # the heap may grow now and then, and what is handed back may lie there still
"""


def page_faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", COUNT_FAULTS, how], capture_output=True, text=True, check=True)
    return int(done.stdout)


@pytest.mark.skipif(not keep_freed_memory(), reason="only glibc can be told to")
def test_a_batch_finds_the_memory_of_the_batch_before():
    assert page_faults("kept") < page_faults("given back") / 5


COUNT_FAULTS_OF_A_CALL = (
    COUNT_FAULTS.split("faults = []")[0]
    + """
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
integrated_gradients(network, photo, 0 * photo, 0, n_steps=int(sys.argv[2]), chunk_size=8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
)


def faults_of_a_call(n_steps: int, **environment: str) -> int:
    command = [sys.executable, "-c", COUNT_FAULTS_OF_A_CALL, "given back", str(n_steps)]
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
