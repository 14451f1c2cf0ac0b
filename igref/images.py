"""Pictures as tensors (3, size, size) with pixels in [0, 1]: photos that come with installed packages."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor

# Models trained at 224 were tested on the central 224 of pictures whose shorter side is 256.
CROP_SHARE = 224 / 256


@dataclass(frozen=True)
class Photo:
    """A picture ready for a classifier.

    Attributes:
        name: a short name, unique among the photos.
        pixels: (3, size, size), float32, in [0, 1].
        label: the ImageNet class (0 to 999) that a person would give it, or None where ImageNet has none.
        source: where it comes from, and its licence.
    """

    name: str
    pixels: Float[Tensor, "3 height width"]
    label: int | None
    source: str


# name, package, file in the package, ImageNet class a person would give, source and licence
_SHIPPED = (
    ("chelsea", "skimage", "data/chelsea.png", 282, "Stefan van der Walt, CC0, in scikit-image"),
    ("coffee", "skimage", "data/coffee.png", 967, "Rachel Michetti, CC0, in scikit-image"),
    ("rocket", "skimage", "data/rocket.jpg", 657, "SpaceX, public domain, in scikit-image"),
    ("camera", "skimage", "data/camera.png", 872, "Lav Varshney, CC0, in scikit-image"),
    (
        "motorcycle",
        "skimage",
        "data/motorcycle_left.png",
        665,
        "Middlebury 2014 stereo benchmark (Scharstein et al.), in scikit-image",
    ),
    ("astronaut", "skimage", "data/astronaut.png", None, "NASA, public domain, in scikit-image"),
    ("clock", "skimage", "data/clock_motion.png", 892, "Stefan van der Walt, public domain, in scikit-image"),
    (
        "grace_hopper",
        "matplotlib",
        "mpl-data/sample_data/grace_hopper.jpg",
        652,
        "US Navy, public domain, in matplotlib",
    ),
    ("china", "sklearn", "datasets/images/china.jpg", 698, "danielbuechele, CC BY 2.0, in scikit-learn"),
    ("flower", "sklearn", "datasets/images/flower.jpg", 985, "vultilion, CC BY 2.0, in scikit-learn"),
)


def load_photos(size: int = 224) -> list[Photo]:
    """Ten photos that come with scikit-image, matplotlib and scikit-learn; nothing is downloaded.

    Some are classified wrongly on purpose: they are the lesson in debugging.

    Args:
        size: height and width in pixels, 224 for most ImageNet models. The shorter side is resized to size * 256 / 224
            (bicubic), then the centre is cut out, as in the models' own tests.

    Returns:
        The photos, always in the same order.

    Raises:
        ValueError: size is below 1.
        FileNotFoundError: a package or its picture is not installed.

    Example:
        >>> photos = load_photos()
        >>> len(photos), photos[0].name, photos[0].pixels.shape
        (10, 'chelsea', torch.Size([3, 224, 224]))
    """
    if size < 1:
        raise ValueError(f"size is the height and width in pixels, at least 1, but got {size}.")
    return [
        Photo(name, _read_pixels(_package_folder(package) / file, size), label, source)
        for name, package, file, label, source in _SHIPPED
    ]


def _package_folder(package: str) -> Path:
    # Reading the file by its path, not by skimage.data or sklearn.datasets: those import for seconds, and may download.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise FileNotFoundError(f"the photos need the package {package}, which is not installed: see README.md.")
    return Path(spec.origin).parent


def _read_pixels(path: Path, size: int) -> Float[Tensor, "3 height width"]:
    with Image.open(path) as picture:
        picture = picture.convert("RGB")
    shorter = round(size / CROP_SHARE)
    scale = shorter / min(picture.size)
    width, height = (max(shorter, int(side * scale)) for side in picture.size)
    picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    left, top = round((width - size) / 2), round((height - size) / 2)
    picture = picture.crop((left, top, left + size, top + size))
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous() / 255
