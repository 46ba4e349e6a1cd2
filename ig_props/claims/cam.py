"""Is a heat map of the Grad-CAM family what its definition says?"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from ig_props.attributors.protocol import Attributor, Kind, Traits
from ig_props.checking.answers import answer, named
from ig_props.checking.calling import EPSILON, FLOAT32, Check
from ig_props.checking.judging import compare, judged
from ig_props.checking.maps import maps, normalised, raw
from ig_props.claims.case import Case
from ig_props.claims.claim import Claim, ClaimKind
from ig_props.findings import Outcome, Verdict
from ig_props.networks.network import AvgPool2d, Flatten, Relu
from ig_props.oracles.maps import positive_sums
from ig_props.strategies import networks as nets
from ig_props.strategies.cases import FEW_STEPS, STEPS, Space, around
from ig_props.strategies.layers import from_space

MAPS = frozenset(k for k in Kind if k.is_map)
POINTWISE = frozenset({Kind.GRAD_CAM, Kind.GRAD_CAM_POSITIVE, Kind.GRAD_CAM_PLUS_PLUS})
PLUS_PLUS = frozenset({Kind.GRAD_CAM_PLUS_PLUS})
SAMPLED = MAPS - POINTWISE
SPACE = Space(steps=FEW_STEPS)


def _received(attributor: Attributor, case: Case) -> tuple[np.ndarray, bool]:
    """The maps [N, H·W] and whether they have the layer's size."""
    assert case.layer is not None
    values = answer(attributor, case)
    _, height, width = case.network.shapes[case.layer]
    return values, values.shape[1] == height * width


def _finite(values: np.ndarray, attributor: Attributor, case: Case) -> Outcome:
    """What can be said of maps in another size than the layer's: how they were enlarged is a convention."""
    maps(attributor, case, EPSILON[case.situation.dtype])
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, k = (int(i) for i in bad[0])
        where = f", sample {row}" if len(values) > 1 else ""
        return Outcome(Verdict.REFUTED, f"entry {k}{where} of a map of finite numbers is {values[row, k]}")
    return Outcome(Verdict.NOT_APPLICABLE, "the map is enlarged, in which ways differ")


def definition(attributor: Attributor, case: Case) -> Outcome:
    """Pixel by pixel."""
    values, same = _received(attributor, case)
    if not same:
        return _finite(values, attributor, case)
    if attributor.traits.stage == "normalized":
        return normalised(attributor, case, values)
    known = raw(attributor, case)
    return compare(
        named(case), values, known.mid,
        radius=known.radius, quadrature=known.quadrature, rounding=known.rounding, float32=known.float32,
        how="exact map",
    )  # fmt: skip


def sandwiched(plus: np.ndarray, epsilon: float) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of a Grad-CAM++ map from the map with positive gradients and ε < 2 (`CAM.plus_plus_bound`)."""
    return plus / (2.0 + epsilon), plus / (2.0 - epsilon)


def sandwich(attributor: Attributor, case: Case) -> Outcome:
    """L⁺/(2+ε) ≤ L⁺⁺ ≤ L⁺/(2-ε) pixel by pixel, L⁺ with the sums of positive gradients as weights."""
    assert case.layer is not None
    values, same = _received(attributor, case)
    if not same or attributor.traits.stage == "normalized":
        return Outcome(Verdict.NOT_APPLICABLE, "the bound is about raw maps")
    known = raw(attributor, case)
    bounds = []
    for x, t in zip(case.inputs, case.targets, strict=True):
        found = positive_sums(case.network, t, x, case.layer)
        if found is None or found[1] >= 2.0:
            return Outcome(Verdict.NOT_APPLICABLE, "an activation is negative or |g ΣA| is not below 2")
        bounds.append(sandwiched(*found))
    low, high = (np.array(b) for b in zip(*bounds, strict=True))
    return compare(
        named(case), values, (low + high) / 2,
        radius=(high - low) / 2 + known.radius, rounding=known.rounding, float32=known.float32,
        how="between L⁺/(2+ε) and L⁺/(2-ε)",
    )  # fmt: skip


def proportional(attributor: Attributor, case: Case) -> Outcome:
    """Global average pooling and a linear head: the map is relu(Σ_k v_k A^k) up to a positive factor."""
    assert case.layer is not None
    values, same = _received(attributor, case)
    if not same:
        return _finite(values, attributor, case)
    known = raw(attributor, case)
    eps = EPSILON[case.situation.dtype]
    at = known.mid.argmax(axis=1)[:, None]
    top = np.take_along_axis(known.mid, at, 1)
    sure = (known.mid - known.radius - known.float32).max(axis=1) > 0
    there = np.take_along_axis(values, at, 1)[:, 0] > 0
    if attributor.traits.stage == "normalized" or not sure.any() or not there[sure].all():
        return definition(attributor, case)
    ratio = np.take_along_axis(values, at, 1) / np.where(top > 0, top, 1.0)
    # the factor is read off at the largest entry, whose own budget then counts once more for every other
    share = known.mid / np.where(top > 0, top, 1.0)

    def total(budget: np.ndarray) -> np.ndarray:
        spread: np.ndarray = np.abs(ratio) * (budget + share * np.take_along_axis(budget, at, 1))
        return spread

    return compare(
        named(case),
        values[sure], (ratio * known.mid)[sure], radius=total(known.radius)[sure],
        rounding=2 * total(known.rounding)[sure] + 4 * eps * np.abs(ratio * known.mid)[sure],
        float32=2 * total(known.float32)[sure] + 4 * FLOAT32 * np.abs(ratio * known.mid)[sure],
        how="the class activation map, scaled to agree at its largest entry",
    )  # fmt: skip


def _pooled(traits: Traits) -> st.SearchStrategy[Case] | None:
    """A convolution, a rectifier or none, global average pooling and an affine head."""

    @st.composite
    def build(draw: st.DrawFn) -> Case:
        shape = draw(nets.choice(((1, 3, 3), (1, 2, 4), (2, 3, 2))))
        whole = draw(nets.convolutional(shape, draw(st.integers(1, 3))))
        nodes = list(whole.nodes[: 1 + draw(st.integers(0, 1))])
        channels, height, width = whole.shapes[len(nodes)]
        b = nets.Builder(shape)
        b.nodes = nodes
        layer = len(nodes)
        value = b.add(AvgPool2d((height, width), (height, width)), layer)
        value = b.add(Flatten(), value)
        b.add(nets.affine_op(draw, channels, draw(st.integers(1, 3))), value)
        case = draw(around(b.build(), traits, SPACE))
        return replace(case, layer=layer, situation=replace(case.situation, shared=False))

    return build()


def _gentle(traits: Traits) -> st.SearchStrategy[Case] | None:
    """Behind a rectifier, with a head so small that |g ΣA| stays below 2 most of the time."""

    @st.composite
    def build(draw: st.DrawFn) -> Case:
        shape = draw(nets.choice(((1, 3, 3), (1, 2, 3), (2, 3, 2))))
        b = nets.Builder(shape)
        b.add(Relu(), b.add(nets.conv_op(draw, shape[0], draw(st.integers(1, 3)), (2, 2), (0, 0)), 0))
        size = int(np.prod(b.last_shape()))
        head = nets.affine_op(draw, size, draw(st.integers(1, 3)), scale=draw(nets.choice((2.0**-6, 2.0**-9, 2.0**-3))))
        b.add(head, b.add(Flatten(), 2))
        case = draw(around(b.build(), traits, replace(SPACE, far=False)))
        return replace(case, layer=2, situation=replace(case.situation, shared=False))

    return build()


def pole_witness() -> str:
    """g ΣA near -2: the weight of one channel grows without bound, and changes its sign."""
    weights = []
    for total in (Fraction(-19, 10), Fraction(-199, 100), Fraction(-201, 100)):
        g = Fraction(1)
        weights.append(g * (g * g / (2 * g * g + total * g**3)))
    assert weights == [10, 100, -100]
    return (
        "g = 1 at one pixel: ΣA = -1.9, -1.99, -2.01 give the weights 10, 100, -100; Grad-CAM's weight stays the same"
    )


def alpha_witness() -> str:
    """g²/(2g² + ΣA g³) = 1/(2 + g ΣA) at rational points."""
    for g in (Fraction(1, 3), Fraction(-2), Fraction(7, 5)):
        for total in (Fraction(0), Fraction(5, 2), Fraction(-1, 7)):
            assert g * g / (2 * g * g + total * g**3) == 1 / (2 + g * total)
    return "equal at nine rational points; a cancellation of g², which is not 0"


def _claim(id_: str, statement: str, kinds: frozenset[Kind], strategy: object, check: Check, *premises: str) -> Claim:
    source = "1710.11063; 2205.10838; theory.md 6" if kinds <= POINTWISE else "2205.10900; theory.md 5"
    return Claim(id_, "cam", ClaimKind.THEOREM, statement, premises, source, kinds, strategy, judged(check))  # type: ignore[arg-type]


CLAIMS = (
    _claim("CAM.definition", "the map is relu(Σ_k w_k A^k) with the weights of its kind", POINTWISE, from_space(SPACE),
           definition, "no pre-activation at the point is zero, or any slope there"),
    _claim("CAM.grad_cam_linear_head", "behind global average pooling and a linear head Grad-CAM is CAM up to a factor",
           frozenset({Kind.GRAD_CAM}), _pooled, proportional),
    Claim("CAM.plus_plus_alpha", "cam", ClaimKind.THEOREM, "where g ≠ 0, α = 1/(2 + g ΣA)", (), "theory.md 6", PLUS_PLUS,
          witness=alpha_witness),
    _claim("CAM.plus_plus_bound", "L⁺/(2+ε) ≤ L⁺⁺ ≤ L⁺/(2-ε) with ε = max |g ΣA|", PLUS_PLUS, _gentle, sandwich,
           "A ≥ 0 and ε < 2"),
    Claim("CAM.plus_plus_pole", "cam", ClaimKind.COUNTEREXAMPLE, "near g ΣA = -2 the weights are unbounded", (),
          "theory.md 6", PLUS_PLUS, witness=pole_witness),
    _claim("RSI.grad_cam_definition", "the weights are channel means of ∫ (∂y/∂A)[₊] dA along the path", SAMPLED,
           from_space(Space(steps=(*STEPS[-4:], *STEPS))), definition, "tags inside the cells of n equal parts"),
)  # fmt: skip
