"""Which mistakes do people make around the softmax?"""

from __future__ import annotations

from torch import Tensor, nn

from property_tests.mutants._base import Target, checked, gradient, ig, midpoint, mutant, selected


def _are_probabilities(scores: Tensor) -> bool:
    near = (scores.sum(1) - 1).abs() < 1e-6
    return scores.shape[1] > 1 and bool(((scores >= 0).all(1) & near).all())


@mutant(refuted_by=("SOFTMAX.attack",), defect="Subtracts the mean logit first: a common shift disappears.", blunt=True)
def logits_centred(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    def centred(scores: Tensor, classes: Tensor) -> Tensor:
        return selected(scores - scores.mean(1, keepdim=True), classes)

    return ig(model, inputs, baselines, target, n_steps, midpoint, lambda m, p, t: gradient(m, p, t, centred))


@mutant(
    refuted_by=("SOFTMAX.implementation",),
    defect="Takes the logarithm of what looks like probabilities and explains it without its normalisation.",
)
def softmax_undone(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    seen: list[Tensor] = []

    def logits(scores: Tensor, classes: Tensor) -> Tensor:
        return selected(seen[-1] if seen and _are_probabilities(scores) else scores, classes)

    x, b, classes = checked(inputs, baselines, target, n_steps)
    handles = [
        m.register_forward_pre_hook(lambda m, args: seen.append(args[0]))
        for m in model.modules()
        if "softmax" in type(m).__name__.lower() or getattr(getattr(m, "op", None), "name", "") == "softmax"
    ]
    try:
        return ig(model, x, b, classes, n_steps, midpoint, lambda m, p, t: gradient(m, p, t, logits))
    finally:
        for handle in handles:
            handle.remove()


@mutant(refuted_by=("BASE.uniform",), defect="Explains the logarithm of outputs that look like probabilities.")
def log_of_probabilities(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def logs(scores: Tensor, classes: Tensor) -> Tensor:
        return selected(scores.log() if _are_probabilities(scores) else scores, classes)

    return ig(model, inputs, baselines, target, n_steps, midpoint, lambda m, p, t: gradient(m, p, t, logs))
