"""Which code does a SPEC name, and what does it claim to be?"""

from __future__ import annotations

import difflib
import hashlib
import importlib
import importlib.util
import inspect
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, cast

from ig_props.attributors.plain import Plain
from ig_props.attributors.protocol import ACCEPTS, PLAIN, Attributor, Call, CannotRun, Kind, Traits

STAGES = ("raw", "normalized")
NO_ARGS: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True)
class Known:
    """An adapter of a library: its kind, the maps it can return (the default first) and one line for people."""

    kind: Kind
    summary: str
    stages: tuple[str, ...] = ("raw",)


@dataclass(frozen=True)
class Library:
    """A third-party library: what to import, what to install, and its adapters by the name of the class they call."""

    package: str
    distribution: str
    extra: str
    adapter: str
    adapters: Mapping[str, Known]
    torchvision: bool = False


LIBRARIES: dict[str, Library] = {
    "ig_props": Library("ig_props", "ig-props", "", "ours", {
        "integrated_gradients": Known(Kind.IG, "our engine to rtol=1e-6, or by method=… with n_steps"),
        "layer_integral": Known(Kind.LAYER_INTEGRAL, "our layer integral to rtol=1e-6, or by method=… with n_steps"),
        "grad_cam": Known(Kind.GRAD_CAM, "our Grad-CAM", ("raw", "normalized")),
        "grad_cam_positive": Known(Kind.GRAD_CAM_POSITIVE, "our Grad-CAM with positive gradients", ("raw", "normalized")),
        "grad_cam_plus_plus": Known(Kind.GRAD_CAM_PLUS_PLUS, "our Grad-CAM++", ("raw", "normalized")),
        "rsi_grad_cam": Known(Kind.RSI_GRAD_CAM, "our RSI-Grad-CAM, rectified", ("raw", "normalized")),
        "rsi_grad_cam_signed": Known(Kind.RSI_GRAD_CAM_SIGNED, "our RSI-Grad-CAM, signed", ("raw", "normalized")),
    }),
    "captum": Library("captum.attr", "captum", "captum", "captum", {
        "IntegratedGradients": Known(Kind.IG, "IG by Gauss-Legendre or, with method=riemann_…, one of four sums"),
        "NoiseTunnel": Known(Kind.IG, "NoiseTunnel(IntegratedGradients) at stdevs=0, which adds no noise"),
        "LayerIntegratedGradients": Known(Kind.LAYER_IG, "IG on the straight line between a layer's two outputs"),
        "LayerConductance": Known(Kind.LAYER_INTEGRAL, "conductance of a layer along the straight line of inputs"),
        "LayerGradCam": Known(Kind.GRAD_CAM, "Grad-CAM with relu_attributions=True, at the layer's size"),
    }),
    "zennit": Library("zennit.attribution", "zennit", "zennit", "zennit", {
        "IntegratedGradients": Known(Kind.IG, "IG over n_iter points, without a composite"),
    }, torchvision=True),
    "shap": Library("shap", "shap", "shap", "shap", {
        "GradientExplainer": Known(Kind.IG, "expected gradients with the baseline as background: Monte-Carlo IG"),
        "GradientExplainer.layer": Known(Kind.LAYER_IG, "the same for (model, layer)"),
    }),
    "saliency": Library("saliency.core", "saliency", "saliency", "saliency", {
        "IntegratedGradients": Known(Kind.IG, "PAIR's IG, sample by sample"),
        "GuidedIG": Known(Kind.PATH, "Guided IG, whose path depends on the model, sample by sample"),
    }),
    "pytorch_grad_cam": Library("pytorch_grad_cam", "grad-cam", "grad-cam", "grad_cam", {
        "GradCAM": Known(Kind.GRAD_CAM, "Grad-CAM, normalised and resized to the input", ("normalized",)),
        "GradCAMPlusPlus": Known(Kind.GRAD_CAM_PLUS_PLUS, "Grad-CAM++, normalised and resized", ("normalized",)),
    }, torchvision=True),
    "torchcam": Library("torchcam.methods", "torchcam", "torchcam", "torchcam", {
        "GradCAM": Known(Kind.GRAD_CAM, "Grad-CAM at the layer's size", ("normalized", "raw")),
        "GradCAMpp": Known(Kind.GRAD_CAM_PLUS_PLUS, "Grad-CAM++ at the layer's size", ("normalized", "raw")),
    }),
}  # fmt: skip
_ALIASES = {"grad-cam": "pytorch_grad_cam", "grad_cam": "pytorch_grad_cam", "pytorch-grad-cam": "pytorch_grad_cam"}
_OPERATORS: list[Any] = []


@dataclass(frozen=True)
class Available:
    """One line of `ig-props list`: `version` is None where the library is not installed."""

    spec: str
    kind: Kind
    extra: str
    version: str | None
    summary: str


def available() -> list[Available]:
    """Every adapter and the installed version of its library; imports nothing."""
    return [
        Available(f"{name}:{method}", known.kind, library.extra, _version(library.distribution), known.summary)
        for name, library in LIBRARIES.items()
        for method, known in library.adapters.items()
    ]


def _version(distribution: str) -> str | None:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def parse_value(text: str) -> object:
    """The value of `--arg name=text`: an int, a float, true, false, none or else the text itself."""
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    if re.fullmatch(r"[+-]?\d+", text):
        return int(text)
    if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text):
        return float(text)
    return text


def parse_args(pairs: Iterable[str]) -> dict[str, object]:
    """The arguments of several `name=value` texts; ValueError names a text that is not of this form."""
    args = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign or not name.isidentifier():
            raise ValueError(f"--arg needs name=value with a Python name, given {pair!r}")
        args[name] = parse_value(text)
    return args


def _kind(as_: str | None) -> Kind | None:
    if as_ is None or as_ in set(Kind):
        return None if as_ is None else Kind(as_)
    raise ValueError(f"as_ is one of {', '.join(Kind)}, given {as_!r}{_near(as_, list(Kind))}")


def _accepted(accepts: Iterable[str]) -> frozenset[str]:
    words = frozenset((accepts,) if isinstance(accepts, str) else accepts)
    for word in sorted(words - set(ACCEPTS)):
        raise ValueError(f"accepts is some of {', '.join(ACCEPTS)}, given {word!r}{_near(word, ACCEPTS)}")
    return words


def _stage(stage: str | None, kind: Kind, what: str, stages: tuple[str, ...] = STAGES) -> str:
    if stage is not None and stage not in STAGES:
        raise ValueError(f"stage is one of {', '.join(STAGES)}, given {stage!r}{_near(stage, STAGES)}")
    if stage is not None and not kind.is_map:
        raise ValueError(f"stage {stage!r} was given for {what}, but only maps have stages and {kind} is not a map")
    if stage is not None and stage not in stages:
        raise ValueError(f"{what} returns {' or '.join(stages)} maps, given stage {stage!r}")
    return stage or stages[0]


def _near(word: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(word, [str(k) for k in known], n=1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text[:200]}" if text else type(error).__name__


@dataclass(frozen=True)
class _Declared:
    """An attributor with other traits than its own."""

    inner: Attributor
    traits: Traits

    @property
    def name(self) -> str:
        return self.inner.name

    def attribute(self, call: Call) -> Any:
        return self.inner.attribute(call)


def _declared(inner: Attributor, kind: Kind | None, stage: str | None, accepts: frozenset[str]) -> Attributor:
    """The attributor under another kind of the same form, another stage or with more accepted."""
    own = inner.traits.kind
    if kind is not None and (kind.needs_layer, kind.is_map) != (own.needs_layer, own.is_map):
        raise ValueError(f"{inner.name} computes {own}, whose answers have another form than those of {kind}")
    traits = replace(
        inner.traits,
        kind=kind or own,
        stage=inner.traits.stage if stage is None else _stage(stage, own, inner.name),
        accepts=inner.traits.accepts | accepts,
    )
    if traits == inner.traits:
        return inner
    return replace(inner, traits=traits) if isinstance(inner, Plain) else _Declared(inner, traits)


def ready_torchvision() -> None:
    """Let torchvision be imported where its compiled operators do not fit the installed torch.

    A CUDA build beside a CPU torch fails on import for want of two operators that no attribution method calls.
    """
    try:
        importlib.import_module("torchvision")
    except RuntimeError as error:
        if "torchvision::" not in str(error):
            return
    except Exception:
        return
    else:
        return
    import torch

    operators: Any = cast(Any, torch.library).Library("torchvision", "FRAGMENT")
    _OPERATORS.append(operators)
    for name in ("nms", "qnms"):
        if not hasattr(torch.ops.torchvision, name):
            operators.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")


def _of_library(spec: str, library: Library) -> ModuleType:
    top = library.package.partition(".")[0]
    if library.torchvision:
        ready_torchvision()
    try:
        return importlib.import_module(library.package)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in (top, "torchvision"):
            raise CannotRun(f"{spec}: importing {top} failed, since it needs {error.name}") from None
        raise CannotRun(
            f'{spec} needs {missing}, which is not installed: pip install "ig-props[{library.extra}]"'
        ) from None
    except (Exception, SystemExit) as error:
        raise CannotRun(f"{spec}: importing {top} {_version(library.distribution)} raised {_said(error)}") from None


def _adapter(name: str, method: str, stage: str | None, args: Mapping[str, object]) -> Attributor:
    library = LIBRARIES[name]
    known, spec = library.adapters[method], f"{name}:{method}"
    chosen = _stage(stage, known.kind, spec, known.stages)
    _of_library(spec, library)
    module = importlib.import_module(f"ig_props.attributors.{library.adapter}")
    return cast(Attributor, module.ADAPTERS[method](_named(spec, args), chosen, args))


def _named(spec: str, args: Mapping[str, object]) -> str:
    return spec + ("[" + ",".join(f"{k}={v}" for k, v in args.items()) + "]" if args else "")


@contextmanager
def _first_on_path(folder: str) -> Iterator[None]:
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        if folder in sys.path:
            sys.path.remove(folder)


def _from_file(spec: str, path: Path) -> ModuleType:
    if not path.is_file():
        raise CannotRun(f"{spec}: there is no file {path}")
    path = path.resolve()
    name = f"ig_props_spec_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:12]}"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise CannotRun(f"{spec}: {path} is not a Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    try:
        with _first_on_path(str(path.parent)):
            found.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise CannotRun(f"{spec}: importing {path.name} raised {_said(error)}") from None
    return module


def _from_package(spec: str, name: str) -> ModuleType:
    if not all(part.isidentifier() for part in name.split(".")):
        raise CannotRun(f"{spec!r} is none of LIBRARY:Method, package.module:object and path/to/file.py:function")
    try:
        with _first_on_path(os.getcwd()):
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise CannotRun(f"{spec}: there is no module {error.name}{_near(name, LIBRARIES)}") from None
        raise CannotRun(f"{spec}: importing {name} raised {_said(error)}") from None
    except (Exception, SystemExit) as error:
        raise CannotRun(f"{spec}: importing {name} raised {_said(error)}") from None


def _member(spec: str, module: ModuleType, path: str, also: Iterable[str] = ()) -> Any:
    found: Any = module
    for part in path.split("."):
        if not hasattr(found, part):
            names = [n for n, v in vars(found).items() if callable(v) and not n.startswith("_")] if part == path else []
            hint = _near(part, [*names, *also])
            shown = f"; it has {', '.join(names[:6])}" if names and not hint and len(names) <= 12 else ""
            raise CannotRun(f"{spec}: there is no {part!r} in it{hint}{shown}")
        found = getattr(found, part)
    return found


def _default_member(spec: str, module: ModuleType, kind: Kind | None) -> tuple[str, Any]:
    names = ("attribute_layer", "attribute") if kind and kind.needs_layer else ("attribute", "attribute_layer")
    for name in names:
        if hasattr(module, name):
            return name, getattr(module, name)
    raise CannotRun(f"{spec} names no object and has neither `attribute` nor `attribute_layer`: write {spec}:NAME")


def load(
    spec: str,
    *,
    as_: str | None = None,
    stage: str | None = None,
    args: Mapping[str, object] = NO_ARGS,
    accepts: Iterable[str] = (),
) -> Attributor:
    """The attributor named by LIBRARY:Method, package.module:object or path/to/file.py:function.

    as_: what it claims to be, a `Kind` (default: an adapter's own, ig for functions, layer-integral for a function that
    was found under the name attribute_layer). stage: "raw" or "normalized" for maps. args: fixed keywords, texts being
    read by `parse_value`. accepts: keys of `ACCEPTS` that hold besides the usual ones. Raises CannotRun in one sentence
    if there is no such code or its signature does not fit, ValueError if as_, stage or accepts are unknown.
    """
    kind, more = _kind(as_), _accepted(accepts)
    spec = spec.removesuffix(":")
    values = {name: parse_value(v) if isinstance(v, str) else v for name, v in args.items()}
    file = re.fullmatch(r"(.+\.py)(?::([^:/\\]+))?", spec)
    head, _, member = (file[1], "", file[2] or "") if file else spec.partition(":")
    library = "" if file else _ALIASES.get(head, head)
    if library in LIBRARIES:
        methods = LIBRARIES[library].adapters
        if member in methods:
            return _declared(_adapter(library, member, stage, values), kind, None, more)
        if not member:
            raise CannotRun(f"{spec} names a library; write one of {', '.join(f'{head}:{m}' for m in methods)}")
        module = _of_library(spec, LIBRARIES[library])
        found = _member(spec, module, member, methods)
    else:
        module = _from_file(spec, Path(head)) if file else _from_package(spec, head)
        member, found = (member, _member(spec, module, member)) if member else _default_member(spec, module, kind)
    if kind is None and member == "attribute_layer" and not hasattr(found, "traits"):
        as_ = Kind.LAYER_INTEGRAL
    if isinstance(found, str):
        raise CannotRun(f"{spec} is a text, which cannot be called")
    return coerce(found, as_=as_, stage=stage, args=values, accepts=more, name=spec)


def imported(spec: str, member: str) -> Any:
    """The object that package.module:object or path/to/file.py:object names, `member` where it names none.

    Raises CannotRun in one sentence.
    """
    file = re.fullmatch(r"(.+\.py)(?::([^:/\\]+))?", spec)
    head, name = (file[1], file[2]) if file else spec.partition(":")[::2]
    module = _from_file(spec, Path(head)) if file else _from_package(spec, head)
    return _member(spec, module, name or member)


def coerce(
    obj: object,
    *,
    as_: str | None = None,
    stage: str | None = None,
    args: Mapping[str, object] = NO_ARGS,
    accepts: Iterable[str] = (),
    name: str | None = None,
) -> Attributor:
    """An attributor from what a person hands over: an attributor, a SPEC, a function, or a class with `.attribute`.

    Raises CannotRun and ValueError as `load` does.
    """
    if isinstance(obj, str):
        return load(obj, as_=as_, stage=stage, args=args, accepts=accepts)
    kind, more = _kind(as_), _accepted(accepts)
    label = str(name or getattr(obj, "__qualname__", type(obj).__name__))
    if isinstance(getattr(obj, "traits", None), Traits) and callable(getattr(obj, "attribute", None)):
        if args:
            raise CannotRun(f"{label} is an attributor and takes no arguments, given {', '.join(args)}")
        return _declared(cast(Attributor, obj() if inspect.isclass(obj) else obj), kind, stage, more)
    if not inspect.isclass(obj) and not inspect.isroutine(obj) and callable(getattr(obj, "attribute", None)):
        method = obj.attribute  # type: ignore[attr-defined]
        if "model" not in inspect.signature(method).parameters:
            raise CannotRun(f"{label} is an instance that belongs to one model; give its class {type(obj).__name__}")
        obj = method
    kind = kind or Kind.IG
    traits = Traits(kind, _stage(stage, kind, label), PLAIN | more)
    return Plain(cast(Any, obj), _named(label, args), traits, dict(args))
