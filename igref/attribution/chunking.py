"""How a long list of gradients is cut into batches that the machine likes.

Every input is paired with every node of its path, and the pairs go through the model in chunks of nearly
equal size, over inputs and nodes together. One batch of everything is slower on a CPU, and its memory grows
with the number of steps; chunks bound both. What is computed does not depend on how it is cut.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from igref import arguments, memory
from igref.images import PHOTO

FEWEST_PHOTOS = 17  # where freed memory is kept, on two cores 17 at a time take 0.83 of the time of 5
FEWEST_PHOTOS_GIVEN_BACK = 7  # where it is not, 7 take 0.96 of it, and 17 take 1.10
PHOTOS_PER_THREAD = 2
MOST_THREADS = 8
MOST_PHOTOS_ON_ACCELERATOR = 512  # on an H200 512 at a time take 0.7 of the time of 64, and no more are faster
PHOTOS_ELSEWHERE = 64  # on an accelerator that does not say how much memory it has
BYTES_A_PHOTO = 2 * 52 * 2**20  # twice the share of a photo in the 26 GiB of a batch of 512, EfficientNet-Lite0
LARGEST_CHUNK = 1024
SMALLEST_USUAL_BATCH = 32
WORTH_A_BATCH = 48  # points


def chunk_size_for(inputs: Tensor, chunk_size: int | None = None) -> int:
    """How many inputs go through the model at a time: as asked, or chosen for their size and the machine.

    >>> chunk_size_for(torch.zeros(2, 5), chunk_size=7)
    7
    >>> chunk_size_for(torch.zeros(2, 5))
    1024
    """
    if chunk_size is not None:
        return arguments.count(chunk_size, "chunk_size")
    if inputs.device.type == "cuda":
        photos = photos_in(torch.cuda.mem_get_info(inputs.device)[0])
    elif inputs.device.type != "cpu":
        photos = PHOTOS_ELSEWHERE
    else:
        fewest = FEWEST_PHOTOS if memory.can_be_kept() else FEWEST_PHOTOS_GIVEN_BACK
        photos = max(fewest, PHOTOS_PER_THREAD * min(torch.get_num_threads(), MOST_THREADS))
    return max(1, min(LARGEST_CHUNK, photos * 3 * PHOTO**2 // inputs[0].numel()))


def photos_in(free_bytes: int) -> int:
    """How many photos go through a model at a time in half of the memory that an accelerator has free.

    >>> photos_in(139 * 2**30), photos_in(8 * 2**30), photos_in(2**20)
    (512, 39, 1)
    """
    return max(1, min(MOST_PHOTOS_ON_ACCELERATOR, free_bytes // 2 // BYTES_A_PHOTO))


def on_accelerator(inputs: Tensor) -> bool:
    """Whether a batch costs much beside its points: each of its kernels is launched from the CPU."""
    return inputs.device.type != "cpu"


def batches(n_points: int, size: int, inputs: Tensor) -> Iterator[tuple[slice, int]]:
    """Which of so many points go through the model together, at most `size`, and filled up to how many.

    On an accelerator these are powers of two, at least 32. cuDNN plans each convolution anew for each size of batch that it
    has not seen, on an H200 for about 5 seconds in all of EfficientNet-Lite0, where a batch of 16 photos takes 10 ms, one of
    32 takes 12, and from 64 on it is 3 ms and 0.2 ms a photo: few sizes cost less than few points, and a batch more is worth
    some fifty points that only fill up.

    >>> [n for _, n in batches(20, 8, torch.zeros(1, 5))], [n for _, n in batches(400, 512, torch.zeros(1, 5, device="meta"))]
    ([6, 7, 7], [256, 128, 32])
    """
    if not on_accelerator(inputs):
        for some, _ in chunks(n_points, 1, size):
            yield slice(int(some[0]), int(some[-1]) + 1), len(some)
        return
    start, smallest = 0, min(SMALLEST_USUAL_BATCH, size)
    while start < n_points:
        left = n_points - start
        filled = max(smallest, 1 << (left - 1).bit_length())
        while filled > max(size, smallest) or (filled > smallest and filled - left >= WORTH_A_BATCH):
            filled = max(smallest, filled // 2)
        yield slice(start, start := min(start + filled, n_points)), filled


def chunks(n_inputs: int, n_nodes: int, size: int) -> Iterator[tuple[Tensor, Tensor]]:
    """All pairs (index of an input, index of a node), input by input, in chunks of at most `size`.

    Chunks differ by one pair at most: 50 pairs, at most 8 at a time, are 7 chunks of 7 or 8.

    >>> [list(zip(i.tolist(), k.tolist())) for i, k in chunks(2, 2, size=3)]
    [[(0, 0), (0, 1)], [(1, 0), (1, 1)]]
    """
    n_pairs = n_inputs * n_nodes
    n_chunks = -(-n_pairs // size)
    for part in range(n_chunks):
        pairs = torch.arange(part * n_pairs // n_chunks, (part + 1) * n_pairs // n_chunks)
        yield pairs // n_nodes, pairs % n_nodes


def rows_of(points: Tensor) -> Tensor:
    """Points (B, *shape) as rows (B, F); of images in the order of `image_layout`, which then costs no copy.

    >>> points_of(rows_of(torch.arange(12.0).view(1, 3, 2, 2)), (3, 2, 2)).flatten()
    tensor([ 0.,  1.,  2.,  3.,  4.,  5.,  6.,  7.,  8.,  9., 10., 11.])
    """
    return (points.permute(0, 2, 3, 1) if points.ndim == 4 else points).flatten(1)


def points_of(rows: Tensor, shape: Sequence[int]) -> Tensor:
    """What rows (..., F) were made of, (..., *shape)."""
    if len(shape) != 3:
        return rows.unflatten(-1, tuple(shape))
    channels, height, width = shape
    return rows.unflatten(-1, (height, width, channels)).movedim(-1, -3)


def image_layout(points: Tensor) -> Tensor:
    """Images (B, C, H, W) in channels_last memory, where convolutions are fastest; the rest as it is."""
    if points.ndim == 4:
        return points.contiguous(memory_format=torch.channels_last)
    return points
