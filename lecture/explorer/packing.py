"""Pictures and maps as a page can hold them: lossless WebP, as it is or in data URLs."""

from base64 import b64encode
from io import BytesIO

import numpy as np
from jaxtyping import Float
from PIL import Image
from torch import Tensor

# A map is mostly small values with a few large ones. Levels that lie closer near zero show it with few of them, and few
# levels pack well: half the bytes of 8 bits, and on the screen the same map.
LEVELS = 15  # on each side of zero
EXPONENT = 0.6
SHEET_COLUMNS = 10  # a WebP picture may be 16383 pixels high, less than a strip of all frames


def picture(image: Float[Tensor, "3 height width"]) -> bytes:
    """A picture with pixels in [0, 1], in 8 bits, as a file."""
    return _webp((255 * image.permute(1, 2, 0)).round().clamp(0, 255).byte().numpy())


def picture_url(image: Float[Tensor, "3 height width"]) -> str:
    """A picture with pixels in [0, 1], in 8 bits."""
    return _url(picture(image))


def sheet_url(maps: Float[Tensor, "K rows columns"]) -> tuple[str, list[float]]:
    """Signed maps as grey frames on one sheet, row by row with `SHEET_COLUMNS` in each, and the limit of each.

    A value v of a map with limit m becomes the level LEVELS sign(v) |v / m|^EXPONENT, rounded. A frame holds 128 plus
    what the levels of its map are above those of the map before: neighbours on the path are alike, which saves a third.
    """
    values = maps.double().numpy()
    limits = np.abs(values).max((1, 2))
    share = values / np.where(limits > 0, limits, 1)[:, None, None]
    levels = np.round(LEVELS * np.sign(share) * np.abs(share) ** EXPONENT)
    grey = np.uint8(128 + np.diff(levels, axis=0, prepend=0))
    missing = -len(grey) % SHEET_COLUMNS
    grey = np.concatenate([grey, np.full((missing, *grey.shape[1:]), 128, dtype=np.uint8)])
    frames = grey.reshape(-1, SHEET_COLUMNS, *grey.shape[1:])
    sheet = frames.transpose(0, 2, 1, 3).reshape(-1, SHEET_COLUMNS * grey.shape[2])
    return _url(_webp(sheet)), [float(f"{limit:.5g}") for limit in limits]


def _webp(pixels: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, quality=60, method=4)
    return buffer.getvalue()


def _url(webp: bytes) -> str:
    return "data:image/webp;base64," + b64encode(webp).decode("ascii")
