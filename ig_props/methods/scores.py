"""Which number of a classifier's answer is explained: a logit, a probability, its logarithm, or its log-odds?"""

from __future__ import annotations

import difflib
from collections.abc import Callable

import torch
from torch import Tensor, nn

Score = Callable[[Tensor, int | Tensor | None], Tensor]
"""Scores [N] from the model's output [N, classes] and a target; `chosen`, the target's logit, unless told otherwise."""


def chosen(scores: Tensor, target: int | Tensor | None) -> Tensor:
    """The target's score of every sample, [N], from scores [N, classes]; ValueError for a target that does not exist."""
    _tensor(scores)
    if scores.dim() > 2 and not (target is None and scores.numel() == scores.shape[0]):
        raise ValueError(
            f"model must return [N] or [N, classes], given {list(scores.shape)}; for anything else give a score that takes "
            "(output, target) and returns one number per sample"
        )
    if target is None:
        if scores.numel() != scores.shape[0]:
            raise ValueError(f"target is None, but the model returns {scores.shape[1]} scores; name one")
        return scores.reshape(scores.shape[0])
    if scores.dim() == 1:
        raise ValueError(f"target is {target}, but the model returns one score per sample; give None")
    index = torch.as_tensor(target, device=scores.device).expand(scores.shape[0])
    if bool(((index < 0) | (index >= scores.shape[1])).any()):
        raise ValueError(f"target {target} is out of range; the model returns {scores.shape[1]} scores")
    return scores.gather(1, index[:, None])[:, 0]


def probability(scores: Tensor, target: int | Tensor | None) -> Tensor:
    """softmax(z)_c, a post-softmax score (2306.13197); it saturates (`SOFTMAX.saturation`)."""
    return chosen(_classes(scores).softmax(1), target)


def log_probability(scores: Tensor, target: int | Tensor | None) -> Tensor:
    """log softmax(z)_c, whose gradient is Σ_j y_j (∂z_c - ∂z_j) (`SOFTMAX.gradient`)."""
    return chosen(_classes(scores).log_softmax(1), target)


def log_odds(scores: Tensor, target: int | Tensor | None) -> Tensor:
    """log(y_c / (1 - y_c)) = z_c - log Σ_{j≠c} exp z_j: no common shift of the logits moves it, and it does not
    saturate."""
    own = chosen(_classes(scores), target)
    index = torch.as_tensor(target, device=scores.device).expand(scores.shape[0])
    others = scores.scatter(1, index[:, None], -torch.inf)
    return own - others.logsumexp(1)


def every_log_odds(scores: Tensor, dim: int) -> Tensor:
    """The log-odds of every class along a dimension."""
    last = scores.movedim(dim, -1)
    own = torch.eye(last.shape[-1], dtype=torch.bool, device=scores.device)
    others = last[..., None, :].masked_fill(own, -torch.inf).logsumexp(-1)
    return (last - others).movedim(-1, dim)


def _tensor(output: object) -> Tensor:
    if not isinstance(output, Tensor):
        raise TypeError(
            f"model must return a tensor [N] or [N, classes], given a {type(output).__name__}; "
            "for anything else give a score that takes (output, target) and returns one number per sample"
        )
    if output.dim() == 0:
        raise ValueError(
            "model must return a tensor [N] or [N, classes], given a single number without a batch dimension"
        )
    return output


def _classes(scores: Tensor) -> Tensor:
    _tensor(scores)
    if scores.dim() != 2 or scores.shape[1] < 2:
        raise ValueError(f"probabilities need scores of at least two classes [N, C], given {list(scores.shape)}")
    return scores


SCORES: dict[str, Score] = {
    "logit": chosen,
    "probability": probability,
    "log-probability": log_probability,
    "log-odds": log_odds,
}
"""The scores that have a name, as on the command line."""


def score_of(name: str | Score) -> Score:
    """The score with a name, or the callable itself; ValueError names the nearest."""
    if callable(name):
        return name
    if not isinstance(name, str) or name not in SCORES:
        near = difflib.get_close_matches(str(name), SCORES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"score is one of {', '.join(SCORES)} or a function, given {name!r}{hint}")
    return SCORES[name]


class Scored(nn.Module):
    """A model whose output [N, classes] is every class's score, so that code which explains outputs explains scores."""

    def __init__(self, model: nn.Module, score: str | Score) -> None:
        super().__init__()
        self.model, self.score = model, score_of(score)

    def forward(self, *inputs: Tensor) -> Tensor:
        output: Tensor = self.model(*inputs)
        if self.score is chosen:
            return output
        if output.dim() != 2:
            raise ValueError(f"scores need an output [N, classes], given {list(output.shape)}")
        return torch.stack([self.score(output, c) for c in range(output.shape[1])], 1)
