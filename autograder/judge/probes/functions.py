"""The questions a student's function is asked: small networks, inputs and targets, drawn from a seed.

Every run draws its own, so there is nothing to hard-code. Each probe tests one property and is
otherwise harmless: only the probes of "baseline" have a baseline that is not zero, only those of
"target" ask for a class that is not the top one. So a single fault loses a single property's points.

The step counts of each property begin with a prime number and go on with an even one: what goes wrong where a count is odd, or
no multiple of a batch, goes wrong whatever the seed.

The last probes of each function come from wide ranges of what the others hold small: steps, size, classes, number format, and
inputs that are the baseline's in places. A function that is right for small questions alone is not right.
"""

from __future__ import annotations

import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from autograder.student import networks
from autograder.student.networks import Network

CLASSES = 4
PRIMES = (11, 13, 17, 19, 23)
LARGER_PRIMES = (29, 31, 37, 41, 43, 47, 53, 59)
MANY_PRIMES = tuple(n for n in range(101, 251) if all(n % k for k in range(2, 16)))
MOST_PRIMES = tuple(n for n in range(251, 600) if all(n % k for k in range(2, 25)))
REFERENCE_SEEDS = (0, 1)
"""What a known composition breaks is asked of these probes, the same for every student."""


@dataclass(frozen=True)
class Probe:
    """One question. `x` and `baseline` are of shape `(*shape)`, float32, or float64 in one of them; `n_steps` is at least 1.

    `again`: the same `x` was asked about before, from the same `baseline` or another; nothing of that may be left.
    """

    name: str
    asks_about: str
    network: Network
    x: Tensor
    baseline: Tensor
    target: int
    n_steps: int
    again: bool = False


def keyed_seed(key: bytes, *names: str) -> int:
    """A seed that only the holder of `key` can foresee: HMAC-SHA256 of the names, as an integer.

    >>> keyed_seed(b"k", "ps1", "ada") == keyed_seed(b"k", "ps1", "ada") != keyed_seed(b"k", "ps1", "bob")
    True
    """
    message = "\0".join(names).encode()
    return int.from_bytes(hmac.digest(key, message, hashlib.sha256)[:8], "big")


def integrated_gradients_probes(seed: int) -> list[Probe]:
    """The probes for `integrated_gradients(forward, x, baseline, target, n_steps)`."""
    draw = _Draw(seed, "integrated_gradients")
    return [
        draw.probe("affine function", "linear", draw.affine, (7,)),
        draw.probe("affine function of an image", "linear", draw.affine, (3, 5, 4)),
        draw.probe("polynomial", "polynomial", draw.polynomial),
        draw.probe("polynomial with its bend in the middle", "polynomial", draw.bent_polynomial),
        draw.probe("product of neighbours", "polynomial", draw.product),
        draw.probe("ReLU network", "networks", draw.relu_network),
        draw.probe("softmax network", "networks", draw.softmax_network),
        draw.probe("convolutional network on an image", "networks", draw.convolutional_network, (3, 6, 6)),
        draw.probe("saturated ReLU", "saturation", draw.saturating),
        *draw.two_baselines(),
        draw.probe(
            "softmax network on an image, baseline not zero",
            "baseline",
            draw.softmax_network,
            (1, 4, 4),
            zero_baseline=False,
        ),
        draw.with_a_negative_score("polynomial, not the top class", "target", draw.polynomial),
        draw.probe("softmax network, not the top class", "target", draw.softmax_network, top_class=False),
        *draw.two_step_counts(),
        draw.larger_picture("networks"),
        draw.many_steps(),
        draw.many_classes(),
        draw.probe("network that is flat at x", "saturation", draw.switching_off, n_steps=45),
        draw.most_steps(),
        draw.from_white(),
    ]


def input_gradient_probes(seed: int) -> list[Probe]:
    """The probes for `input_gradient(forward, x, target)`; their baseline and n_steps are not used."""
    draw = _Draw(seed, "input_gradient")
    return [
        draw.probe("affine function", "linear", draw.affine, (7,)),
        draw.probe("polynomial", "nonlinear", draw.polynomial),
        draw.probe("ReLU network", "nonlinear", draw.relu_network),
        draw.probe("softmax network", "nonlinear", draw.softmax_network),
        draw.probe("convolutional network on an image", "images", draw.convolutional_network, (3, 6, 6)),
        *draw.twice("softmax network on an image", "images", draw.softmax_network, (1, 4, 5)),
        draw.with_a_negative_score("polynomial, not the top class", "target", draw.polynomial),
        draw.probe("softmax network, not the top class", "target", draw.softmax_network, top_class=False),
        draw.larger_picture("images"),
        draw.many_classes(),
    ]


Family = Callable[[np.ndarray], Network]


class _Draw:
    """Random networks and inputs, all from one generator, so that a seed names the whole set.

    A family takes the input that its network will be asked about: kinks and saturation are placed where
    the path meets them, or the probe would ask about a function that is linear there.
    """

    def __init__(self, seed: int, purpose: str) -> None:
        digest = hashlib.sha256(f"{purpose}/{seed}".encode()).digest()
        self._random = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        self._classes = CLASSES
        self._counted: Counter[str] = Counter()

    def probe(
        self,
        name: str,
        asks_about: str,
        family: Family,
        shape: tuple[int, ...] = (9,),
        *,
        zero_baseline: bool = True,
        top_class: bool = True,
        n_steps: int | None = None,
        same_places: int = 0,
        dtype: type[np.floating] = np.float32,
        ends: tuple[np.ndarray, np.ndarray] | None = None,
    ) -> Probe:
        """One question about `ends`, or an x and a baseline that are drawn, equal at `same_places`."""
        x, baseline = ends or self._ends(shape, zero_baseline)
        if same_places:
            same = self._random.choice(x.size, same_places, replace=False)
            (x if zero_baseline else baseline).flat[same] = (baseline if zero_baseline else x).flat[same]
        # Rounded first: the network is built around the very numbers that the student's function gets.
        x, baseline = x.astype(dtype), baseline.astype(dtype)
        network = family(x.astype(np.float64))
        x, baseline = torch.from_numpy(x), torch.from_numpy(baseline)
        order = torch.argsort(network(x[None])[0], descending=True)
        target = int(order[0] if top_class else order[self._random.integers(1, len(order))])
        steps = self._steps(asks_about) if n_steps is None else n_steps
        return Probe(name, asks_about, network, x, baseline, target, steps)

    def _ends(self, shape: tuple[int, ...], zero_baseline: bool) -> tuple[np.ndarray, np.ndarray]:
        x = self._random.choice([-1.0, 1.0], size=shape) * self._random.uniform(0.5, 1.5, size=shape)
        return x, np.zeros(shape) if zero_baseline else -x * self._random.uniform(0.3, 0.8, size=shape)

    def _steps(self, asks_about: str) -> int:
        """A prime number of steps for the first probe of a property, an even one for the next, and so on."""
        self._counted[asks_about] += 1
        return self._one_of(PRIMES) if self._counted[asks_about] % 2 else 2 * self._between(4, 12)

    def with_a_negative_score(self, name: str, asks_about: str, family: Family) -> Probe:
        """A question about a class whose score is negative: top classes have positive ones, of which |F| has the same gradient."""
        probe = self.probe(name, asks_about, family, top_class=False)
        ours = self._random
        while (scores := probe.network(probe.x[None])[0])[probe.target] >= 0:
            if scores.min() < 0:
                probe = replace(probe, target=int(scores.argmin()))
            else:  # drawn by others, so that the probes after this one stay as they are
                self._random = self._random.spawn(1)[0]
                probe = replace(probe, network=family(probe.x.numpy().astype(np.float64)))
        self._random = ours
        return probe

    def two_baselines(self) -> list[Probe]:
        """The same question two times, then from another baseline, on the other side of zero."""
        first, again = self.twice(
            "polynomial, baseline not zero", "baseline", self.polynomial, (9,), zero_baseline=False
        )
        return [first, again, replace(again, name="the same from another baseline", baseline=-first.baseline)]

    def twice(
        self, name: str, asks_about: str, family: Family, shape: tuple[int, ...], *, zero_baseline: bool = True
    ) -> list[Probe]:
        """The same question two times, about the very same x and baseline."""
        first = self.probe(name, asks_about, family, shape, zero_baseline=zero_baseline)
        return [first, replace(first, name=f"{name}, asked again", again=True)]

    def two_step_counts(self) -> list[Probe]:
        """The same question with few steps and with many: the answers must differ."""
        few, many = self._one_of((5, 7)), self._one_of((61, 67, 71, 73, 79, 83, 89, 97))
        # With kinks on the path, as on a smooth network six nodes of Gauss and Legendre may be exact to rounding.
        first = self.probe("ReLU network, few steps", "steps", self.relu_network, n_steps=few)
        copies = {"x": first.x.clone(), "baseline": first.baseline.clone()}
        return [first, replace(first, name="ReLU network, many steps", n_steps=many, **copies)]

    def many_classes(self) -> Probe:
        """As many classes as ImageNet has, at most, few steps, and float64."""
        self._classes, few = self._between(100, 1000), self._between(2, 3)
        name = "affine function of many classes, in float64"
        probe = self.probe(name, "linear", self.affine, (self._between(5, 20),), n_steps=few, dtype=np.float64)
        self._classes = CLASSES
        return probe

    def larger_picture(self, asks_about: str) -> Probe:
        """A picture of thousands of numbers from 0.5 to 1, from black, and some of them black, as photos are."""
        shape = (int(self._random.choice([1, 3])), self._between(24, 40), self._between(24, 40))
        self._classes, steps = self._between(50, 1000), self._one_of(LARGER_PRIMES)
        black = int(np.prod(shape)) // 10
        name = "softmax network on a larger picture"
        values, baseline = self._ends(shape, True)
        ends = 0.25 + np.abs(values) / 2, baseline
        probe = self.probe(name, asks_about, self.softmax_network, shape, n_steps=steps, same_places=black, ends=ends)
        self._classes = CLASSES
        return probe

    def many_steps(self) -> Probe:
        steps, size = self._one_of(MANY_PRIMES), self._between(10, 60)
        return self.probe("polynomial, very many steps", "polynomial", self.polynomial, (size,), n_steps=steps)

    def most_steps(self) -> Probe:
        steps, size = self._one_of(MOST_PRIMES), self._between(5, 10)
        return self.probe("polynomial, most steps", "polynomial", self.polynomial, (size,), n_steps=steps)

    def from_white(self) -> Probe:
        """A picture whose values are a photo's, from 0 to 1, and a baseline that is all but white."""
        shape = (3, self._between(6, 10), self._between(6, 10))
        x, white = self._random.uniform(0, 1, shape), self._random.uniform(0.9, 1, shape)

        def network(x: np.ndarray) -> Network:
            hidden, bias = self._units_that_turn_on_the_path(x - white, 12)
            bias -= white.reshape(-1) @ hidden
            return networks.softmax_network(hidden, bias, self._normal(12, self._classes), shape)

        name = "softmax network on a picture, from white"
        return self.probe(name, "baseline", network, shape, n_steps=self._one_of(LARGER_PRIMES[:5]), ends=(x, white))

    def _between(self, low: int, high: int) -> int:
        return int(self._random.integers(low, high + 1))

    def _one_of(self, counts: Sequence[int]) -> int:
        return int(self._random.choice(counts))

    def affine(self, x: np.ndarray) -> Network:
        return networks.affine(self._normal(x.size, self._classes), self._normal(self._classes), x.shape)

    def polynomial(self, x: np.ndarray) -> Network:
        linear, cubic = self._normal(x.size, self._classes), self._normal(x.size, self._classes)
        return networks.polynomial(linear, cubic, 0.3 * self._normal(x.size))

    def bent_polynomial(self, x: np.ndarray) -> Network:
        """The gradient is the same at both ends of the path from zero to x, and least in its middle."""
        cubic = self._random.uniform(0.5, 1.5, (x.size, self._classes))
        return networks.polynomial(np.zeros_like(cubic), cubic, x / 2)

    def product(self, x: np.ndarray) -> Network:
        return networks.product(self._normal(x.size - 2, self._classes), self._normal(x.size))

    def relu_network(self, x: np.ndarray) -> Network:
        hidden, bias = self._units_that_turn_on_the_path(x, 24)
        return networks.relu_network(hidden, bias, self._normal(24, self._classes))

    def saturating(self, x: np.ndarray) -> Network:
        slopes = self._random.uniform(0.5, 1.5, (x.size, self._classes))
        # Where x_i > 0 the unit is saturated at x, with its kink inside the path; elsewhere it is linear.
        return networks.saturating(slopes, np.abs(x) * self._random.uniform(0.3, 0.7, x.size))

    def switching_off(self, x: np.ndarray) -> Network:
        """Every unit is on at zero and off at x, so that the whole gradient is zero on the last part of the path."""
        hidden = -x[:, None] * self._random.uniform(0.5, 1.5, (x.size, 12))
        bias = -(x @ hidden) * self._random.uniform(0.3, 0.6, 12)
        # One more unit is constant: it makes a class the top one at x.
        hidden, bias = np.column_stack([hidden, np.zeros(x.size)]), np.append(bias, 1.0)
        return networks.relu_network(hidden, bias, self._normal(13, CLASSES))

    def softmax_network(self, x: np.ndarray) -> Network:
        hidden, bias = self._units_that_turn_on_the_path(x, 12)
        return networks.softmax_network(2 * hidden, 2 * bias, self._normal(12, self._classes), x.shape)

    def convolutional_network(self, x: np.ndarray) -> Network:
        channels, height, width = x.shape
        kernels = self._normal(4, channels, 3, 3) / 3
        out = self._normal(4 * (height // 2) * (width // 2), self._classes)
        return networks.convolutional_network(kernels, 0.5 * self._normal(4), out, x.shape)

    def _units_that_turn_on_the_path(self, x: np.ndarray, units: int) -> tuple[np.ndarray, np.ndarray]:
        hidden = self._normal(x.size, units) / np.sqrt(x.size)
        return hidden, -(x.reshape(-1) @ hidden) * self._random.uniform(0.2, 0.8, units)

    def _normal(self, *shape: int) -> np.ndarray:
        return self._random.standard_normal(shape)
