"""Files of weights: read without running code from them, checked, and fitted to a network."""

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn


class WeightsError(RuntimeError):
    """Weights that are missing, damaged, or made for another network. The message says what to do."""


def check_sha256(path: Path, expected: str, remedy: str) -> None:
    """Raise WeightsError unless the file is there and has this SHA-256."""
    try:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise WeightsError(f"the weights {path.name} cannot be read: {error.strerror}. {remedy}") from error
    if found != expected:
        raise WeightsError(
            f"the weights {path.name} are damaged: their SHA-256 should be {expected}, but is {found}. {remedy}"
        )


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors or .pth file by name. Raises WeightsError for anything else."""
    if not path.is_file():
        raise WeightsError(f"weights: there is no file {path}. Check the path.")
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            tensors = load_file(path)
        else:
            tensors = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the readers raise whatever the damaged bytes lead them to
        raise WeightsError(
            f"weights: {path.name} cannot be read as .safetensors or .pth of plain tensors: {_first_line(error)}. "
            "Download or save it again, with torch.save(model.state_dict(), path)."
        ) from error
    if not isinstance(tensors, Mapping) or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise WeightsError(
            f"weights: expected tensors by name in {path.name}, got {type(tensors).__name__}. "
            "Save them with torch.save(model.state_dict(), path)."
        )
    return dict(tensors)


def fit_weights(network: nn.Module, tensors: Mapping[str, Tensor], source: str) -> None:
    """Load tensors into a network whose every tensor they have to match, in name and shape."""
    expected = network.state_dict()
    missing, left_over = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    if missing or left_over:
        raise WeightsError(
            f"the weights {source} are those of another network: it needs {len(expected)} tensors, "
            f"{len(missing)} are missing{_such_as(missing)}, {len(left_over)} are left over{_such_as(left_over)}."
        )
    for name, tensor in expected.items():
        if tensor.shape != tensors[name].shape:
            raise WeightsError(
                f"the weights {source} do not fit: {name} should be {tuple(tensor.shape)}, "
                f"but is {tuple(tensors[name].shape)}."
            )
    network.load_state_dict(dict(tensors))


def _such_as(names: list[str]) -> str:
    return f" ({names[0]})" if names else ""


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0].rstrip(".") or type(error).__name__
