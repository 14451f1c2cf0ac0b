"""The Gaussian blur of pictures: of the baseline, of the fill, and of whatever else is to show nothing in particular."""

import torch
from jaxtyping import Float
from scipy.ndimage import gaussian_filter
from torch import Tensor

from igref import arguments
from igref.images import PHOTO

# In pixels, for a photo: masks what is in the picture, leaves where it is bright. In proportion for other sizes.
# Source: P. Sturmfels, S. Lundberg, S.-I. Lee, Distill 2020, doi 10.23915/distill.00022, the blur of their ablations.
SIGMA_OF_PHOTO = 20.0
LARGEST_SIGMA = 10_000.0


def blurred(images: Float[Tensor, "N C H W"], sigma: float | None = None) -> Float[Tensor, "N C H W"]:
    """Images under a Gaussian filter over height and width, of the dtype and on the device that they have.

    Args:
        images: (N, C, H, W).
        sigma: in pixels, 0 to 10,000; 20 for 224 pixels and in proportion for others where it is left out.

    Raises:
        TypeError, ValueError: the images are not (N, C, H, W), or sigma is no such number.

    Example:
        >>> dot = torch.zeros(1, 1, 3, 3)
        >>> dot[..., 1, 1] = 1
        >>> blurred(dot, sigma=0.5)[0, 0, 1]
        tensor([0.0839, 0.6187, 0.0839])
    """
    if images.ndim != 4:
        raise ValueError(f"inputs: expected images (N, C, H, W) to blur, got shape {tuple(images.shape)}.")
    if sigma is None:
        sigma = SIGMA_OF_PHOTO * min(images.shape[2:]) / PHOTO
    sigma = arguments.number(sigma, "sigma", low=0, high=LARGEST_SIGMA)
    return torch.from_numpy(gaussian_filter(images.cpu().numpy(), sigma, axes=(2, 3))).to(images)
