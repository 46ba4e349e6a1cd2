"""How is a method called in text, as a person who uses its library would write it?"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from inspect import Parameter, Signature
from pathlib import Path

from ig_props.attributors.load import parse_value
from ig_props.attributors.plain import Binding, bind
from ig_props.attributors.protocol import CannotRun, Kind

LARGEST = 2**20
"""Bytes of the largest file that is searched for a signature."""


@dataclass(frozen=True)
class Words:
    """What a call passes besides model, x and baseline: texts, empty where the word is not passed."""

    target: str
    n_steps: int
    chunk: int
    args: Mapping[str, object]

    baseline: str = "baseline"
    row: int = 0
    rows: int = 1

    def keywords(
        self, baselines: str = "", target: str = "", n_steps: str = "", chunk: str = "", fixed: bool = True
    ) -> str:
        """Keyword arguments under the names that a library gives them."""
        pairs = []
        if baselines and self.baseline != "None":
            pairs.append((baselines, self.baseline))
        if target:
            pairs.append((target, self.target))
        if n_steps:
            pairs.append((n_steps, str(self.n_steps)))
        if chunk and self.chunk:
            pairs.append((chunk, str(self.chunk)))
        if fixed:
            pairs += [(name, repr(value)) for name, value in self.args.items()]
        return ", ".join(f"{name}={text}" for name, text in pairs)


@dataclass(frozen=True)
class Library:
    """How one method is called: imports, statements that define what it needs, and the expression of attributions."""

    imports: tuple[str, ...]
    call: Callable[[Words], str]
    module: bool = False
    before: Callable[[Words], list[str]] = field(default=lambda words: [])


def _captum(method: str) -> Library:
    def call(w: Words) -> str:
        return f"{method}(model).attribute(x, {w.keywords('baselines', 'target', 'n_steps', 'internal_batch_size')})"

    return Library((f"from captum.attr import {method}",), call)


def _captum_layer(method: str) -> Library:
    def call(w: Words) -> str:
        words = w.keywords("baselines", "target", "n_steps", "internal_batch_size")
        return f"{method}(model, layer).attribute(x, {words})"

    return Library((f"from captum.attr import {method}",), call, module=True)


def _noise_tunnel(w: Words) -> str:
    words = w.keywords("baselines", "target", "n_steps", "internal_batch_size")
    return f"NoiseTunnel(IntegratedGradients(model)).attribute(x, stdevs=0.0, {words})"


def _layer_grad_cam(w: Words) -> str:
    return f"LayerGradCam(model, layer).attribute(x, {w.target}, relu_attributions=True)"


def _zennit(w: Words) -> str:
    start = "" if w.baseline == "None" else f"baseline_fn=lambda _: {w.baseline}, "
    pick = f"torch.nn.functional.one_hot(torch.as_tensor({w.target}).expand(len(x)), out.shape[1]).to(out)"
    return f"IntegratedGradients(model, {start}n_iter={w.n_steps})(x, lambda out: {pick})[1]"


def _row_of(target: str, row: str) -> str:
    """The target of one row of a batch."""
    found = re.fullmatch(r"torch\.tensor\(\[(\d+)\]\)", target)
    if found or target.isdigit():
        return found[1] if found else target
    return "0" if target == "None" else f"int(torch.as_tensor({target}).expand(len(x))[{row}])"


def _shap(model: str) -> Callable[[Words], str]:
    """One row of the baseline is the background, so rows are explained one by one, as the adapter does."""

    def call(w: Words) -> str:
        batch = f", batch_size={w.chunk}" if w.chunk else ""
        words = w.keywords(n_steps="nsamples")

        def row(data: str, rows: str, k: str) -> str:
            values = f"shap.GradientExplainer({model}, {data}{batch}).shap_values({rows}, {words})"
            return f"torch.from_numpy({values})[..., {_row_of(w.target, k)}]"

        if w.rows == 1:
            return row(w.baseline, "x", "0")
        return f"torch.cat([{row(f'{w.baseline}[k:k + 1]', 'x[k:k + 1]', 'k')} for k in range(len(x))])"

    return call


def _saliency(method: str) -> Library:
    """GetMask takes one sample without a batch dimension and a function from points to gradients, both of NumPy."""

    def before(w: Words) -> list[str]:
        return [
            "def gradients(points, call_model_args=None, expected_keys=None):",
            "    points = torch.tensor(points, dtype=x.dtype, requires_grad=True)",
            "    with torch.enable_grad():",
            "        score = model(points.clone())[:, call_model_args].sum()",
            "    return {INPUT_OUTPUT_GRADIENTS: torch.autograd.grad(score, points)[0].numpy()}",
        ]

    def call(w: Words) -> str:
        words = w.keywords(n_steps="x_steps", chunk="batch_size" if method == "IntegratedGradients" else "")

        def mask(k: str) -> str:
            start = "" if w.baseline == "None" else f"x_baseline={w.baseline}[{k}].detach().numpy(), "
            target = _row_of(w.target, k)
            made = f"{method}().GetMask(x[{k}].detach().numpy(), gradients, {target}, {start}{words})"
            return f"torch.from_numpy({made})"

        return f"{mask('0')}[None]" if w.rows == 1 else f"torch.stack([{mask('k')} for k in range(len(x))])"

    return Library((f"from saliency.core import INPUT_OUTPUT_GRADIENTS, {method}",), call, before=before)


def _grad_cam(method: str) -> Library:
    """In a `with` block, as its documentation has it: that removes the hooks."""

    def before(w: Words) -> list[str]:
        targets = f"[ClassifierOutputTarget(k) for k in torch.as_tensor({w.target}).expand(len(x)).tolist()]"
        return [
            "maps = None",
            f"with {method}(model=model, target_layers=[layer]) as cam:",
            f"    maps = torch.from_numpy(cam(input_tensor=x, targets={targets}))",
        ]

    imports = (
        f"from pytorch_grad_cam import {method}",
        "from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget",
    )
    return Library(imports, lambda w: "maps", module=True, before=before)


def _torchcam(method: str) -> Library:
    def before(w: Words) -> list[str]:
        classes = f"torch.as_tensor({w.target}).expand(len(x)).tolist()"
        return [f"with {method}(model, layer) as cam:", f"    maps = cam({classes}, model(x))[0]"]

    return Library((f"from torchcam.methods import {method}",), lambda w: "maps", module=True, before=before)


def _ours(method: str) -> Library:
    def call(w: Words) -> str:
        layer = "layer, " if method == "layer_integral" else ""
        steps = "n_steps" if "method" in w.args else ""
        rtol = "" if w.args else ", rtol=1e-06"
        words = w.keywords("baselines", "target", steps, "internal_batch_size")
        return f"{method}(model, {layer}x, {words}{rtol}).values"

    return Library((f"from ig_props import {method}",), call, module=method == "layer_integral")


def _our_map(method: str) -> Library:
    name = method.removesuffix("_signed")

    def call(w: Words) -> str:
        along = method.startswith("rsi")
        variant = ', variant="signed"' if method.endswith("_signed") else ""
        words = w.keywords("baselines", "target", "n_steps") if along else w.keywords(target="target")
        return f"{name}(model, layer, x, {words}{variant}).rectified"

    return Library((f"from ig_props.methods.grad_cam import {name}",), call, module=True)


_SEED = ["numpy.random.seed(0)"]
_HOOK = [*_SEED, "behind = torch.nn.Identity()", "layer.register_forward_hook(lambda module, args, out: behind(out))"]
LIBRARIES: dict[str, Library] = {
    "captum:IntegratedGradients": _captum("IntegratedGradients"),
    "captum:NoiseTunnel": Library(("from captum.attr import IntegratedGradients, NoiseTunnel",), _noise_tunnel),
    "captum:LayerIntegratedGradients": _captum_layer("LayerIntegratedGradients"),
    "captum:LayerConductance": _captum_layer("LayerConductance"),
    "captum:LayerGradCam": Library(("from captum.attr import LayerGradCam",), _layer_grad_cam, module=True),
    "zennit:IntegratedGradients": Library(
        ("from zennit.attribution import IntegratedGradients",), _zennit, module=True
    ),
    "shap:GradientExplainer": Library(
        ("import numpy", "import shap"), _shap("model"), module=True, before=lambda w: _SEED
    ),
    "shap:GradientExplainer.layer": Library(
        ("import numpy", "import shap"), _shap("(model, behind)"), module=True, before=lambda w: _HOOK
    ),
    "saliency:IntegratedGradients": _saliency("IntegratedGradients"),
    "saliency:GuidedIG": _saliency("GuidedIG"),
    "pytorch_grad_cam:GradCAM": _grad_cam("GradCAM"),
    "pytorch_grad_cam:GradCAMPlusPlus": _grad_cam("GradCAMPlusPlus"),
    "ig_props:integrated_gradients": _ours("integrated_gradients"),
    "ig_props:layer_integral": _ours("layer_integral"),
    **{
        f"ig_props:{method}": _our_map(method)
        for method in ("grad_cam", "grad_cam_positive", "grad_cam_plus_plus", "rsi_grad_cam", "rsi_grad_cam_signed")
    },
    "torchcam:GradCAM": _torchcam("GradCAM"),
    "torchcam:GradCAMpp": _torchcam("GradCAMpp"),
}
"""The real call of every adapter."""


def split_name(name: str) -> tuple[str, dict[str, object]]:
    """SPEC and arguments of an attributor's name `SPEC[key=value,…]`."""
    found = re.fullmatch(r"(.+?)\[([^\[\]]*=[^\[\]]*)\]", name)
    if not found:
        return name, {}
    pairs = (pair.partition("=") for pair in found[2].split(","))
    return found[1], {key: parse_value(value) for key, _, value in pairs}


def _file_of(spec: str) -> tuple[Path | None, str]:
    """The source file of a SPEC and the name in it, found without importing anything."""
    file = re.fullmatch(r"(.+\.py)(?::([^:/\\]+))?", spec)
    if file:
        return Path(file[1]), file[2] or "attribute"
    module, _, member = spec.partition(":")
    for folder in ["", *sys.path]:
        for path in (
            Path(folder, *module.split(".")).with_suffix(".py"),
            Path(folder, *module.split("."), "__init__.py"),
        ):
            if path.is_file():
                return path, member or "attribute"
    return None, member or "attribute"


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef, method: bool) -> Signature:
    a = node.args
    plain = [*a.posonlyargs, *a.args]
    free = len(plain) - len(a.defaults)
    parameters = [
        Parameter(p.arg, Parameter.POSITIONAL_OR_KEYWORD, default=Parameter.empty if k < free else None)
        for k, p in enumerate(plain)
    ]
    if a.vararg:
        parameters.append(Parameter(a.vararg.arg, Parameter.VAR_POSITIONAL))
    for p, default in zip(a.kwonlyargs, a.kw_defaults, strict=True):
        parameters.append(
            Parameter(p.arg, Parameter.KEYWORD_ONLY, default=Parameter.empty if default is None else None)
        )
    if a.kwarg:
        parameters.append(Parameter(a.kwarg.arg, Parameter.VAR_KEYWORD))
    return Signature(parameters[1:] if method else parameters)


def _definition(path: Path | None, name: str) -> tuple[Signature | None, bool]:
    """The signature of a function, or of a class's `attribute`, read from its text; and whether it is a class."""
    try:
        if path is None or path.stat().st_size > LARGEST:
            return None, False
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None, False
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return _signature(node, False), False
        if isinstance(node, ast.ClassDef) and node.name == name:
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and inner.name == "attribute":
                    return _signature(inner, True), True
            return None, True
    return None, False


def _bound(
    signature: Signature, spec: str, words: tuple[str, ...], args: Mapping[str, object], needs_layer: bool
) -> Binding | None:
    """The call that fits a signature: with a baseline, or without one as methods of the Grad-CAM family are called."""
    usual = (words, Kind.LAYER_INTEGRAL if needs_layer else Kind.IG)
    bare = (tuple(word for word in words if word != "baselines"), Kind.GRAD_CAM)
    for leading, kind in (usual, bare) if needs_layer else (usual,):
        try:
            return bind(signature, spec, leading, args, kind)
        except CannotRun:
            continue
    return None


def _foreign(spec: str, args: Mapping[str, object], needs_layer: bool) -> Library:
    """The call of a function or class that somebody wrote, by import from where the SPEC says it is."""
    path, name = _file_of(spec)
    head = name.partition(".")[0]
    if spec.partition(":")[0].endswith(".py"):
        shown = str(path)
        imports: tuple[str, ...] = ("import runpy", f"{head} = runpy.run_path({shown!r})[{head!r}]")
    elif path is not None or ":" in spec:
        imports = (f"from {spec.partition(':')[0]} import {head}",)
    else:
        imports = (f"# {spec} is the function that was checked; import it here",)
    signature, is_class = _definition(path, name)
    built = ["model", "layer"] if needs_layer else ["model"]
    leading = ("inputs", "baselines", "target")
    words: tuple[str, ...] = leading if is_class else (*built, *leading)
    binding: Binding | None = None
    if signature is not None:
        known = {k: v for k, v in args.items() if not is_class or k in signature.parameters}
        binding = _bound(signature, spec, words, known, needs_layer)

    def call(w: Words) -> str:
        texts = {"model": "model", "layer": "layer", "inputs": "x", "baselines": w.baseline, "target": w.target,
                 "n_steps": str(w.n_steps), "internal_batch_size": str(w.chunk) if w.chunk else ""}  # fmt: skip
        b = binding or Binding(tuple(words), ("n_steps",), dict(args))
        passed = [texts[word] for word in b.positional if texts[word]]
        passed += [f"{word}={texts[word]}" for word in b.keywords if texts[word]]
        passed += [f"{key}={value!r}" for key, value in b.extras.items()]
        inner = {k: v for k, v in args.items() if k not in b.extras}
        made = ", ".join([*built, *(f"{k}={v!r}" for k, v in inner.items())])
        return f"{name}({made}).attribute({', '.join(passed)})" if is_class else f"{name}({', '.join(passed)})"

    return Library(imports, call, module=needs_layer, before=lambda w: [])


def library_of(name: str, needs_layer: bool) -> tuple[Library, dict[str, object]]:
    """How the attributor `name` is called, and the arguments that are part of its name."""
    spec, args = split_name(name)
    return LIBRARIES.get(spec) or _foreign(spec, args, needs_layer), args
