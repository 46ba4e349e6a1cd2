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
    return _settled(ready(model, images.dtype), images)


def _settled(model: nn.Module, images: Tensor) -> nn.Module:
    """Statistics of batch norm from some images."""
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.momentum = None
    model.train()
    with torch.no_grad():
        model(images)
    return model.eval()


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions with batch norm and a bypass (ResNet-50's block)."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = 4 * width
        self.main = nn.Sequential(
            nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, out, 1, bias=False), nn.BatchNorm2d(out),
        )  # fmt: skip
        self.bypass: nn.Module = nn.Identity()
        if channels != out or stride != 1:
            self.bypass = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.main(x) + self.bypass(x))


def resnet50(images: Tensor, small: bool = False) -> tuple[nn.Module, nn.Module]:
    """ResNet-50 and its last block; small: one block a stage and an eighth of the channels."""
    width, depths = (8, (1, 1, 1, 1)) if small else (64, (3, 4, 6, 3))
    layers: list[nn.Module] = [
        nn.Conv2d(3, width, 7, 2, 3, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
    ]  # fmt: skip
    channels = width
    for k, depth in enumerate(depths):
        for j in range(depth):
            layers.append(Bottleneck(channels, width * 2**k, 2 if k and not j else 1))
            channels = 4 * width * 2**k
    last = layers[-1]
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 1000))
    return _settled(ready(model, images.dtype), images), last


class Transformer(nn.Module):
    """A vision transformer's patches of 16 pixels, encoder and mean of tokens."""

    def __init__(self, size: int, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 16, 16)
        self.places = nn.Parameter(torch.randn(1, (size // 16) ** 2, width) / 50)
        block = nn.TransformerEncoderLayer(
            width, heads, 4 * width, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(block, depth, enable_nested_tensor=False)
        self.head = nn.Linear(width, 1000)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2) + self.places
        scores: Tensor = self.head(self.encoder(tokens).mean(1))
        return scores


def transformer(images: Tensor, small: bool = False) -> tuple[nn.Module, nn.Module]:
    """A model of ViT-B/16's sizes and its sixth encoder layer; small: two layers of width 32."""
    width, depth, heads = (32, 2, 2) if small else (768, 12, 12)
    model = Transformer(images.shape[-1], width, depth, heads).to(images.dtype).eval().requires_grad_(False)
    return model, model.encoder.layers[depth // 2 - 1]


def image(rows: int, size: int, dtype: torch.dtype, seed: int) -> Tensor:
    """Smooth images with some noise, [rows, 3, size, size]."""
    source = torch.Generator().manual_seed(seed)
    coarse = torch.randn(rows, 3, 8, 8, generator=source)
    noise = torch.randn(rows, 3, size, size, generator=source)
    return (F.interpolate(coarse, size=(size, size), mode="bilinear", align_corners=False) + 0.3 * noise).to(dtype)
