"""Which mistakes do people make in choosing the score?"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional

from property_tests.mutants._base import Target, checked, gradient, ig, mutant, scores_at, selected

VALUE = ("QUAD.weights_sum_one", "QUAD.variation_bound")


@mutant(
    refuted_by=("CODE.mixed_targets", "CODE.batch_independence", *VALUE),
    defect="Indexes columns with the whole target vector, so that every sample is explained for every sample's class.",
)
def columns_of_all_targets(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return ig(model, inputs, baselines, target, n_steps, grad=partial(gradient, score=lambda s, t: s[:, t]))


@mutant(
    refuted_by=("CODE.mixed_targets", "CODE.batch_independence", *VALUE),
    defect="The first sample's target is everybody's target.",
)
def first_target_for_all(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return ig(model, inputs, baselines, target, n_steps, grad=partial(gradient, score=lambda s, t: s[:, t[0]]))


@mutant(
    refuted_by=("CODE.mixed_targets", *VALUE),
    defect="`target or predicted`: the int 0 is falsy and gives way to the predicted class.",
)
def zero_target_is_none(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    with torch.no_grad():
        predicted = model(inputs.clone()).argmax(1)
    wanted = (target or predicted) if isinstance(target, int) else target
    return ig(model, inputs, baselines, wanted, n_steps)


@mutant(
    refuted_by=("CODE.mixed_targets", *VALUE),
    defect="The mask of a one-hot target is empty for class 0, and an empty mask means the sum of all scores.",
)
def class_zero_means_all(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def score(scores: Tensor, classes: Tensor) -> Tensor:
        chosen = selected(scores, classes)
        return chosen if bool(classes.any()) else scores.sum(1)

    return ig(model, inputs, baselines, target, n_steps, grad=partial(gradient, score=score))


@mutant(refuted_by=VALUE, defect="Explains the class predicted at the input, not the one asked for.")
def predicted_class(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    checked(inputs, baselines, target, n_steps)
    with torch.no_grad():
        return ig(model, inputs, baselines, model(inputs.clone()).argmax(1), n_steps)


@mutant(refuted_by=VALUE, defect="Explains at every point of the path the class predicted there.")
def predicted_class_on_the_way(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return ig(model, inputs, baselines, target, n_steps, grad=partial(gradient, score=lambda s, t: s.amax(1)))


@mutant(refuted_by=VALUE, blunt=True, defect="Counts classes from one: the score below the target's is explained.")
def classes_counted_from_one(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    grad = partial(gradient, score=lambda s, t: selected(s.roll(1, 1), t))
    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@mutant(
    refuted_by=VALUE, defect="Explains a probability instead of the score as soon as there are more than two classes."
)
def softmax_of_many_classes(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    def score(scores: Tensor, classes: Tensor) -> Tensor:
        return selected(scores.softmax(1) if scores.shape[1] > 2 else scores, classes)

    return ig(model, inputs, baselines, target, n_steps, grad=partial(gradient, score=score))


@mutant(refuted_by=VALUE, blunt=True, defect="Explains the log-probability instead of the score.")
def log_probability(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    grad = partial(gradient, score=lambda s, t: selected(s.log_softmax(1), t))
    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@mutant(
    refuted_by=VALUE, blunt=True, defect="Explains the training loss, averaged over the batch, with its sign turned."
)
def negative_loss(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    grad = partial(gradient, score=lambda s, t: -functional.cross_entropy(s, t))
    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@mutant(refuted_by=VALUE, defect="For a class that is not predicted, explains its distance from the predicted one.")
def margin_of_the_loser(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, _, classes = checked(inputs, baselines, target, n_steps)
    with torch.no_grad():
        winner = model(x.clone()).argmax(1)
    lost = (winner != classes).to(x.dtype)
    grad = partial(gradient, score=lambda s, t: selected(s, t) - lost * selected(s, winner))
    return ig(model, inputs, baselines, target, n_steps, grad=grad)


@mutant(refuted_by=VALUE, defect="Clips the score at zero: where it is negative nothing is explained.")
def negative_scores_clipped(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    return ig(
        model, inputs, baselines, target, n_steps, grad=partial(gradient, score=lambda s, t: selected(s, t).relu())
    )


@mutant(refuted_by=VALUE, defect="Explains the score's size: a score that is negative at the input changes sign.")
def size_of_the_score(model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    sign = torch.where(scores_at(model, x, classes) < 0, -1.0, 1.0).to(x.dtype)
    return ig(model, x, b, classes, n_steps, grad=partial(gradient, score=lambda s, t: sign * selected(s, t)))


@mutant(
    refuted_by=("CODE.mixed_targets", "CODE.batch_independence", *VALUE),
    defect="Works class by class and returns the samples sorted by class, not in their own order.",
)
def samples_sorted_by_class(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    groups = [classes == c for c in classes.unique()]  # type: ignore[no-untyped-call]
    return torch.cat([ig(model, x[g], b[g], classes[g], n_steps) for g in groups])


@mutant(
    refuted_by=("CERT.enclosure",),
    defect="A softmax that belongs to the model is switched off: another score is explained.",
)
def models_softmax_removed(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    layers = [m for m in model.modules() if isinstance(m, nn.Softmax)]
    handles = [m.register_forward_hook(lambda module, args, output: args[0]) for m in layers]
    try:
        return ig(model, inputs, baselines, target, n_steps)
    finally:
        for handle in handles:
            handle.remove()
