"""The weights of published models that lie in this machine's caches, and where a sandbox shows them.

Files are told by the names that torchvision and timm publish them under: whatever else lies in a cache stays outside.
"""

from __future__ import annotations

import functools
from pathlib import Path

CHECKPOINTS = Path(".cache/torch/hub/checkpoints")
HUB = Path(".cache/huggingface/hub")
"""Where torch and the Hugging Face hub look for files, from a home of their own."""
TIMM_FOLDERS = "models--timm--*"
"""How the hub names the folders of timm's own models: each holds one, with all its files."""


def published_weights() -> dict[Path, Path]:
    """The weights that are here: where each file or folder lies, and its place below a home folder."""
    import torch
    from huggingface_hub import constants

    checkpoints = Path(torch.hub.get_dir()) / CHECKPOINTS.name
    files = [path for path in checkpoints.glob("*.pth") if path.is_file()]
    found = {path: CHECKPOINTS / path.name for path in files if path.name in _torchvision_files()}
    return found | {path: HUB / path.name for path in Path(constants.HF_HUB_CACHE).glob(TIMM_FOLDERS) if path.is_dir()}


@functools.cache
def _torchvision_files() -> frozenset[str]:
    """The names of all files of weights that torchvision publishes for its classifiers."""
    from igref.torchvision_import import import_torchvision

    models = import_torchvision().models
    names = models.list_models(module=models)
    return frozenset(one.url.rpartition("/")[2] for name in names for one in models.get_model_weights(name))
