"""Does a heat map find the digit? A residual network that reads one handwritten digit somewhere in a cluttered picture.

Each picture [1, 32, 32] holds one of scikit-learn's digits at twice its size, at a place that is known, among fragments
of other digits and noise. `model()` trains on one thread in about a minute; `python examples/scenes.py scenes.npy` writes
test pictures and says how well they are read. Needs scikit-learn: pip install "ig-props[examples]".
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

SIZE, DIGIT, PIECE = 32, 16, 8
LEARNT = 1500
"""Digits 0 to 1499 appear in training pictures, the other 297 in test pictures."""
PICTURES, EPOCHS = 5000, 4
Array = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Scenes:
    """Pictures [N, 1, 32, 32] from 0 to 1, their digits [N], and the upper left corners [N, 2] of the digits."""

    pictures: Array
    digits: NDArray[np.int64]
    corners: NDArray[np.int64]


def scenes(count: int, test: bool, seed: int) -> Scenes:
    """Pictures drawn from a seed."""
    from sklearn.datasets import load_digits

    data = load_digits()
    keep = slice(LEARNT, None) if test else slice(None, LEARNT)
    images, labels = (data.images[keep] / 16).astype(np.float32), data.target[keep].astype(np.int64)
    large = images.repeat(2, axis=1).repeat(2, axis=2)
    rng = np.random.default_rng(seed)
    pictures = (0.15 * rng.random((count, SIZE, SIZE))).astype(np.float32)
    corners = rng.integers(0, SIZE - DIGIT + 1, (count, 2))
    chosen = rng.integers(0, len(images), count)
    for picture, corner, k in zip(pictures, corners, chosen, strict=True):
        for _ in range(6):
            other, (top, left) = large[rng.integers(len(images))], rng.integers(0, SIZE - PIECE + 1, 2)
            y, x = rng.integers(0, DIGIT - PIECE + 1, 2)
            place = picture[top : top + PIECE, left : left + PIECE]
            np.maximum(place, 0.7 * other[y : y + PIECE, x : x + PIECE], out=place)
        place = picture[corner[0] : corner[0] + DIGIT, corner[1] : corner[1] + DIGIT]
        place[:] = large[k]
    return Scenes(pictures[:, None], labels[chosen], corners)


class Block(nn.Module):
    """Two convolutions around which the input is added, rectified in place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.conv2, self.norm2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels)
        self.relu1, self.relu2 = nn.ReLU(inplace=True), nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        out: Tensor = self.relu2(inner + x)
        return out


def _down(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
    )


def network() -> nn.Sequential:
    """Stem, three residual blocks at 32, 16 and 8 pixels, global average pooling, a linear head: [N, 1, 32, 32] -> 10."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 5, padding=2), nn.ReLU(inplace=True), Block(8), _down(8, 16), Block(16), _down(16, 32), Block(32),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, 10),
    )  # fmt: skip


LAYER = "6"
"""The last block, whose output is [N, 32, 8, 8] behind a rectifier."""


def model() -> nn.Sequential:
    """The trained network, always with the same weights on one machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(0)
            return _trained(network())
    finally:
        torch.set_num_threads(threads)


def _trained(net: nn.Sequential) -> nn.Sequential:
    drawn = scenes(PICTURES, False, 1)
    x, y = torch.from_numpy(drawn.pictures), torch.from_numpy(drawn.digits)
    optimizer = torch.optim.AdamW(net.parameters(), lr=0.004, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.006, total_steps=EPOCHS * -(-PICTURES // 50))
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(50):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()
            schedule.step()
    return net.requires_grad_(False).eval()


def main() -> None:
    path = sys.argv[1] if len(sys.argv) > 1 else "scenes.npy"
    test = scenes(200, True, 2)
    np.save(path, test.pictures[:5])
    right = model()(torch.from_numpy(test.pictures)).argmax(1).numpy() == test.digits
    print(f"{path}: 5 pictures; the model reads {right.mean():.1%} of {len(right)} unseen pictures correctly")


if __name__ == "__main__":
    main()
