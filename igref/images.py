"""Pictures as tensors (3, size, size) with pixels in [0, 1]: photos of installed packages, digits, and your own."""

import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from os import PathLike
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Float64, Int
from PIL import ExifTags, Image
from torch import Tensor

from igref import arguments

# Height and width that networks for ImageNet are made for, in pixels; they are tested on the centre of pictures whose
# shorter side is 256.
PHOTO = 224
CROP_SHARE = PHOTO / 256
SUFFIXES = (".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
OTHER_SUFFIXES = (
    *(".arw", ".cr2", ".dng", ".nef", ".orf", ".raf", ".rw2"),  # of cameras
    *(".avif", ".heic", ".heif", ".jp2", ".jxl"),
    *(".eps", ".ico", ".pgm", ".pnm", ".ppm", ".psd", ".svg", ".tga"),
)
# Sensors give 10 to 14 bits, and files keep them in 16, as they do masks of zeros and ones: whole numbers have the fewest
# of these bits that hold the largest.
BITS = (1, 8, 10, 12, 14, 16)
# Of colours of 16 bits only the upper 8 are read: this much, of 255, is then left of 14 bits, or fewer.
DARK = 63
ROUNDING = 0.01  # by which shares of 1 may leave [0, 1]
# How a picture is to be turned for each value of the tag Orientation, whose other values mean that it stays.
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# name: package, file in the package, ImageNet class, source and licence
_PHOTOS = {
    "chelsea": ("skimage", "data/chelsea.png", 282, "Stefan van der Walt, CC0, in scikit-image"),
    "coffee": ("skimage", "data/coffee.png", 967, "Rachel Michetti, CC0, in scikit-image"),
    "rocket": ("skimage", "data/rocket.jpg", 657, "SpaceX, public domain, in scikit-image"),
    "camera": ("skimage", "data/camera.png", 872, "Lav Varshney, CC0, in scikit-image"),
    "motorcycle": ("skimage", "data/motorcycle_left.png", 665, "Middlebury stereo benchmark 2014, in scikit-image"),
    "astronaut": ("skimage", "data/astronaut.png", None, "NASA, public domain, in scikit-image"),
    "clock": ("skimage", "data/clock_motion.png", 892, "Stefan van der Walt, public domain, in scikit-image"),
    "grace_hopper": (
        "matplotlib",
        "mpl-data/sample_data/grace_hopper.jpg",
        652,
        "US Navy, public domain, in matplotlib",
    ),
    "china": ("sklearn", "datasets/images/china.jpg", 698, "danielbuechele, CC BY 2.0, in scikit-learn"),
    "flower": ("sklearn", "datasets/images/flower.jpg", None, "vultilion, CC BY 2.0, in scikit-learn"),
}


class PictureError(ValueError):
    """A file that cannot be read as a picture. The message says which, and what to do."""


@dataclass(frozen=True)
class Photo:
    """A picture ready for a classifier.

    Attributes:
        name: a short name, unique among the photos loaded together.
        pixels: float32, in [0, 1].
        label: the ImageNet class (0 to 999) that describes it, or the nearest (a moped for a motorcycle); None where
            ImageNet has none, and for your own pictures.
        source: where it comes from, and its licence.
    """

    name: str
    pixels: Float[Tensor, "3 height width"]
    label: int | None
    source: str


def load_photos(size: int = PHOTO) -> list[Photo]:
    """Ten photos that come with scikit-image, matplotlib and scikit-learn; nothing is downloaded.

    A network gets some of them wrong (the astronaut, the clock, Grace Hopper): they are the lesson in debugging.

    Args:
        size: height and width in pixels, `model.input_size`. The shorter side is resized to size * 256 / 224
            (bicubic), then the centre is cut out, as in the models' own tests.

    Returns:
        The photos, always in the same order.

    Raises:
        TypeError, ValueError: size is not a whole number of at least 1.
        PictureError: a package or its picture is not installed.

    Example:
        >>> photos = load_photos()
        >>> len(photos), photos[0].name, photos[0].pixels.shape
        (10, 'chelsea', torch.Size([3, 224, 224]))
    """
    size = _checked_size(size)
    return [
        Photo(name, _read_picture(_package_folder(package) / file, size), label, source)
        for name, (package, file, label, source) in _PHOTOS.items()
    ]


def load_folder(folder: str | PathLike[str], size: int = PHOTO) -> list[Photo]:
    """Your own pictures: every picture file of a folder, by name. Grey, transparent, CMYK and palette are fine.

    Transparent parts become white, and a photo that its camera marked as turned is turned back. Whole numbers of more than
    8 bits are read as of 1, 8, 10, 12, 14 or 16, the fewest that hold the largest; floats as shares of 1, or of 255 where the
    largest is over 16. A file that cannot be read, and one of a format that is not read, is left out with a warning that
    names it; hidden files and folders are passed over.

    Args:
        folder: with files that end in .jpg (.jpeg, .jpe, .jfif), .png, .webp, .bmp, .gif (its first frame) or .tif.
        size: as for `load_photos`.

    Raises:
        TypeError, ValueError: size is not a whole number of at least 1.
        PictureError: there is no such folder, it holds no picture, or none of them can be read.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     Image.new("L", (300, 200), 255).save(f"{folder}/snow.png")
        ...     (snow,) = load_folder(folder)
        >>> snow.name, snow.pixels.shape, float(snow.pixels.min())
        ('snow', torch.Size([3, 224, 224]), 1.0)
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise PictureError(f"folder: there is no folder {folder}. Check the path.")
    size = _checked_size(size)
    visible = sorted(file for file in folder.iterdir() if file.is_file() and not file.name.startswith("."))
    files = [file for file in visible if file.suffix.lower() in SUFFIXES]
    left_out = [
        f"{file.name} is of a format that is not read. Save it as .png or .jpg."
        for file in visible
        if file.suffix.lower() in OTHER_SUFFIXES
    ]
    if not files:
        found = " ".join(left_out) or "found none."
        raise PictureError(f"folder: expected pictures ({', '.join(SUFFIXES)}) in {folder}, {found}")
    stems = [file.stem for file in files]
    photos = []
    for file in files:
        name = file.name if stems.count(file.stem) > 1 else file.stem
        try:
            photos.append(Photo(name, _read_picture(file, size), None, file.name))
        except PictureError as error:
            left_out.append(str(error))
    if not photos:
        raise PictureError(" ".join(left_out))
    for problem in left_out:
        warnings.warn(f"{folder}: left out: {problem}", stacklevel=2)
    return photos


def load_digits(part: str = "held_out") -> tuple[Float[Tensor, "N 1 8 8"], Int[Tensor, " N"]]:
    """Scikit-learn's handwritten digits, grey, with pixels in [0, 1], and their labels 0 to 9.

    Args:
        part: `train`, the 1347 that `digits_cnn` was trained on, or `held_out`, the 450 others.

    Raises:
        ValueError: there is no such part.

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998 (CC BY 4.0).

    Example:
        >>> pixels, labels = load_digits()
        >>> pixels.shape, float(pixels.max())
        (torch.Size([450, 1, 8, 8]), 1.0)
    """
    if part not in ("train", "held_out"):
        raise ValueError(f"part: expected 'train' or 'held_out', got {part!r}.")
    from sklearn.datasets import load_digits as load_sklearn_digits
    from sklearn.model_selection import train_test_split

    digits = load_sklearn_digits()
    rows = train_test_split(np.arange(len(digits.target)), test_size=450, stratify=digits.target, random_state=0)
    chosen = rows[("train", "held_out").index(part)]
    pixels = torch.from_numpy(digits.images[chosen]).float()[:, None] / 16
    return pixels, torch.from_numpy(digits.target[chosen])


def _package_folder(package: str) -> Path:
    # By path, not by skimage.data or sklearn.datasets: those take seconds to import, and may download.
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise PictureError(f"the photos need the package {package}, which is not installed: python -m igref.doctor")
    return Path(spec.origin).parent


def _checked_size(size: object) -> int:
    return arguments.count(size, "size")


def _read_picture(file: Path, size: int) -> Float[Tensor, "3 size size"]:
    """A picture file, resized and cropped to (3, size, size)."""
    try:
        with Image.open(file) as opened:
            # The tiles are gone once the pixels are read.
            deep = any(";16" in str(tile) for tile in getattr(opened, "tile", ()))
            turn = _TURNS.get(opened.getexif().get(ExifTags.Base.Orientation, 1))
            picture = _as_rgb(opened if turn is None else opened.transpose(turn))
            if deep and opened.mode.startswith("RGB") and np.asarray(picture).max() <= DARK:
                raise ValueError(
                    "its colours have 16 bits, of which only the upper 8 can be read, and these go up to a quarter of white"
                )
    except Exception as error:  # Pillow's readers raise whatever a damaged file makes them raise
        raise PictureError(
            f"{file.name} cannot be read as a picture ({error}). Open it in a picture viewer and save it as .png, "
            "or take it out of the folder."
        ) from error
    shorter = round(size / CROP_SHARE)
    scale = shorter / min(picture.size)
    width, height = (max(shorter, int(side * scale)) for side in picture.size)
    picture = picture.resize((width, height), Image.Resampling.BICUBIC)
    left, top = round((width - size) / 2), round((height - size) / 2)
    picture = picture.crop((left, top, left + size, top + size))
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous() / 255


def _as_rgb(picture: Image.Image) -> Image.Image:
    """Any mode as RGB; transparent parts on white."""
    if picture.mode.startswith("I") or picture.mode == "F":
        # Not by Pillow, which would cut off at 255.
        shares = _as_shares(np.asarray(picture, dtype=np.float64), whole=picture.mode != "F")
        return Image.fromarray(np.uint8(np.round(shares.clip(0, 1) * 255))).convert("RGB")
    if "transparency" in picture.info or picture.mode in ("RGBA", "LA", "PA", "La", "RGBa"):
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def _as_shares(values: Float64[np.ndarray, "height width"], *, whole: bool) -> Float64[np.ndarray, "height width"]:
    """Brightness in [0, 1], from values of which the file does not say which one is white."""
    if np.isnan(values).any():
        raise ValueError(f"{int(np.isnan(values).sum())} of its values are NaN")
    low, high = float(values.min()), float(values.max())
    if whole and low >= 0 and high < 2 ** BITS[-1]:
        return values / next(2**bits - 1 for bits in BITS if high < 2**bits)
    if not whole and low >= -ROUNDING and high <= 1 + ROUNDING:
        return values
    if not whole and low >= -ROUNDING and 16 < high <= 255 * (1 + ROUNDING):
        return values / 255
    raise ValueError(f"its values go from {low:.4g} to {high:.4g}, so that it is unclear which one is white")
