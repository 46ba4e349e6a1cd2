"""Which examples show that the axioms need their premises?"""

from __future__ import annotations

from fractions import Fraction

from ig_props.networks.network import Add, Affine, Max, Network, Node, Product, Relu


def kink_witness() -> str:
    """Three ways to write max(x0, x1) whose gradients on the tie differ, evaluated exactly and by torch."""
    import torch

    from ig_props.networks.torch_ import TorchNetwork

    def one(*nodes: Node) -> Network:
        return Network((2,), nodes)

    def written(a: float, b: float, rest: tuple[float, float]) -> Network:
        return one(
            Node(Affine(((a, b),), (0.0,)), (0,)), Node(Relu(), (1,)), Node(Affine((rest,), (0.0,)), (0,)),
            Node(Add(), (2, 3)),
        )  # fmt: skip

    first, second = written(1.0, -1.0, (0.0, 1.0)), written(-1.0, 1.0, (1.0, 0.0))
    pick = [Node(Affine((row,), (0.0,)), (0,)) for row in ((1.0, 0.0), (0.0, 1.0))]
    third = one(*pick, Node(Max(), (1, 2)))
    found = []
    for network, expected in ((first, (0.0, 1.0)), (second, (1.0, 0.0)), (third, (0.5, 0.5))):
        x = torch.tensor([[0.5, 0.5]], dtype=torch.float64, requires_grad=True)
        (g,) = torch.autograd.grad(TorchNetwork(network)(x).sum(), x)
        assert tuple(g[0].tolist()) == expected, f"torch gives {g.tolist()} for {network}"
        found.append(str(network))
    return (
        f"from (0, 0) to (1, 1) automatic differentiation attributes (0, 1) to {found[0]}, (1, 0) to {found[1]} and "
        f"(1/2, 1/2) to {found[2]}: one function, complete in all three, symmetric only in the third"
    )


def loop_witness() -> str:
    """A closed loop in (x0, x1) attributes something to x1 although x1 ends where it began."""
    from ig_props.oracles.polynomial import path_oracle as leg

    nodes = (
        Node(Affine(((1.0, 0.0),), (0.0,)), (0,)),
        Node(Affine(((0.0, 1.0),), (0.0,)), (0,)),
        Node(Product(), (1, 2)),
    )
    corners = [(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (1.0, 0.0)]
    total = [Fraction(0), Fraction(0)]
    for start, end in zip(corners[:-1], corners[1:], strict=True):
        exact = leg(Network((2,), nodes), 0, end, start).exact
        assert exact is not None
        total = [a + b for a, b in zip(total, exact, strict=True)]
    assert total == [1, -1]
    return (
        "F = x0*x1 along (0,0) -> (0,1) -> (1,1) -> (1,0): x1 does not change from end to end, yet the path attributes "
        f"{total[1]} to it (and {total[0]} to x0)"
    )


def pace_witness() -> str:
    """x_0² x_1 along (t, t²) at the pace t and at the pace 3t² - 2t³, which runs from 0 to 1, too."""
    from ig_props.claims.witnesses.polynomials import attributions, curve

    pace = curve(0, 0, 3, -2)
    gradient = (lambda a, b: 2 * a * b, lambda a, b: a**2)
    plain, paced = attributions(gradient, (curve(0, 1), curve(0, 0, 1))), attributions(gradient, (pace, pace**2))
    assert plain == paced
    return f"x0²x1 along (t, t²), and along it at the pace 3t² - 2t³: ({plain[0]}, {plain[1]}) both times"
