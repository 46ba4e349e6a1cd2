"""Which examples are drawn for attributors that explain a layer?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypothesis import strategies as st

from ig_props.attributors.protocol import Kind, Traits
from ig_props.claims.case import Case
from ig_props.networks.network import Network
from ig_props.oracles.layers import is_cut
from ig_props.strategies import networks as nets
from ig_props.strategies import rewrites
from ig_props.strategies.cases import IMAGES, VECTORS, Space, around, cases

REACH = (1.0,) * 8 + (2.0**-14, 2.0**14)
"""Sizes of a layer's values: a threshold of one's own shows where they are small."""


def candidates(network: Network, traits: Traits) -> list[int]:
    """Values an attributor of this kind can explain: hidden ones, maps for map methods, cuts for straight lines."""
    hidden = range(1, len(network.nodes))
    if traits.kind.is_map:
        return [k for k in hidden if len(network.shapes[k]) == 3]
    if traits.kind is Kind.LAYER_IG:
        return [k for k in hidden if is_cut(network, k)]
    return list(hidden)


@st.composite
def layer_cases(draw: st.DrawFn, traits: Traits, space: Space) -> Case:
    """Convolutional networks for map methods, convolutional and dense ones for layer integrals; a module used once."""
    images = traits.kind.is_map or "vectors" not in traits.accepts
    if not images and "images" in traits.accepts and space.images:
        images = draw(st.sampled_from((False, False, True)))
    shape = draw(st.sampled_from([s for s in IMAGES if s[1] > 1] if images else VECTORS))
    classes = draw(st.integers(1, space.max_classes))
    usual = nets.convolutional if images else nets.layered
    # maps that are enlarged to the image keep their size where the layer has the image's
    other = nets.pointwise if traits.stage == "normalized" and images else usual
    deep = nets.convolutional_twice if images and traits.stage == "raw" else other
    family = draw(nets.choice((usual, nets.affine_layers, other, deep)))
    network = draw(family(shape, classes).filter(lambda n: bool(candidates(n, traits))))
    network = rewrites.first_scaled(network, draw(nets.choice(REACH)))
    case = draw(around(network, traits, space))
    layer = draw(st.sampled_from(candidates(network, traits)))
    return replace(case, layer=layer, situation=replace(case.situation, shared=False))


def any_cases(traits: Traits, space: Space) -> st.SearchStrategy[Case] | None:
    """Examples for an attributor of any kind, with a layer where the kind needs one."""
    if traits.kind.needs_layer:
        return layer_cases(traits, space) if traits.accepts & {"images", "vectors"} else None
    return cases(traits, space)


def from_space(space: Space) -> Callable[[Traits], st.SearchStrategy[Case] | None]:
    """The examples of a claim that asks nothing of them but the space they come from."""
    return lambda traits: any_cases(traits, space)
