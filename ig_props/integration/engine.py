"""Integrated Gradients of any model, as exactly as is asked for, by what the model is found to be."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ig_props.integration import search, sums
from ig_props.integration.arguments import positive, segments, whole
from ig_props.integration.attribution import Attribution
from ig_props.integration.job import Job, job_of
from ig_props.integration.traced.secant import SecantModel
from ig_props.integration.traced.structure import Family
from ig_props.methods.scores import Score, chosen
from ig_props.quadrature import RULES

OWN_RULES = ("exact", "secant", "clenshaw-curtis", "gauss-kronrod")
USUAL_STEPS = {"gauss-kronrod": 45, "clenshaw-curtis": 49, "simpson": 51}


def by_name(job: Job, method: str, n_steps: int) -> Attribution:
    """A sum by a rule; its error is estimated from a coarser rule on some of its nodes where there is one, else from
    the variation of the gradient between nodes and ends (`QUAD.variation_bound`)."""
    if method == "exact":
        if job.structure.family not in (Family.AFFINE, Family.PIECEWISE):
            why = f"{job.structure.family}: {job.structure.reason}"
            raise ValueError(f"method 'exact' needs a piecewise-linear model; this one is {why}")
        search.fine_enough(job)
        return search.exact(job)
    if method == "secant":
        return _secant(job, n_steps)
    device = job.segments.ends[0].device
    if method == "gauss-kronrod":
        if n_steps % 15:
            raise ValueError(f"n_steps must be a multiple of 15 for gauss-kronrod, given {n_steps}")
        means, coarse = job.by_rules(*sums.gauss_kronrod(n_steps // 15, device))
        return job.finished(means, job.change(means, coarse) + job.floor(means), method, n_steps)
    if method == "clenshaw-curtis":
        if n_steps < 3 or n_steps % 2 == 0:
            raise ValueError(f"n_steps must be odd and at least 3 for clenshaw-curtis, given {n_steps}")
        if n_steps % 4 == 1 and n_steps > 5:
            half = (n_steps - 1) // 2
            coarse, means = (job.inner.back(v) for _, v in sums.nested(job.inner.segments, job.budget, 2 * half, half))
            return job.finished(means, job.change(means, coarse) + job.floor(means), method, n_steps)
        nodes, weights = sums.clenshaw_curtis(n_steps - 1)
    else:
        try:
            rule = RULES[method](n_steps)
        except ValueError as error:
            raise ValueError(f"n_steps does not fit the rule: {error}") from None
        nodes, weights = (torch.tensor(v, dtype=torch.float64) for v in (rule.nodes, rule.weights))
    share = float(weights.max())
    # both ends are looked at too, for what happens before the first node and behind the last one
    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    nodes, weights = torch.cat([zero, nodes, one]).to(device), torch.cat([0 * zero, weights, 0 * one]).to(device)
    (means,), variation = sums.rule_sums(job.segments, nodes, weights[None], job.budget, 1.0)
    return job.finished(means, share * job.weighed(variation) + job.floor(means), method, n_steps)


def _secant(job: Job, n_steps: int) -> Attribution:
    """Equal cells; the error is what half as many make of it, where that is possible."""
    if job.structure.graph is None or not SecantModel(job.structure).complete:
        why = job.structure.reason
        raise ValueError(
            f"method 'secant' needs a model of affine maps and scalar activations that can be traced; {why}"
        )
    edges = sums.uniform(job.segments, n_steps)
    means, _, _ = job.secant(edges)
    if n_steps == 1:
        return job.finished(means, torch.full_like(job.gain, torch.nan), "secant", n_steps)
    coarse, _, _ = job.secant(sums.uniform(job.segments, n_steps // 2))
    return job.finished(means, job.change(means, coarse) + job.floor(means), "secant", n_steps)


@torch.inference_mode(False)
def integrated_gradients(
    model: nn.Module,
    inputs: Tensor | Sequence[Tensor],
    baselines: Tensor | Sequence[Tensor] | float | None = None,
    target: int | Tensor | None = None,
    *,
    rtol: float | None = None,
    atol: float | None = None,
    n_steps: int | None = None,
    method: str | None = None,
    internal_batch_size: int | None = None,
    score: Score = chosen,
) -> Attribution:
    """IG (1703.01365 equation 1) with an estimate of its error.

    model maps [N, *shape], or several inputs as a tuple, to [N, classes]; baselines: zeros if None, a number, the inputs'
    shapes or one row of them; target: an int, a long tensor [N], or None for a model with one score; score: how a number
    per sample is read from the output. rtol, atol ask for an error (relative to a sample's largest attribution, and
    absolute; 1e-3 and 0 unless told otherwise), n_steps and method for a rule: one of left, right, midpoint, trapezoid,
    simpson, gauss-legendre, clenshaw-curtis, gauss-kronrod, secant or exact. internal_batch_size: how many points go
    through the model at a time; fewer where memory is short. Nothing is left changed. TypeError and ValueError say in one
    sentence what does not fit (`EXACT.piecewise_linear`, `SECANT.completeness`).
    """
    request(rtol, atol, n_steps, method, internal_batch_size)
    asked = segments(model, inputs, baselines, target, score)
    job = job_of(model, asked, internal_batch_size, not isinstance(inputs, Tensor), method)
    return answer(job, rtol, atol, n_steps, method)


def request(
    rtol: float | None, atol: float | None, n_steps: int | None, method: str | None, internal_batch_size: int | None
) -> None:
    """ValueError for what cannot be asked for, or not together."""
    for value, name in ((rtol, "rtol"), (atol, "atol")):
        positive(value, name)
    whole(n_steps, "n_steps")
    whole(internal_batch_size, "internal_batch_size")
    known = (*RULES, *OWN_RULES)
    if method is not None and method not in known:
        raise ValueError(f"method must be one of {', '.join(known)}, given {method!r}")
    if (rtol or atol) and (n_steps or method):
        raise ValueError("rtol and atol ask for an error, n_steps and method for a rule; give one or the other")


def answer(job: Job, rtol: float | None, atol: float | None, n_steps: int | None, method: str | None) -> Attribution:
    """The sum that was asked for, by its rule or by its error."""
    if method is None and n_steps is None:
        return search.to_tolerance(job, rtol, atol)
    usual = "secant" if search.has_secant(job.structure) else "gauss-legendre"
    return by_name(job, method or usual, n_steps or USUAL_STEPS.get(method or "", 50))
