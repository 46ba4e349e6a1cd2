"""Which oracle knows the truth about a network on a segment?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from ig_props.networks.network import Network
from ig_props.oracles.oracle import NoOracle, PathOracle

__all__ = ["NoOracle", "PathOracle", "oracle"]


@lru_cache(maxsize=512)
def _cached(network: Network, target: int, x: tuple[float, ...], baseline: tuple[float, ...]) -> PathOracle:
    if network.piecewise_linear:
        from ig_props.oracles import exact

        return exact.path_oracle(network, target, x, baseline)
    if network.polynomial:
        from ig_props.oracles import polynomial

        return polynomial.path_oracle(network, target, x, baseline)
    if network.analytic:
        from ig_props.oracles import certified

        return certified.path_oracle(network, target, x, baseline)
    raise NoOracle(network.unknown or f"no oracle covers kinks and smooth nodes in one network: {sorted(network.ops)}")


def oracle(network: Network, target: int, x: Sequence[float], baseline: Sequence[float]) -> PathOracle:
    """IG of one score on the segment from `baseline` to `x`: exact where the network is piecewise linear or polynomial,
    certified where it is analytic. Raises NoOracle otherwise."""
    return _cached(network, target, tuple(x), tuple(baseline))
