"""Which mistakes come from remembering earlier calls, or from how tensors lie in memory?"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from property_tests.mutants._base import Target, average, checked, gradient, ig, midpoint, mutant

RESULTS: dict[Any, Tensor] = {}
BUFFERS: dict[Any, Tensor] = {}


def _values(*tensors: Tensor | int) -> tuple[Any, ...]:
    return tuple(
        (str(t.dtype), tuple(t.shape), tuple(t.flatten().tolist())) if isinstance(t, Tensor) else t for t in tensors
    )


@mutant(
    refuted_by=("CODE.second_model",),
    defect="Remembers results by id(model), which the next model may inherit, and by the arguments' values.",
)
def remembered_by_model_id(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    key = ("id", id(model), n_steps, *_values(inputs.detach(), baselines.detach(), target))
    if key not in RESULTS:
        RESULTS[key] = ig(model, inputs, baselines, target, n_steps)
    return RESULTS[key].clone()


@mutant(
    refuted_by=("CODE.second_model", "QUAD.weights_sum_one", "CODE.determinism"),
    blunt=True,
    defect="Remembers results by the address of the inputs: other values in the same memory get the old answer.",
)
def remembered_by_address(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    key = ("address", inputs.data_ptr(), inputs.dtype, tuple(inputs.shape), n_steps)
    if key not in RESULTS:
        RESULTS[key] = ig(model, inputs, baselines, target, n_steps)
    return RESULTS[key].clone()


@mutant(
    refuted_by=("CODE.second_model",),
    defect="Remembers results by the names and sizes of the parameters: other weights get the old answer.",
)
def remembered_by_parameter_sizes(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    sizes = tuple((name, tuple(p.shape)) for name, p in model.named_parameters())
    key = ("sizes", str(model), sizes, n_steps, *_values(inputs.detach(), baselines.detach(), target))
    if key not in RESULTS:
        RESULTS[key] = ig(model, inputs, baselines, target, n_steps)
    return RESULTS[key].clone()


@mutant(
    refuted_by=("CODE.determinism", "CODE.second_model", "QUAD.weights_sum_one"),
    blunt=True,
    defect="Sums into a buffer kept for each shape and clears it only when it is made.",
)
def buffer_not_cleared(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    new = torch.zeros_like(x, memory_format=torch.contiguous_format)
    total = BUFFERS.setdefault(("sum", x.dtype, tuple(x.shape)), new)
    total += average(model, x, b, classes, midpoint(n_steps))
    return (x - b) * total


@mutant(
    refuted_by=("CODE.second_model", "CODE.determinism"),
    defect="Returns the buffer it keeps for the shape: the next call overwrites what the last one returned.",
)
def answer_overwritten_later(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    new = torch.empty_like(result, memory_format=torch.contiguous_format)
    return BUFFERS.setdefault(("answer", result.dtype, tuple(result.shape)), new).copy_(result)


@mutant(
    refuted_by=("CODE.memory_layout", "QUAD.weights_sum_one"),
    defect="Reads the inputs from their storage as if it were contiguous.",
)
def inputs_read_from_storage(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    raw = torch.empty(0, dtype=inputs.dtype).set_(inputs.detach().untyped_storage())
    if raw.numel() >= inputs.numel():
        inputs = raw[: inputs.numel()].reshape(inputs.shape)
    return ig(model, inputs, baselines, target, n_steps)


@mutant(
    refuted_by=("CODE.memory_layout", "QUAD.weights_sum_one", "QUAD.variation_bound"),
    defect="Hands gradients over in the order in which they lie in memory, which follows the inputs' strides.",
)
def gradients_in_memory_order(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    order = sorted(range(inputs.ndim), key=lambda k: -inputs.stride()[k])
    return result.permute(order).reshape(inputs.shape)


@mutant(
    refuted_by=("CODE.memory_layout", "QUAD.weights_sum_one", "QUAD.variation_bound"),
    defect="Skips with the input's stride once more where the gradient is contiguous already.",
)
def strides_applied_twice(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    x, b, classes = checked(inputs, baselines, target, n_steps)
    total = average(model, x, b, classes, midpoint(n_steps))
    step = max(inputs.stride(-1), 1) if inputs.shape[-1] > 1 else 1
    kept = torch.zeros_like(total)
    kept[..., ::step] = total[..., ::step]
    return (x - b) * kept


@mutant(
    refuted_by=("CODE.memory_layout", "CODE.batch_independence", "QUAD.weights_sum_one"),
    defect="Adds the displacement in place to an expanded input's own memory: equal rows are added up several times.",
)
def expanded_rows_add_up(
    model: nn.Module, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50
) -> Tensor:
    result = ig(model, inputs, baselines, target, n_steps)
    rows = len(inputs)
    return result * rows if rows > 1 and inputs.stride(0) == 0 else result


@mutant(
    refuted_by=("CODE.second_model", "QUAD.weights_sum_one", "QUAD.variation_bound"),
    blunt=True,
    defect="Compiles the model once for each shape of inputs and explains the first one for ever.",
)
class FirstModelForEver:
    compiled: ClassVar[dict[Any, nn.Module]] = {}

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def attribute(self, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
        model = self.compiled.setdefault((inputs.dtype, tuple(inputs.shape[1:])), self.model)
        return ig(model, inputs, baselines, target, n_steps)


@mutant(
    refuted_by=("CODE.determinism", "QUAD.weights_sum_one"),
    blunt=True,
    defect="Appends its steps to a list that all objects share: from the second call on old steps are walked again.",
)
class StepsOfEarlierCalls:
    nodes: ClassVar[list[float]] = []

    def __init__(self, model: nn.Module) -> None:
        self.model = model

    def attribute(self, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
        x, b, classes = checked(inputs, baselines, target, n_steps)
        self.nodes[:-n_steps] = []
        self.nodes.extend(midpoint(n_steps)[0])
        total = sum((gradient(self.model, b + t * (x - b), classes) for t in self.nodes), torch.zeros_like(x))
        return (x - b) * total / n_steps


@mutant(refuted_by=("CODE.purity",), defect="Its constructor registers a hook that no call and no destructor removes.")
class HookOfTheConstructor:
    def __init__(self, model: nn.Module) -> None:
        self.model, self.outputs = model, list[Tensor]()
        model.register_forward_hook(lambda module, args, output: self.outputs.append(output))

    def attribute(self, inputs: Tensor, baselines: Tensor, target: Target, n_steps: int = 50) -> Tensor:
        return ig(self.model, inputs, baselines, target, n_steps)
