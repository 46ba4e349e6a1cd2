"""Which models are measured? Random weights of the usual sizes, in eval mode, parameters frozen."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def ready(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """He's initial weights, small biases."""
    for m in model.modules():
        if isinstance(m, nn.Linear | nn.Conv2d):
            nn.init.kaiming_normal_(m.weight)
            if m.bias is not None:
                nn.init.normal_(m.bias, std=0.1)
    return model.to(dtype).eval().requires_grad_(False)


def mlp(sizes: tuple[int, ...], act: type[nn.Module], dtype: torch.dtype = torch.float64) -> nn.Module:
    layers: list[nn.Module] = []
    for a, b in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(a, b), act()]
    return ready(nn.Sequential(*layers[:-1]), dtype)


def cnn(
    size: int, act: type[nn.Module], pool: type[nn.Module], dtype: torch.dtype = torch.float64, width: int = 8
) -> nn.Module:
    layers: list[nn.Module] = []
    channels = 3
    for k in range(3):
        layers += [nn.Conv2d(channels, width * 2**k, 3, padding=1), act(), pool(2)]  # type: ignore[call-arg]
        channels = width * 2**k
    return ready(nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * (size // 8) ** 2, 10)), dtype)


class Block(nn.Module):
    """Two convolutions with batch norm and a bypass (ResNet's basic block)."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(),
            nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out),
        )  # fmt: skip
        same = channels == out and stride == 1
        self.bypass: nn.Module = nn.Identity()
        if not same:
            self.bypass = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.main(x) + self.bypass(x))


def resnet18(images: Tensor, classes: int = 1000) -> nn.Module:
    """ResNet-18 with statistics of batch norm from some images."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
    ]  # fmt: skip
    channels = 64
    for k in range(4):
        for j in range(2):
            layers.append(Block(channels, 64 * 2**k, 2 if k and not j else 1))
            channels = 64 * 2**k
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
    ready(model, images.dtype)
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.momentum = None
    model.train()
    with torch.no_grad():
        model(images)
    return model.eval()


def image(rows: int, size: int, dtype: torch.dtype, seed: int) -> Tensor:
    """Smooth images with some noise, [rows, 3, size, size]."""
    source = torch.Generator().manual_seed(seed)
    coarse = torch.randn(rows, 3, 8, 8, generator=source)
    noise = torch.randn(rows, 3, size, size, generator=source)
    return (F.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False) + 0.3 * noise).to(dtype)
