"""Small float64 networks and inputs, drawn from a seed."""

import torch
from torch import nn


def frozen(*layers: nn.Module, seed: int = 0) -> nn.Sequential:
    """A network in evaluation mode, float64, with weights drawn from the seed."""
    network = nn.Sequential(*layers).double().eval().requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for weights in network.parameters():
        weights.copy_(torch.randn(weights.shape, generator=generator, dtype=torch.float64) / 2)
    return network


def relu_network(seed: int = 0) -> nn.Sequential:
    """4 features, 3 classes, two hidden ReLU layers."""
    return frozen(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 3), seed=seed)


def softmax_network(seed: int = 0) -> nn.Sequential:
    """4 features, 3 class probabilities; smooth."""
    return frozen(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3), nn.Softmax(1), seed=seed)


def wide_relu_network(seed: int = 0) -> nn.Sequential:
    """400 features, 400 hidden units, 3 classes: hundreds of jumps along a path, none of which matters much."""
    return frozen(nn.Linear(400, 400), nn.ReLU(), nn.Linear(400, 3), seed=seed)


def pool_network(seed: int = 0) -> nn.Sequential:
    """Images 2 x 6 x 6, 3 classes; begins with an in-place ReLU, as networks do that are cut in two."""
    return frozen(
        nn.ReLU(inplace=True),
        nn.Conv2d(2, 4, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 2),
        nn.LeakyReLU(0.1),
        nn.Flatten(),
        nn.Linear(16, 3),
        seed=seed,
    )


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    """Float64 normal numbers drawn from the seed."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
