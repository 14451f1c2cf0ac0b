"""What counts as ten different pictures: copies and noise do not, whatever was done to them."""

import pytest
import torch
from torch.nn.functional import interpolate

import igref
from autograder.judge.deadline import Deadline
from autograder.judge.studies import pictures
from autograder.judge.studies.pictures import images_fault

DIGITS = igref.load_digits("held_out")[0][:10]


def without_the_last(copy):
    """Nine digits, and something made of one of them."""
    return torch.cat([DIGITS[:9], copy(DIGITS[3:4]).clamp(0, 1)])


def noisy(x):
    return x + 0.01 * torch.randn(x.shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "copy",
    [
        lambda x: x,
        lambda x: x.roll(1, 3),
        lambda x: x.roll((2, 5), (2, 3)),
        lambda x: 1 - x,
        lambda x: x**2.2,
        lambda x: 0.3 + 0.4 * x,
        lambda x: x.flip(3),
        lambda x: x.rot90(1, (2, 3)),
        lambda x: 1 - x.flip(2).roll(3, 2) ** 0.5,
        noisy,
    ],
)
def test_a_copy_is_no_other_picture(copy):
    fault = images_fault(without_the_last(copy), 10)
    assert fault.mistake == "images_repeated" and "images 3 and 9" in fault.seen


@pytest.mark.parametrize("copy", [lambda x: x, lambda x: x.roll((2, 5), (2, 3))])
def test_a_copy_beside_ten_others_takes_nothing_from_them(copy):
    """A drawing may be another's copy by chance: a frame shifted by half its width is a cross."""
    assert not images_fault(torch.cat([DIGITS, copy(DIGITS[3:4])]), 11).seen
    assert images_fault(torch.cat([without_the_last(copy), copy(DIGITS[4:5])]), 11).mistake == "images_repeated"


def test_no_more_pictures_are_compared_than_ten_that_differ(monkeypatch):
    compared = []
    is_among = pictures._is_among
    monkeypatch.setattr(pictures, "_is_among", lambda *both: compared.append(1) or is_among(*both))
    assert not images_fault(torch.cat([DIGITS, *[noisy(DIGITS)] * 2]), 30).seen
    assert len(compared) == 45


def test_where_feedback_has_no_time_for_the_comparison_it_says_so():
    deadline = Deadline(1e-9)
    assert not images_fault(without_the_last(noisy), 10, deadline).seen
    assert "some of the pictures are copies or parts of others" in deadline.told()[0]


def test_noise_is_no_picture_but_may_lie_beside_ten():
    generator = torch.Generator().manual_seed(1)
    noise = torch.rand(10, 1, 8, 8, generator=generator)
    assert images_fault(noise, 10).mistake == "images_blank"
    assert images_fault(torch.rand(10, 3, 40, 30, generator=generator), 10).mistake == "images_blank"
    assert not images_fault(torch.cat([DIGITS, noise[:1]]), 11).seen


def test_a_hundred_digits_and_the_photos_are_all_different():
    digits = igref.load_digits()[0]
    assert not any(images_fault(digits[k : k + 20], 20).seen for k in range(0, 100, 20))
    photos = torch.stack([photo.pixels for photo in igref.load_photos(64)])
    assert not images_fault(photos, len(photos)).seen
    assert images_fault(torch.cat([photos[:9], photos[:1, :, :, range(-9, 55)]]), 10).mistake == "images_repeated"


def cut(photo, k):
    """A random part of a photo, a half to all of its width, as large as the photo; every second one mirrored and pale."""
    generator = torch.Generator().manual_seed(k)
    side = int(64 * (0.5 + 0.5 * torch.rand(1, generator=generator)))
    top, left = (int(torch.randint(0, 65 - side, (1,), generator=generator)) for _ in range(2))
    part = interpolate(photo[None, :, top : top + side, left : left + side], size=(64, 64), mode="bilinear")[0]
    return (0.1 + 0.8 * part).flip(-1) if k % 2 else part


@pytest.mark.parametrize(
    "change", [cut, lambda photo, k: igref.zoom(photo, 1 + 0.12 * k)], ids=["cuts", "enlargements"]
)
def test_ten_parts_of_a_photo_are_not_ten_pictures(change):
    for number in (0, 5):
        photo = igref.load_photos(64)[number].pixels
        fault = images_fault(torch.stack([change(photo, k) for k in range(10)]), 10)
        assert fault.mistake == "images_repeated" and "cut from one picture" in fault.seen


def test_digits_and_drawings_drawn_large_are_different():
    large = interpolate(DIGITS, size=(64, 64), mode="bilinear")
    assert not images_fault(large, 10).seen
    flat = torch.full((1, 64, 64), 0.5)
    assert not images_fault(
        torch.cat([large, torch.stack([flat]).clone().index_fill_(3, torch.tensor([3]), 0.0)]), 11
    ).seen
