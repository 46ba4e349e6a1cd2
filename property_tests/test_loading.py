"""Is a SPEC found, and does every word of a call reach the parameter of the function that it names?"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ig_props.attributors.load import LIBRARIES, Known, Library, coerce, load, parse_args
from ig_props.attributors.plain import Plain
from ig_props.attributors.protocol import PLAIN, Call, CannotRun, Kind, Traits


class Recorder:
    """A function's double that keeps what it was called with."""

    def __init__(self) -> None:
        self.seen: dict[str, Any] = {}

    def __call__(self, **values: Any) -> str:
        self.seen = values
        return "answer"


RECORD = Recorder()


def by_name(model: Any, inputs: Any, baselines: Any, target: Any, n_steps: int = 50) -> Any:
    return RECORD(model=model, inputs=inputs, baselines=baselines, target=target, n_steps=n_steps)


def by_position(net: Any, x: Any, x0: Any, k: Any) -> Any:
    return RECORD(model=net, inputs=x, baselines=x0, target=k)


def in_another_order(target: Any, baselines: Any, model: Any, inputs: Any) -> Any:
    return RECORD(model=model, inputs=inputs, baselines=baselines, target=target)


def half_named(net: Any, x: Any, steps: int = 50, *, baselines: Any, target: Any) -> Any:
    return RECORD(model=net, inputs=x, baselines=baselines, target=target)


def only_positional(a: Any, b: Any, c: Any, d: Any, /, n_steps: int = 3) -> Any:
    return RECORD(model=a, inputs=b, baselines=c, target=d, n_steps=n_steps)


def everything(*row: Any, **named: Any) -> Any:
    return RECORD(**dict(zip(("model", "inputs", "baselines", "target"), row, strict=False)), **named)


def named_rest(model: Any, inputs: Any, **named: Any) -> Any:
    return RECORD(model=model, inputs=inputs, **named)


@pytest.mark.parametrize(
    "function",
    [by_name, by_position, in_another_order, half_named, only_positional, everything, named_rest,
     functools.partial(by_name, n_steps=9)],
    ids=lambda f: getattr(f, "__name__", "partial"),
)  # fmt: skip
def test_words_reach_their_parameters(function: Callable[..., Any]) -> None:
    plain = Plain(function, "f")
    assert plain.attribute(Call("m", "x", "b", 3, 7)) == "answer"  # type: ignore[arg-type]
    expected = {"model": "m", "inputs": "x", "baselines": "b", "target": 3}
    assert {k: RECORD.seen[k] for k in expected} == expected
    assert RECORD.seen.get("n_steps") == (7 if plain.traits.has_steps else None)
    assert plain.traits.has_steps is (function not in (by_position, in_another_order, half_named))


def test_steps_that_are_not_given_are_left_to_the_function() -> None:
    Plain(by_name, "f").attribute(Call("m", "x", "b", 3))  # type: ignore[arg-type]
    assert RECORD.seen["n_steps"] == 50


def test_defaults_and_names_of_the_signature_become_traits() -> None:
    def generous(
        model: Any, inputs: Any, baselines: Any = None, target: Any = None, internal_batch_size: Any = None
    ) -> None:
        return None

    traits = coerce(generous).traits
    assert traits.accepts == PLAIN | {"no-baseline", "no-target", "chunking"}
    assert not traits.has_steps


def test_layer_and_map_functions_get_their_layer() -> None:
    def layered(model: Any, layer: Any, inputs: Any, baselines: Any, target: Any, n_steps: int = 5) -> Any:
        return RECORD(layer=layer, inputs=inputs)

    def mapped(net: Any, block: Any, x: Any, k: Any) -> Any:
        return RECORD(layer=block, inputs=x, target=k)

    for function, kind in [(layered, "layer-ig"), (mapped, "grad-cam"), (mapped, "grad-cam++")]:
        attributor = coerce(function, as_=kind)
        attributor.attribute(Call("m", "x", "b", 3, 7, "l"))  # type: ignore[arg-type]
        assert RECORD.seen["layer"] == "l"
        assert RECORD.seen["inputs"] == "x"
    assert not {"baselines", "vectors"} & coerce(mapped, as_="grad-cam").traits.accepts
    with pytest.raises(CannotRun, match="lacks 'target'"):
        coerce(mapped, as_="rsi-grad-cam")


def test_a_class_is_built_with_the_model_and_asked_for_attributions() -> None:
    class Method:
        def __init__(self, forward_func: Any, scale: float = 1.0) -> None:
            self.model, self.scale = forward_func, scale

        def attribute(
            self, inputs: Any, baselines: Any = None, target: Any = None, n_steps: int = 50, rule: str = ""
        ) -> Any:
            return RECORD(model=self.model, scale=self.scale, inputs=inputs, target=target, n_steps=n_steps, rule=rule)

    attributor = coerce(Method, args={"scale": 2.0, "rule": "left"})
    attributor.attribute(Call("m", "x", "b", 3, 7))  # type: ignore[arg-type]
    assert RECORD.seen == {"model": "m", "scale": 2.0, "inputs": "x", "target": 3, "n_steps": 7, "rule": "left"}
    with pytest.raises(CannotRun, match="belongs to one model; give its class Method"):
        coerce(Method("m"))


def lacks_target(model: Any, inputs: Any, baselines: Any) -> None:
    return None


def wants_more(model: Any, inputs: Any, baselines: Any, target: Any, alpha: Any) -> None:
    return None


@pytest.mark.parametrize(
    ("obj", "said"),
    [
        (lacks_target, r"lacks_target takes \(model, inputs, baselines\), which lacks 'target'; ig is called as"),
        (wants_more, r"nothing is given for 'alpha'"),
        (lambda: None, r"lacks 'model', 'inputs', 'baselines', 'target'"),
        (3, "of type int, which cannot be called"),
        (type("Empty", (), {}), "a class without a method `attribute`"),
    ],
)
def test_what_does_not_fit_is_said_in_one_sentence(obj: object, said: str) -> None:
    with pytest.raises(CannotRun, match=said) as raised:
        coerce(obj)
    assert "\n" not in str(raised.value)


def test_arguments_must_be_keywords_of_the_function() -> None:
    assert coerce(wants_more, args={"alpha": 2}).name.endswith("wants_more[alpha=2]")
    with pytest.raises(CannotRun, match="no keyword 'alpa'; did you mean 'alpha'"):
        coerce(wants_more, args={"alpa": 2})
    with pytest.raises(CannotRun, match="'inputs' is set by the checks"):
        coerce(wants_more, args={"inputs": 2, "alpha": 1})
    assert not coerce(by_name, args={"n_steps": 3}).traits.has_steps


def test_argument_texts_are_read_as_literals_and_never_evaluated() -> None:
    texts = ["a=1", "b=-1.5e2", "c=true", "d=None", "e=riemann_left", "f=__import__('os')", "g=x=y", "h="]
    assert parse_args(texts) == {
        "a": 1, "b": -150.0, "c": True, "d": None, "e": "riemann_left", "f": "__import__('os')", "g": "x=y", "h": "",
    }  # fmt: skip
    with pytest.raises(ValueError, match="name=value"):
        parse_args(["novalue"])


def test_unknown_words_are_answered_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"ig, path, .*given 'layer-igg'; did you mean 'layer-ig'"):
        coerce(by_name, as_="layer-igg")
    with pytest.raises(ValueError, match=r"half, integers, .*did you mean 'integers'"):
        coerce(by_name, accepts=["integer"])
    with pytest.raises(ValueError, match="stage is one of raw, normalized"):
        coerce(by_name, stage="warm")
    with pytest.raises(ValueError, match="only maps have stages"):
        coerce(by_name, stage="raw")
    assert "integers" in coerce(by_name, accepts=["integers"]).traits.accepts


FILE = """
import sibling
def attribute(model, inputs, baselines, target, n_steps=50):
    return sibling.NUMBER
def attribute_layer(model, layer, inputs, baselines, target, n_steps=50):
    return layer
class Nested:
    @staticmethod
    def method(model, inputs, baselines, target):
        return "nested"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "theirs.py").write_text(FILE)
    (tmp_path / "sibling.py").write_text("NUMBER = 41\n")
    (tmp_path / "only_layer.py").write_text(
        "def attribute_layer(model, layer, inputs, baselines, target): return layer\n"
    )
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(5)\n")
    (tmp_path / "breaks.py").write_text("raise OSError('no\\nGPU')\n")
    (tmp_path / "needs.py").write_text("import a_module_that_is_missing\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "sibling", raising=False)
    return tmp_path


def test_files_and_modules_are_loaded_with_their_siblings(folder: Path) -> None:
    before = list(sys.path)
    ask = Call("m", "x", "b", 0, layer="l")  # type: ignore[arg-type]
    for spec in (f"{folder}/theirs.py:attribute", "theirs.py", "theirs:attribute"):
        assert load(spec).attribute(ask) == 41
        assert load(spec).name == spec
    assert load("theirs.py", as_="layer-ig").attribute(ask) == "l"
    assert load("theirs.py:Nested.method").attribute(ask) == "nested"
    assert load("only_layer.py").traits.kind is Kind.LAYER_INTEGRAL
    assert sys.path == before


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("theirs.py:atribute", "did you mean 'attribute'"),
        ("missing.py:f", "there is no file missing.py"),
        ("no_such_module:f", "there is no module no_such_module"),
        ("capttum:IntegratedGradients", "did you mean 'captum'"),
        ("leaves.py:f", "importing leaves.py raised SystemExit: 5"),
        ("breaks.py:f", "importing breaks.py raised OSError: no GPU"),
        ("needs.py:f", "ModuleNotFoundError: No module named 'a_module_that_is_missing'"),
        ("sibling.py", "neither `attribute` nor `attribute_layer`"),
        ("sibling.py:NUMBER", "of type int, which cannot be called"),
        ("captum", "write one of captum:IntegratedGradients"),
        ("not a spec", "package.module:object"),
        ("", "package.module:object"),
    ],
)
def test_code_that_cannot_be_loaded_is_said_in_one_sentence(folder: Path, spec: str, said: str) -> None:
    with pytest.raises(CannotRun) as raised:
        load(spec)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_missing_library_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(CannotRun, match=r'captum, which is not installed: pip install "ig-props\[captum\]"'):
        load("captum:IntegratedGradients")


def test_a_library_that_fails_to_import_says_why(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Library("breaks", "breaks", "breaks", "captum", {"IntegratedGradients": Known(Kind.IG, "")})
    monkeypatch.setitem(LIBRARIES, "breaks", broken)
    monkeypatch.syspath_prepend(str(folder))
    with pytest.raises(CannotRun, match="importing breaks None raised OSError: no GPU"):
        load("breaks:IntegratedGradients")


def test_an_attributor_passes_through_with_what_is_declared_of_it() -> None:
    class Own:
        name = "own"
        traits = Traits(Kind.PATH)

        def attribute(self, call: Call) -> Any:
            return "answer"

    own = Own()
    assert coerce(own) is own
    declared = coerce(own, as_="ig", accepts=["half"])
    assert (declared.name, declared.traits.kind) == ("own", Kind.IG)
    assert "half" in declared.traits.accepts
    assert declared.attribute(Call("m", "x", "b", 0)) == "answer"  # type: ignore[arg-type, comparison-overlap]
    with pytest.raises(CannotRun, match="takes no arguments"):
        coerce(own, args={"a": 1})
