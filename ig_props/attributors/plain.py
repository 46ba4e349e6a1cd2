"""How is a function or class that somebody else wrote called with Captum's vocabulary?"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from inspect import Parameter, Signature
from typing import Any

from ig_props.attributors.protocol import Call, CannotRun, Kind, Traits

OPTIONAL = ("n_steps", "internal_batch_size")
"""Words that are passed only to what names them."""

_POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)


@dataclass(frozen=True)
class Binding:
    """Which words of a call a signature takes: `positional` in order, `keywords` by name, `extras` as they are."""

    positional: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    extras: Mapping[str, object] = field(default_factory=dict)

    @property
    def words(self) -> frozenset[str]:
        return frozenset(self.positional) | frozenset(self.keywords)

    def arguments(self, values: Mapping[str, object]) -> tuple[list[object], dict[str, object]]:
        """Positional and keyword arguments; optional words whose value is None are left to their defaults."""
        leading = [values[word] for word in self.positional]
        while leading and leading[-1] is None and self.positional[len(leading) - 1] in OPTIONAL:
            leading.pop()
        named = {word: values[word] for word in self.keywords if word not in OPTIONAL or values[word] is not None}
        return leading, {**named, **self.extras}


def _leading(kind: Kind, names: Iterable[str]) -> tuple[str, ...]:
    """The words of a kind in the order in which a person writes them; Grad-CAM needs no baseline."""
    words = ("model", "layer", "inputs") if kind.needs_layer else ("model", "inputs")
    if kind.value.startswith("grad-cam") and "baselines" not in names:
        return (*words, "target")
    return (*words, "baselines", "target")


def usage(kind: Kind) -> str:
    """The call of a kind as a person would write the function that answers it."""
    if kind.value.startswith("grad-cam"):
        return "attribute_layer(model, layer, inputs, target)"
    name = "attribute_layer(model, layer, inputs" if kind.needs_layer else "attribute(model, inputs"
    return f"{name}, baselines, target, n_steps=…)"


def _shown(signature: Signature) -> str:
    return "(" + ", ".join(str(p.replace(annotation=Parameter.empty)) for p in signature.parameters.values()) + ")"


def _assigned(signature: Signature, leading: tuple[str, ...], extras: Mapping[str, object]) -> dict[str, str]:
    """Parameter -> word: by equal names, else by position where the parameter must be given or defaults to None."""
    vocabulary = (*leading, *OPTIONAL)
    parameters = signature.parameters
    found = {name: name for name in parameters if name in vocabulary and name not in extras}
    in_order = [p for p in parameters.values() if p.kind in _POSITIONAL]
    for word, p in zip(leading, in_order, strict=False):
        open_ = p.default is Parameter.empty or p.default is None
        if open_ and p.name not in found and p.name not in extras and word not in parameters:
            found[p.name] = word
    return found


def bind(
    signature: Signature,
    what: str,
    leading: tuple[str, ...],
    extras: Mapping[str, object],
    kind: Kind,
) -> Binding:
    """How `signature` takes the words `leading` and the optional ones, with `extras` as fixed keywords.

    Raises CannotRun, naming what it takes and what is needed, when a word finds no parameter, a parameter that must be
    given finds no word, or an extra is not a keyword of it.
    """
    shown = f"{what} takes {_shown(signature)}"
    needed = f"{kind} is called as {usage(kind)}"
    parameters = signature.parameters
    open_names = any(p.kind is Parameter.VAR_KEYWORD for p in parameters.values())
    open_row = any(p.kind is Parameter.VAR_POSITIONAL for p in parameters.values())
    for name in extras:
        if name in leading:
            raise CannotRun(f"{what}: the argument {name!r} is set by the checks and cannot be fixed")
        p = parameters.get(name)
        if (p is None or p.kind in (Parameter.POSITIONAL_ONLY, Parameter.VAR_POSITIONAL)) and not open_names:
            near = difflib.get_close_matches(name, [n for n in parameters if n not in leading], n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise CannotRun(f"{shown}, which has no keyword {name!r}{hint}")
    found = _assigned(signature, leading, extras)
    in_order = [p for p in parameters.values() if p.kind in _POSITIONAL]
    by_position = [
        k
        for k, p in enumerate(in_order)
        if p.name in found and (found[p.name] != p.name or p.kind is Parameter.POSITIONAL_ONLY)
    ]
    last = max(by_position, default=-1)
    for p in in_order[: last + 1]:
        if p.name not in found:
            raise CannotRun(f"{shown}, in which {p.name!r} comes before arguments that have other names; {needed}")
    for p in parameters.values():
        required = p.default is Parameter.empty and p.kind in (*_POSITIONAL, Parameter.KEYWORD_ONLY)
        if required and p.name not in found and p.name not in extras:
            hint = " (a kind that needs a layer is chosen with --as)" if p.name == "layer" else ""
            raise CannotRun(f"{shown}, but nothing is given for {p.name!r}{hint}; {needed}")
    positional = [found[p.name] for p in in_order[: last + 1]]
    keywords = [word for name, word in found.items() if word not in positional]
    missing = [word for word in leading if word not in positional and word not in keywords]
    if missing and open_row and not keywords:
        positional, missing = [*positional, *missing], []
    if open_names:
        keywords += missing + [word for word in OPTIONAL if word not in found.values() and word not in extras]
    elif missing:
        raise CannotRun(f"{shown}, which lacks {', '.join(map(repr, missing))}; {needed}")
    binding = Binding(tuple(positional), tuple(keywords), dict(extras))
    try:
        signature.bind(*([None] * len(positional)), **dict.fromkeys([*keywords, *extras]))
    except TypeError as error:
        raise CannotRun(f"{shown}, which does not fit ({error}); {needed}") from None
    return binding


def classes(target: Any, count: int) -> list[int]:
    """The class of each of `count` samples, for libraries that leave the choice of the score to their caller.

    Raises ValueError for another number of classes and IndexError for a negative one.
    """
    values = target.tolist() if hasattr(target, "tolist") else target
    rows = [values] * count if isinstance(values, int) else list(values)
    if len(rows) != count:
        raise ValueError(f"target holds {len(rows)} classes for {count} inputs")
    if min(rows, default=0) < 0:
        raise IndexError(f"target holds the class {min(rows)}, which is negative")
    return rows


def paired(inputs: Any, baselines: Any) -> None:
    """ValueError unless there is one baseline for every input, for libraries that take one sample at a time."""
    if len(inputs) != len(baselines):
        raise ValueError(f"baselines has {len(baselines)} rows for {len(inputs)} inputs")


def signature_of(function: object, what: str) -> Signature:
    """The signature of a callable; CannotRun when it has none (some built-ins)."""
    if not callable(function):
        raise CannotRun(f"{what} is of type {type(function).__name__}, which cannot be called")
    try:
        return inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise CannotRun(f"{what} has no readable signature: {error}") from None


def _method_signature(cls: type, what: str) -> Signature:
    signature = signature_of(cls.attribute, what)  # type: ignore[attr-defined]
    if isinstance(inspect.getattr_static(cls, "attribute"), staticmethod | classmethod):
        return signature
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def _bindings(function: object, name: str, kind: Kind, args: Mapping[str, object]) -> tuple[Binding, ...]:
    """One binding for a function; two, of the constructor and of `.attribute`, for a class."""
    if not inspect.isclass(function):
        signature = signature_of(function, name)
        return (bind(signature, name, _leading(kind, signature.parameters), args, kind),)
    if not callable(getattr(function, "attribute", None)):
        raise CannotRun(f"{name} is a class without a method `attribute`; {kind} is called as {usage(kind)}")
    constructor, method = signature_of(function, name), _method_signature(function, f"{name}.attribute")
    words = _leading(kind, method.parameters)
    built = tuple(word for word in words if word in ("model", "layer"))
    own = {k: v for k, v in args.items() if k in constructor.parameters and k not in method.parameters}
    rest = {k: v for k, v in args.items() if k not in own}
    return (
        bind(constructor, name, built, own, kind),
        bind(method, f"{name}.attribute", words[len(built) :], rest, kind),
    )


def _refined(traits: Traits, function: object, words: frozenset[str], args: Mapping[str, object]) -> Traits:
    """The declared traits as far as the signature bears them out."""
    target = function.attribute if inspect.isclass(function) else function  # type: ignore[attr-defined]
    defaults = {name: p.default for name, p in signature_of(target, "attribute").parameters.items()}
    gained = {
        "chunking": "internal_batch_size" in defaults and "internal_batch_size" not in args,
        "no-baseline": defaults.get("baselines", Parameter.empty) is None,
        "no-target": defaults.get("target", Parameter.empty) is None,
    }
    lost = {
        "baselines": "baselines" not in words,
        "chunking": "internal_batch_size" in args,
        "vectors": traits.kind.is_map,
    }
    accepts = traits.accepts | {word for word, given in gained.items() if given}
    return replace(
        traits,
        accepts=frozenset(accepts - {word for word, gone in lost.items() if gone}),
        has_steps=traits.has_steps and "n_steps" in words,
    )


@dataclass(frozen=True)
class Plain:
    """A function with Captum's vocabulary, or a class that is built with the model and has a method `attribute`.

    Words are passed by keyword to parameters of the same name, else by position (model, layer where the kind needs
    one, inputs, baselines, target); `args` are fixed keywords. `traits` are what the author declares: the signature
    decides whether `n_steps` and `internal_batch_size` reach it and whether baselines and target may be left out. What
    the function returns is passed on as it is. Raises CannotRun when the signature does not fit.
    """

    function: Callable[..., Any]
    name: str
    traits: Traits = field(default_factory=Traits)
    args: Mapping[str, object] = field(default_factory=dict)
    bindings: tuple[Binding, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        bindings = _bindings(self.function, self.name, self.traits.kind, self.args)
        words = frozenset().union(*(b.words for b in bindings))
        object.__setattr__(self, "bindings", bindings)
        object.__setattr__(self, "traits", _refined(self.traits, self.function, words, self.args))

    def attribute(self, call: Call) -> Any:
        """Whatever the function answers to the call."""
        values = {word: getattr(call, word) for binding in self.bindings for word in binding.words}
        leading, named = self.bindings[0].arguments(values)
        answer = self.function(*leading, **named)
        if len(self.bindings) == 1:
            return answer
        leading, named = self.bindings[1].arguments(values)
        return answer.attribute(*leading, **named)
