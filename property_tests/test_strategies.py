"""Do the strategies draw what they promise? Kinks, ties, degenerate inputs and odd situations, at rates worth having."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, find, given, seed, settings
from hypothesis import strategies as st

from ig_props.attributors.protocol import ACCEPTS, PLAIN, Traits
from ig_props.claims.case import Case
from ig_props.networks.network import Affine
from ig_props.oracles import oracle
from ig_props.strategies import networks as nets
from ig_props.strategies import rewrites
from ig_props.strategies.cases import Space, cases

EVERYTHING = Traits(accepts=frozenset(ACCEPTS))


def collect(strategy: st.SearchStrategy[Case], count: int) -> list[Case]:
    drawn: list[Case] = []

    @seed(7)
    @settings(max_examples=count, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(strategy)
    def run(case: Case) -> None:
        drawn.append(case)

    run()
    return drawn


@pytest.fixture(scope="module")
def drawn() -> list[Case]:
    return collect(cases(EVERYTHING, Space()), 800)


def share(drawn: list[Case], holds: Callable[[Case], bool]) -> float:
    return sum(map(holds, drawn)) / len(drawn)


def _known(case: Case) -> list[object]:
    return [
        oracle(case.network, t, x, b)
        for x, b, t in zip(case.inputs[:2], case.baselines[:2], case.targets[:2], strict=True)
    ]


def test_paths_cross_kinks(drawn: list[Case]) -> None:
    assert share(drawn, lambda c: any(o.kinks > 0 for o in _known(c))) > 0.3  # type: ignore[attr-defined]


def test_some_paths_run_inside_ties(drawn: list[Case]) -> None:
    assert share(drawn, lambda c: any(o.ties for o in _known(c))) > 0.008  # type: ignore[attr-defined]


def test_kinks_fall_on_nodes_of_uniform_rules(drawn: list[Case]) -> None:
    from ig_props.networks.exact import restrict
    from ig_props.oracles.exact import to_fraction

    def hits(case: Case) -> bool:
        ends = [to_fraction(p.end) for p in restrict(case.network, case.inputs[0], case.baselines[0])[:-1]]
        return any((t * case.n_steps).denominator == 1 for t in ends)

    assert share(drawn, hits) > 0.03


@pytest.mark.parametrize(
    ("what", "holds", "least"),
    [
        ("several samples", lambda c: len(c.inputs) > 1, 0.4),
        ("mixed targets", lambda c: len(set(c.targets)) > 1, 0.1),
        ("non-zero baselines", lambda c: any(v for row in c.baselines for v in row), 0.5),
        ("an input equal to its baseline", lambda c: any(map(tuple.__eq__, c.inputs, c.baselines)), 0.03),
        (
            "a coordinate equal to its baseline",
            lambda c: any(
                a == b for x, y in zip(c.inputs, c.baselines, strict=True) for a, b in zip(x, y, strict=True)
            ),
            0.2,
        ),
        ("images", lambda c: len(c.network.input_shape) == 3, 0.3),
        ("one step", lambda c: c.n_steps == 1, 0.01),
        ("odd numbers of steps", lambda c: c.n_steps % 2 == 1, 0.2),
        ("many steps", lambda c: c.n_steps >= 100, 0.05),
        ("one score", lambda c: c.network.classes == 1, 0.1),
        (
            "scaled models",
            lambda c: any(abs(w) > 100 for n in c.network.nodes if isinstance(n.op, Affine) for w in n.op.weight[0]),
            0.02,
        ),
        ("no situation at all", lambda c: not c.situation.odd(), 0.005),
    ],
)
def test_degenerate_and_ordinary_examples_are_drawn(
    drawn: list[Case], what: str, holds: Callable[[Case], bool], least: float
) -> None:
    assert share(drawn, holds) >= least, what


def test_every_respect_of_a_situation_is_drawn(drawn: list[Case]) -> None:
    seen = Counter(word for case in drawn for word in case.situation.odd())
    names = {word.split("=")[0] for word in seen}
    assert {
        "dtype", "layout", "target", "baseline", "parts", "chunk", "no_grad", "training", "inplace", "shared", "frozen",
        "filled_grads", "leaf_inputs", "modal",
    } <= names  # fmt: skip
    for word in ("dtype=float32", "dtype=float16", "dtype=bfloat16", "dtype=int64", "layout=channels_last"):
        assert seen[word] >= 3, word


def test_plain_functions_are_asked_only_for_what_their_signature_promises() -> None:
    for case in collect(cases(Traits(accepts=PLAIN), Space()), 150):
        s = case.situation
        assert s.dtype in ("float64", "float32")
        assert (s.parts, s.chunk, s.baseline) == (1, 0, "tensor")
        assert s.target != "none"


def test_shrinking_ends_at_a_network_that_reads_at_a_glance() -> None:
    """Whatever is asked of the path, the example that is left is one line long."""
    traits, space = Traits(), Space(images=False)
    options = settings(database=None, deadline=None, max_examples=2000, suppress_health_check=list(HealthCheck))
    tied = find(
        cases(traits, space),
        lambda c: oracle(c.network, c.targets[0], c.inputs[0], c.baselines[0]).ties,
        settings=options,
    )
    assert len(str(tied)) < 160, str(tied)
    kinked = find(
        cases(traits, space),
        lambda c: oracle(c.network, c.targets[0], c.inputs[0], c.baselines[0]).kinks > 0,
        settings=options,
    )
    assert len(str(kinked)) < 120, str(kinked)
    assert not kinked.situation.odd()


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_rewrites_preserve_the_function_exactly(data: st.DataObject) -> None:
    import torch

    from ig_props.networks.torch_ import TorchNetwork

    network = data.draw(nets.layered((3,), 2))
    twin = data.draw(rewrites.preserving(network))
    points = torch.tensor([[0.5, -1.0, 2.0], [1.0, 1.0, 1.0], [-3.0, 0.25, 0.0]], dtype=torch.float64)
    assert torch.equal(TorchNetwork(network)(points), TorchNetwork(twin)(points))


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_transformed_networks_are_what_the_axioms_compare(data: st.DataObject) -> None:
    import torch

    from ig_props.networks.torch_ import TorchNetwork

    f, g = (data.draw(nets.layered((3,), 2, scales=(1.0,))) for _ in range(2))
    z = torch.tensor([[0.5, -1.0, 2.0], [1.0, 1.5, 1.0]], dtype=torch.float64)

    def value(network: object, points: torch.Tensor) -> torch.Tensor:
        return TorchNetwork(network)(points)  # type: ignore[arg-type]

    assert torch.equal(value(rewrites.combined(f, g, 2.0, -0.5), z), 2 * value(f, z) - 0.5 * value(g, z))
    order = data.draw(st.permutations(range(3)))
    assert torch.equal(value(rewrites.permuted(f, order), z[:, order]), value(f, z))
    assert torch.equal(value(rewrites.symmetrized(f, 0, 2), z), value(rewrites.symmetrized(f, 0, 2), z[:, [2, 1, 0]]))
    moved = z.clone()
    moved[:, 1] = 7.0
    assert torch.equal(value(rewrites.without(f, 1), z), value(rewrites.without(f, 1), moved))


def test_models_that_couple_samples_are_drawn_for_claims_that_do_not_look_at_numbers() -> None:
    from ig_props.claims.contracts import coupled_now_and_then

    strategy = coupled_now_and_then(EVERYTHING)
    assert strategy is not None
    assert share(collect(strategy, 300), lambda case: case.situation.coupled) > 0.02
