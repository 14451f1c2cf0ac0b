"""A student may name any published model whose weights the grading machine has: the sandbox shows these and nothing beside."""

import pytest
import torch
from nbformat.v4 import new_code_cell, new_notebook
from traitlets.config import Config

from autograder.judge.studies import named_models
from autograder.nbgrader_plugin.execution import SandboxedExecute
from autograder.nbgrader_plugin.graded_run import PLACE, RUN, Place
from autograder.problem_sets.checking import judge
from igref.torchvision_import import import_torchvision

FILE = "squeezenet1_1-b8a52dc0.pth"
STUDY = """
import os, torch, igref
from autograder import submit
cache = os.path.expanduser("~/.cache/torch/hub/checkpoints")
print(sorted(os.listdir(cache)), sorted(os.listdir(os.path.expanduser("~/.cache/huggingface/hub"))))
try:
    open(os.path.join(cache, os.listdir(cache)[0]), "ab")
except OSError as error:
    print(error.strerror)
model = igref.load_model("torchvision/squeezenet1_1")
image = igref.load_photos(64)[0].pixels
def gradient(x):
    x = x[None].clone().requires_grad_()
    return torch.autograd.grad(model.logits(x)[0, 5], x)[0][0]
steps = [(k + 0.5) / 50 for k in range(50)]
attribution = image * sum(gradient(a * image) for a in steps) / 50
submit("ps1-photo", model="torchvision/squeezenet1_1", scores="logits", image=image, baseline=0 * image, target=5, n_steps=50,
       attribution=attribution, gradient_times_input=image * gradient(image))
"""


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache with the weights of one small model, somebody's own ones, and a model of the hub's that is not timm's."""
    folder = tmp_path / "cache"
    checkpoints = folder / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    network = import_torchvision().models.squeezenet1_1()
    torch.save(network.state_dict(), checkpoints / FILE)
    (checkpoints / "solution.pth").touch()
    for name in ("models--timm--resnet18.a1_in1k", "models--someone--secret"):
        (folder / "huggingface" / name).mkdir(parents=True)
    monkeypatch.setenv("TORCH_HOME", str(folder))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(folder / "huggingface"))
    named_models._load.cache_clear()
    yield
    named_models._load.cache_clear()


def test_a_photo_with_a_model_whose_weights_are_cached_gets_its_points(cache, tmp_path):
    submission = tmp_path / "submission"
    submission.mkdir()
    cell = new_code_cell(STUDY, metadata={"nbgrader": {"grade_id": "ps1-photo"}})
    resources = {
        "nbgrader": {"student": "ada", "assignment": "ps1-attribution", "notebook": "ps1-attribution"},
        PLACE: Place(submission, (tmp_path,)),
    }
    nb, resources = SandboxedExecute(config=Config()).preprocess(new_notebook(cells=[cell]), resources)
    run = resources[RUN]
    printed = "".join(output.get("text", "") for output in nb.cells[0].outputs)
    assert printed == f"['{FILE}'] ['models--timm--resnet18.a1_in1k']\nRead-only file system\n", run
    verdict = judge("ps1-photo", run.evidence["ps1-photo"], run.seed)
    assert verdict.points == verdict.max_points == 4, verdict.as_record()
