"""Models of torchvision and timm: their names, their own weights and normalisation, or weights from a local file."""

import socket
import sys
from collections.abc import Callable
from contextlib import redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlparse
from urllib.request import getproxies

from igref.models.classifier import Classifier
from igref.models.files import WeightsError, fit_weights, read_weights
from igref.torchvision_import import import_torchvision


@dataclass(frozen=True)
class Collection:
    """The models of one package: all their names, and a loader of (name, local file or None)."""

    names: Callable[[], list[str]]
    load: Callable[[str, Path | None], Classifier]


def _torchvision_names() -> list[str]:
    models = import_torchvision().models
    return models.list_models(module=models)


def _load_torchvision(name: str, path: Path | None) -> Classifier:
    models = import_torchvision().models
    published = models.get_model_weights(name).DEFAULT
    if path is None:
        network = _downloaded(
            f"torchvision/{name}", lambda: models.get_model(name, weights=published, progress=False), published.url
        )
    else:
        # The published Inception files hold auxiliary heads, and normalise once more as in TensorFlow.
        inception = {"transform_input": True, "init_weights": False, "aux_logits": True}
        network = models.get_model(name, weights=None, **(inception if name in ("googlenet", "inception_v3") else {}))
        fit_weights(network, read_weights(path), path.name)
    usual = published.transforms()
    return Classifier(
        network,
        f"torchvision/{name}",
        published.meta["categories"],
        mean=usual.mean,
        std=usual.std,
        input_size=usual.crop_size[0],
    )


def _timm_names() -> list[str]:
    import_torchvision()
    import timm

    return timm.list_models(pretrained=True) + timm.list_models()


def _load_timm(name: str, path: Path | None) -> Classifier:
    import_torchvision()
    import timm

    config: Any = timm.get_pretrained_cfg(name)
    path = path or _cached_by_timm(config)
    if path is None:
        from huggingface_hub import constants

        address = constants.ENDPOINT if config.hf_hub_id else config.url
        network = _downloaded(f"timm/{name}", lambda: timm.create_model(name, pretrained=True), address)
    else:
        # timm renames the tensors of older files while it reads them, so it has to read the file itself.
        read_weights(path)
        try:
            network = timm.create_model(name, pretrained=True, pretrained_cfg_overlay={"file": str(path)})
        except (RuntimeError, KeyError) as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise WeightsError(f"the weights {path.name} do not fit timm/{name}: {reason}") from error
    return Classifier(
        network,
        f"timm/{name}",
        _categories(config),
        mean=config.mean,
        std=config.std,
        input_size=config.input_size[-1],
    )


def _cached_by_timm(config) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    if not config.hf_hub_id:
        return None
    found = try_to_load_from_cache(config.hf_hub_id, "model.safetensors")
    return Path(found) if isinstance(found, str) else None


def _categories(config) -> list[str]:
    from timm.data import ImageNetInfo, infer_imagenet_subset

    if config.num_classes == 1000:
        models = import_torchvision().models
        return models.EfficientNet_B0_Weights.DEFAULT.meta["categories"]
    subset = infer_imagenet_subset(config)
    return (
        list(ImageNetInfo(subset).label_descriptions()) if subset else [f"class {k}" for k in range(config.num_classes)]
    )


def _downloaded(name: str, load: Callable, address: str | None):
    """Load a network with its own weights, which may be in a cache; say what to do where they cannot be had."""
    remedy = (
        f"Connect to the internet once, and load_model({name!r}) keeps them; or fetch the file elsewhere and call "
        f"load_model({name!r}, weights=path); or use 'efficientnet_lite0', which needs no network."
    )
    try:
        if name.startswith("timm/") and not getproxies():  # timm would try for a minute before it gives up
            socket.getaddrinfo(urlparse(address).hostname, 443)
        with redirect_stderr(sys.stdout):  # a graded notebook cell loses its points for a line on standard error
            return load()
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise WeightsError(
            f"the weights of {name} are not on this machine and cannot be downloaded ({reason}). {remedy}"
        ) from error
    except RuntimeError as error:
        raise WeightsError(f"the weights of {name} cannot be used: {str(error).splitlines()[0]}. {remedy}") from error


TORCHVISION = Collection(_torchvision_names, _load_torchvision)
TIMM = Collection(_timm_names, _load_timm)
