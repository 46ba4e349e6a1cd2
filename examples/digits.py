"""What does attribution code do on a real model? A small convolutional network that reads handwritten digits.

`model()` trains it on scikit-learn's digits in about a second, always to the same weights on one machine; `inputs()`
are images that it never saw. `python examples/digits.py digits.npy` writes them, and then

    ig-props check captum:IntegratedGradients --model examples/digits.py:model --inputs digits.npy

checks Captum's Integrated Gradients on this very model. Needs scikit-learn: pip install "ig-props[examples]".
"""

from __future__ import annotations

import sys

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

TRAINING = 1500
"""Images 0 to 1499 are learnt, the other 297 are for testing."""
EPOCHS = 12


def images() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """All 1797 images [N, 1, 8, 8] with grey values in sixteenths from 0 to 1, and the digits that they show."""
    from sklearn.datasets import load_digits

    data = load_digits()
    return (data.images[:, None] / 16).astype(np.float32), data.target.astype(np.int64)


def network() -> nn.Sequential:
    """Two convolutions with rectifiers, an average pooling and a linear layer: [N, 1, 8, 8] -> ten scores."""
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, padding=1),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(4, 8, 3, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(128, 10),
    )


def model() -> nn.Sequential:
    """The network, trained on one thread so that its weights do not depend on the number of processors."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]), torch.enable_grad():
            torch.manual_seed(0)
            return _trained(network())
    finally:
        torch.set_num_threads(threads)


def _trained(net: nn.Sequential) -> nn.Sequential:
    x, y = (torch.from_numpy(a[:TRAINING]) for a in images())
    optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[rows]), y[rows]).backward()
            optimizer.step()
    return net.requires_grad_(False).eval()


def inputs(count: int = 5) -> NDArray[np.float32]:
    """The first `count` images that the model was not trained on, [count, 1, 8, 8]."""
    return images()[0][TRAINING : TRAINING + count]


def main() -> None:
    path = sys.argv[1] if len(sys.argv) > 1 else "digits.npy"
    np.save(path, inputs())
    x, y = images()
    right = model()(torch.from_numpy(x[TRAINING:])).argmax(1).numpy() == y[TRAINING:]
    print(f"{path}: {len(inputs())} images; the model reads {right.mean():.1%} of {len(right)} unseen images correctly")


if __name__ == "__main__":
    main()
