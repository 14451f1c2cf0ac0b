"""Pictures: the photos, one's own in every mode, and changes to them."""

import struct
import subprocess
import sys
import warnings
import zlib

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from igref.images import PictureError, load_digits, load_folder, load_photos
from igref.models import load_model
from igref.transforms import rotate, shift, top_classes, top_classes_table, zoom


def test_at_least_ten_photos_in_pixel_space():
    photos = load_photos()
    assert len({photo.name for photo in photos}) == len(photos) >= 10
    for photo in photos:
        assert photo.pixels.shape == (3, 224, 224) and photo.pixels.dtype == torch.float32
        assert 0 <= photo.pixels.min() < photo.pixels.max() <= 1
        assert photo.label is None or 0 <= photo.label < 1000
        assert " in " in photo.source


@pytest.mark.parametrize("size", (1, 32, 299))
def test_photos_of_another_size(size):
    assert {photo.pixels.shape for photo in load_photos(size)} == {(3, size, size)}


def test_preprocessing_is_that_of_torchvision():
    from matplotlib.cbook import get_sample_data

    from igref.torchvision_import import import_torchvision

    import_torchvision()
    from torchvision.transforms import functional as F  # noqa: N812

    with Image.open(get_sample_data("grace_hopper.jpg", asfileobj=False)) as picture:
        resized = F.resize(picture, 256, F.InterpolationMode.BICUBIC)
    expected = F.to_tensor(F.center_crop(resized, 224))
    (photo,) = (photo for photo in load_photos() if photo.name == "grace_hopper")
    assert torch.equal(photo.pixels, expected)


def test_photos_are_read_without_their_packages_and_without_a_network():
    code = (
        "import socket, sys\n"
        "def refuse(*args, **kwargs): raise OSError('no network in this test')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "from igref.images import load_photos; load_photos(32)\n"
        "assert not {'skimage', 'sklearn', 'matplotlib', 'pooch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("size, error", [(0, ValueError), (-3, ValueError), (2.5, TypeError), ("big", TypeError)])
def test_a_size_that_is_none(size, error, unchecked_signatures):
    with pytest.raises(error, match="size: expected"):
        load_photos(size)


def test_a_package_that_is_not_installed(monkeypatch):
    monkeypatch.setattr("igref.images.find_spec", lambda package: None)
    with pytest.raises(PictureError, match="need the package skimage, which is not installed"):
        load_photos()


GREY = 102  # of 255


def _pictures() -> dict[str, tuple[Image.Image, tuple[float, float, float]]]:
    """Pictures in every mode, all of one colour, and the colour they are to be read as."""
    red = Image.new("RGB", (40, 30), (255, 0, 0))
    half = Image.new("RGBA", (40, 30), (255, 0, 0, 0))
    palette = red.convert("P")
    grey = GREY / 255
    return {
        "grey.png": (Image.new("L", (40, 30), GREY), (grey,) * 3),
        "bits.png": (Image.new("1", (40, 30), 1), (1.0, 1.0, 1.0)),
        "palette.png": (palette, (1.0, 0.0, 0.0)),
        "transparent.png": (half, (1.0, 1.0, 1.0)),
        "opaque.png": (Image.new("RGBA", (40, 30), (255, 0, 0, 255)), (1.0, 0.0, 0.0)),
        "grey_alpha.png": (Image.new("LA", (40, 30), (GREY, 255)), (grey,) * 3),
        "cmyk.tif": (Image.new("CMYK", (40, 30), (0, 255, 255, 0)), (1.0, 0.0, 0.0)),
        "sixteen.png": (Image.fromarray(np.full((30, 40), GREY * 257, np.uint16)), (grey,) * 3),
        "float.tif": (Image.fromarray(np.full((30, 40), grey, np.float32)), (grey,) * 3),
        "frame.gif": (palette, (1.0, 0.0, 0.0)),
    }


@pytest.mark.parametrize("name", _pictures())
def test_every_mode_becomes_rgb(name, tmp_path):
    picture, color = _pictures()[name]
    picture.save(tmp_path / name)
    (photo,) = load_folder(tmp_path, size=16)
    assert photo.pixels.shape == (3, 16, 16) and photo.label is None
    expected = torch.tensor(color)[:, None, None].expand(3, 16, 16)
    assert torch.allclose(photo.pixels, expected, atol=2 / 255)


def test_turned_photos_are_turned_back(tmp_path):
    picture = Image.new("RGB", (20, 20), "black")
    picture.paste("white", (0, 0, 20, 10))  # white above, black below
    exif = picture.getexif()
    exif[0x0112] = 3  # shown upside down
    picture.save(tmp_path / "turned.png", exif=exif)
    (photo,) = load_folder(tmp_path, size=14)
    assert photo.pixels[:, 0].max() == 0 and photo.pixels[:, -1].min() == 1


def test_a_folder_is_read_by_name_and_other_files_are_left_out(tmp_path):
    for name in ("b.png", "a.jpg", "b.jpg"):
        Image.new("RGB", (30, 30)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    assert [photo.name for photo in load_folder(str(tmp_path), 8)] == ["a", "b.jpg", "b.png"]


def test_folders_and_files_that_cannot_be_read(tmp_path):
    with pytest.raises(PictureError, match=r"there is no folder .*nowhere. Check the path"):
        load_folder(tmp_path / "nowhere")
    with pytest.raises(PictureError, match=r"expected pictures \(.bmp, .*found none"):
        load_folder(tmp_path)
    Image.new("RGB", (300, 300)).save(tmp_path / "whole.png")
    data = (tmp_path / "whole.png").read_bytes()
    for name, content in {"text.png": b"not a picture", "half.png": data[: len(data) // 2], "empty.jpg": b""}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.warns(UserWarning, match=f"left out: {name} cannot be read as a picture .*save it as .png"):
            assert [photo.name for photo in load_folder(tmp_path, 8)] == ["whole"]
        (tmp_path / name).unlink()
    (tmp_path / "whole.png").write_bytes(b"not a picture")
    with pytest.raises(PictureError, match=r"whole.png cannot be read as a picture"):
        load_folder(tmp_path)


RAMP = (np.add.outer(np.arange(300), np.arange(400)) % 256).astype(np.uint8)


@pytest.mark.parametrize(
    "values",
    [
        RAMP.astype(np.float32),
        (RAMP / 255 * 1.0001).astype(np.float32),
        RAMP.astype(np.int32),
        RAMP.astype(np.uint16),
        RAMP.astype(np.uint16) * 4,
        RAMP.astype(np.uint16) * 16,
        RAMP.astype(np.uint16) * 64,
        RAMP.astype(np.uint16) * 257,
        RAMP.astype(np.int32) * 257,
        (RAMP > 127).astype(np.uint16),
    ],
)
def test_the_range_of_a_picture_is_found(values, tmp_path):
    Image.fromarray(values).save(tmp_path / "ramp.tif")
    (photo,) = load_folder(tmp_path)
    assert float(photo.pixels.mean()) == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        (np.where(RAMP == 7, np.nan, RAMP / 255), "are NaN"),
        (RAMP / 50.0, "from 0 to 5.1, so that it is unclear which one is white"),
        (RAMP - 128.0, "from -128 to 127, so that"),
        (RAMP * np.inf, "NaN"),
    ],
)
def test_a_picture_of_unclear_range_is_named(values, why, tmp_path):
    Image.fromarray(values.astype(np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(PictureError, match=f"a.tif cannot be read as a picture .*{why}"):
        load_folder(tmp_path)


@pytest.mark.parametrize("bits", (8, 12, 14, 16))
def test_colours_of_16_bits_are_not_read_as_black(bits, tmp_path):
    """Pillow reads the upper 8 of each colour's 16 bits."""
    rows = np.repeat(RAMP[:64, :64, None].astype(np.uint16) << (bits - 8), 3, axis=2).astype(">u2")
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 64, 64, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))),
        (b"IEND", b""),
    ]
    png = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + png)
    if bits < 16:
        with pytest.raises(PictureError, match=r"a.png cannot be read as a picture .its colours have 16 bits"):
            load_folder(tmp_path)
    else:
        (photo,) = load_folder(tmp_path)
        assert float(photo.pixels.mean()) == pytest.approx(RAMP[:64, :64].mean() / 255, abs=0.01)


def test_a_photo_with_damaged_exif_is_turned_all_the_same(tmp_path):
    picture = Image.new("RGB", (20, 20), "black")
    picture.paste("white", (0, 0, 20, 10))
    turned, resolution = struct.pack("<HHII", 0x0112, 3, 1, 3), struct.pack("<HHII", 0x011A, 10, 1, 38)  # -1/0
    tags = struct.pack("<H", 2) + turned + resolution + struct.pack("<I", 0) + struct.pack("<ii", -1, 0)
    picture.save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0" + tags)
    (photo,) = load_folder(tmp_path, size=14)
    assert photo.pixels[:, 0].max() < 0.1
    assert photo.pixels[:, -1].min() > 0.9


def test_what_else_lies_in_a_folder(tmp_path):
    picture = Image.new("RGB", (30, 30))
    picture.save(tmp_path / "a.jpg")
    picture.save(tmp_path / "c.jfif", "JPEG")
    (tmp_path / "._a.jpg").write_bytes(b"\0\5\x16\7" + bytes(200))  # macOS keeps a file's attributes so
    (tmp_path / "old.png").mkdir()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert [photo.name for photo in load_folder(tmp_path, 8)] == ["a", "c"]
    for other in ("b.HEIC", "d.tga"):
        (tmp_path / other).write_bytes(b"\0\0\0\x18ftypheic")
        with pytest.warns(
            UserWarning, match=rf"left out: {other} is of a format that is not read. Save it as .png or .jpg"
        ):
            assert [photo.name for photo in load_folder(tmp_path, 8)] == ["a", "c"]


def test_digits_in_pixel_space():
    pixels, labels = load_digits()
    assert pixels.shape == (450, 1, 8, 8) and pixels.dtype == torch.float32
    assert pixels.min() >= 0 and pixels.max() == 1 and set(labels.tolist()) == set(range(10))
    with pytest.raises(ValueError, match="part: expected 'train' or 'held_out', got 'test'"):
        load_digits("test")


IMAGE = torch.rand(3, 12, 17, generator=torch.Generator().manual_seed(0))


def test_rotating_by_right_angles_is_exact():
    square = IMAGE[:, :, :12]
    assert torch.allclose(rotate(square, 90), torch.rot90(square, 1, (1, 2)), atol=1e-5)
    assert torch.allclose(rotate(IMAGE, 180), torch.rot90(IMAGE, 2, (1, 2)), atol=1e-5)
    assert torch.allclose(rotate(IMAGE, -360), IMAGE, atol=1e-5)


def test_rotating_keeps_circles_round():
    height, width = 21, 41
    y, x = torch.meshgrid(torch.arange(height) - 10.0, torch.arange(width) - 20.0, indexing="ij")
    disc = (torch.hypot(x, y) <= 6).float()[None]
    assert float((rotate(disc, 30) - disc).abs().mean()) < 0.02


def test_zooming_in_shows_the_centre():
    ramp = torch.linspace(0, 1, 40).expand(1, 40, 40)
    closer = zoom(ramp, 2)
    expected = torch.linspace(float(ramp[0, 0, 9:11].mean()), float(ramp[0, 0, 29:31].mean()), 41)
    middle = (expected[1:] + expected[:-1]) / 2
    assert torch.allclose(closer[0, 0], middle, atol=5e-3)
    assert torch.allclose(zoom(IMAGE, 1), IMAGE, atol=1e-5)


@given(st.integers(-11, 11), st.integers(-16, 16))
def test_shifting_there_and_back_keeps_the_inside(down, right):
    moved = shift(IMAGE, down, right)
    assert moved.shape == IMAGE.shape
    inside = moved[:, max(down, 0) : 12 + min(down, 0), max(right, 0) : 17 + min(right, 0)]
    original = IMAGE[:, max(-down, 0) : 12 + min(-down, 0), max(-right, 0) : 17 + min(-right, 0)]
    assert torch.equal(inside, original)


@given(st.floats(0.1, 10), st.floats(-360, 360))
def test_changes_stay_in_pixel_space(factor, degrees):
    for changed in (zoom(IMAGE, factor), rotate(IMAGE, degrees)):
        assert changed.shape == IMAGE.shape and changed.min() >= 0 and changed.max() <= 1


@pytest.mark.parametrize(
    "change, error, says",
    [
        (lambda: zoom(IMAGE, 0), ValueError, "factor: expected a number from 0.1 to 10, got 0"),
        (lambda: zoom(IMAGE, "twice"), TypeError, "factor: expected a number"),
        (lambda: rotate(IMAGE, 361), ValueError, "degrees: expected a number from -360 to 360"),
        (lambda: shift(IMAGE, 12, 0), ValueError, "expected less than the picture's 12 x 17"),
        (lambda: shift(IMAGE, 0.5, 0), TypeError, "down: expected a whole number"),
        (lambda: zoom(IMAGE[None], 2), ValueError, r"expected one picture \(C, H, W\), got shape \(1, 3, 12, 17\)"),
        (lambda: zoom(IMAGE * float("nan"), 2), ValueError, "image: expected finite values"),
        (lambda: zoom((IMAGE * 255).byte(), 2), TypeError, "image: expected float32 or float64, got uint8"),
        (lambda: top_classes(torch.softmax, IMAGE), TypeError, "model: expected what igref.load_model returns"),
        (lambda: top_classes(load_model("digits_cnn"), IMAGE[:1], n=0), ValueError, "n: expected a whole number"),
    ],
)
def test_wrong_arguments(change, error, says, unchecked_signatures):
    with pytest.raises(error, match=says):
        change()


def test_top_classes_are_sorted_and_named():
    model, (pixels, labels) = load_model("digits_cnn"), load_digits()
    best = top_classes(model, pixels[0])
    assert len(best) == 5 and best == sorted(best, key=lambda pair: -pair[1])
    assert best[0][0] == str(int(labels[0]))
    assert sum(share for _, share in top_classes(model, pixels[0], n=99)) == pytest.approx(1, abs=1e-5)
    table = top_classes_table(model, {"original": pixels[0], "shifted": shift(pixels[0], 2, 2)})
    assert len(table.splitlines()) == 6 and table.splitlines()[0].split() == ["original", "shifted"]
