"""Train `digits_cnn` from scikit-learn's digits: `python -m igref.models.train_digits`, some seconds on a laptop.

The same machine and versions give the same weights, bit for bit; other machines round differently and may end a
digit or two away in accuracy.
"""

import argparse
from pathlib import Path

import torch
from torch import nn

from igref.images import load_digits
from igref.models.digits import WEIGHTS, build_network

EPOCHS = 30
BATCH_SIZE = 32
LEARNING_RATE = 2e-3
WEIGHT_DECAY = 1e-3
LARGEST_SHIFT = 1


def train(epochs: int = EPOCHS, seed: int = 0) -> nn.Sequential:
    """A trained network, the same for the same seed."""
    pixels, labels = load_digits("train")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build_network()
        optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        n_batches = epochs * -(-len(pixels) // BATCH_SIZE)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=n_batches)
        for _ in range(epochs):
            for rows in torch.randperm(len(pixels)).split(BATCH_SIZE):
                loss = nn.functional.cross_entropy(network(_shifted(pixels[rows])), labels[rows])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
    return network.eval()


@torch.no_grad()
def accuracy(network: nn.Module, part: str) -> float:
    """Share of the digits of a part, `train` or `held_out`, that the network gets right."""
    pixels, labels = load_digits(part)
    return float((network(pixels).argmax(1) == labels).double().mean())


def _shifted(pixels: torch.Tensor) -> torch.Tensor:
    """The batch moved by up to one pixel, the same way for all, so that the network does not count on the place."""
    down, right = torch.randint(-LARGEST_SHIFT, LARGEST_SHIFT + 1, (2,)).tolist()
    return torch.roll(nn.functional.pad(pixels, [LARGEST_SHIFT] * 4), (down, right), (2, 3))[
        ..., LARGEST_SHIFT:-LARGEST_SHIFT, LARGEST_SHIFT:-LARGEST_SHIFT
    ]


def main() -> None:
    from safetensors.torch import save_file

    parser = argparse.ArgumentParser(description="Train the digits network of the kit.")
    parser.add_argument("--output", type=Path, default=WEIGHTS, help="where to write the weights (.safetensors)")
    output = parser.parse_args().output
    torch.set_num_threads(1)  # sums over several threads round differently from run to run
    network = train()
    save_file({name: tensor.contiguous() for name, tensor in network.state_dict().items()}, output)
    print(f"{output}: {output.stat().st_size / 1000:.0f} kB")
    for part in ("train", "held_out"):
        print(f"accuracy on {part}: {accuracy(network, part):.2%}")


if __name__ == "__main__":
    main()
