"""What can be asked on the command line?"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ig_props.commands.config import DTYPES, PROFILES, STAGES, ConfigError

EPILOG = "Exit codes: 0 holds, 1 refuted, 2 usage, 3 the code under test cannot run, 4 nothing conclusive ran."
AUDITED = (
    "Exit codes: 0 the wanted error is kept, 1 it is missed, 2 usage, 3 the model or method cannot run, 4 nothing to "
    "compare with."
)
CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _commas(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(part.strip() for text in value for part in text.split(",") if part.strip())


def _defaults(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Take what the project in the working directory asks for as defaults; the command line goes first."""
    from ig_props.commands import config

    try:
        table = config.read(Path.cwd())
    except ConfigError as error:
        raise click.UsageError(str(error)) from None
    names = {"as": "as_", "json": "json_file", "junit": "junit_file", "expected": "expected_file", "arg": "args"}
    context.default_map = {names.get(key, key): value for key, value in table.items()}


def _version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from ig_props import __version__

        click.echo(f"ig-props {__version__}")
        context.exit()


@click.group(context_settings=CONTEXT, epilog=EPILOG)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
def main() -> None:
    """Check that attribution code keeps its promises.

    Completeness, axioms, quadrature and contracts of Integrated Gradients, layer integrals and the Grad-CAM family are
    attacked with small networks until one refutes them, and the counterexample is shrunk.
    """
    for stream in (sys.stdout, sys.stderr):
        # formulas hold signs that some encodings lack: better a question mark than no report
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


Command = Callable[..., None]


def _options(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_MODEL = _options(
    click.option("--model", metavar="FILE:OBJECT", help="Check on this model instead of drawn networks."),
    click.option("--inputs", metavar="FILE.npy", help="Inputs [N, ...] for --model."),
    click.option("--baselines", metavar="FILE.npy", help="Baselines for --model (default: zeros)."),
    click.option("--target", metavar="INT|FILE.npy", help="Targets for --model (default: the highest score)."),
    click.option("--layer", metavar="NAME", help="Name of the layer of --model, for layer methods."),
)
_OUTPUT = _options(
    click.option("--json", "json_file", metavar="FILE", help="Write a JSON report (- for standard output)."),
    click.option("--junit", "junit_file", metavar="FILE", help="Write a JUnit XML report (- for standard output)."),
    click.option("--expected", "expected_file", metavar="FILE", help="Known failures, in TOML or JSON."),
    click.option("--verbose", "-v", is_flag=True, help="Show every refuted claim in full."),
)


@main.command(context_settings=CONTEXT, epilog=EPILOG)
@click.argument("specs", nargs=-1, metavar="SPEC...")
@click.option("--defaults", is_flag=True, is_eager=True, expose_value=False, hidden=True, callback=_defaults)
@click.option("--as", "as_", metavar="KIND", help="What a plain function claims to be (default: ig).")
@click.option("--stage", type=click.Choice(STAGES), help="What the maps of a CAM method are.")
@click.option("--arg", "args", multiple=True, metavar="NAME=VALUE", help="A fixed argument; may be repeated.")
@click.option("--claims", multiple=True, callback=_commas, metavar="GLOBS", help="Only claims that match, with commas.")
@click.option("--accepts", multiple=True, callback=_commas, metavar="A,B", help="What it accepts besides the usual.")
@click.option("--strict", is_flag=True, help="IMPRECISE is a failure, too.")
@click.option("--profile", type=click.Choice(PROFILES), default="default", show_default=True, help="How hard to try.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of every random choice.")
@click.option(
    "--dtype",
    type=click.Choice(DTYPES),
    default="float64",
    show_default=True,
    help="Usual dtype; any but float64 is the only one drawn.",
)
@click.option("--device", default="cpu", show_default=True, help="A torch device.")
@click.option("--jobs", type=click.IntRange(0, 64), default=0, help="Worker processes (0: as many as sensible).")
@click.option("--timeout", type=click.FloatRange(0.1, 86400), metavar="SECONDS", help="Limit of one call.")
@_OUTPUT
@_MODEL
def check(**options: Any) -> None:
    """Attack what SPEC claims to be.

    SPEC is LIBRARY:Method (ig-props list), package.module:object or path/to/file.py:function, where a function is
    called as attribute(model, inputs, baselines, target, n_steps=...). Defaults come from [tool.ig-props] in the
    pyproject.toml of the working directory.
    """
    from ig_props.commands import shell

    _ending(lambda: shell.check(options))


@main.command("list", context_settings=CONTEXT)
@click.argument("what", type=click.Choice(["claims", "attributors"]), required=False)
def list_(what: str | None) -> None:
    """Show the claims and the attributors that are known."""
    from ig_props.commands import catalogue

    catalogue.show(what)


@main.command(context_settings=CONTEXT)
@click.argument("claim")
def explain(claim: str) -> None:
    """Say what CLAIM means, where it comes from, who makes it and how it is attacked."""
    from ig_props.commands import catalogue

    _ending(lambda: catalogue.explain(claim))


@main.command(context_settings=CONTEXT, epilog=AUDITED)
@click.argument("model", metavar="MODEL")
@click.argument("inputs", metavar="INPUT")
@click.option(
    "--method", default="integrated-gradients", show_default=True, help="Ours by name, or a SPEC as for check."
)
@click.option("--as", "as_", metavar="KIND", help="What a plain function claims to be (default: ig).")
@click.option(
    "--arg", "args", multiple=True, metavar="NAME=VALUE", help="A fixed argument of the SPEC; may be repeated."
)
@click.option("--n-steps", type=click.IntRange(1, 100_000), default=50, show_default=True, help="Steps of the method.")
@click.option("--weights", metavar="FILE", help="A state dict for MODEL, .safetensors or .pt without pickled objects.")
@click.option("--sample", type=click.IntRange(0), default=0, show_default=True, help="Which input of several.")
@click.option(
    "--baseline", metavar="NAME|NUMBER|FILE", help="zeros, blurred, mean, noise, uniform, a number or a file."
)
@click.option("--target", type=int, help="The class to explain (default: the highest score).")
@click.option("--layer", metavar="NAME", help="The layer for layer methods and heat maps (default: the last map).")
@click.option("--score", default="logit", show_default=True, help="logit, probability, log-probability or log-odds.")
@click.option("--rtol", type=click.FloatRange(1e-12, 1.0), default=0.01, show_default=True, help="The error wanted.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of every random choice.")
@click.option("--json", "json_file", metavar="FILE", help="Write everything as JSON (- for standard output).")
@click.option("--html", "html_file", metavar="FILE", help="Write one page with pictures, which needs nothing else.")
def audit(**options: Any) -> None:
    """Say how far the explanation of one INPUT of MODEL can be trusted.

    MODEL is FILE.py:FUNCTION (or an object) that gives a torch.nn.Module, a torch.export FILE.pt2, or torchvision:NAME
    or timm:NAME with --weights. INPUT is an .npy, .safetensors, .png or .jpg file with one sample or several.
    """
    from ig_props.commands import audit as command

    _ending(lambda: command.audit(options))


@main.command(context_settings=CONTEXT)
@click.argument("glob", default="*")
@click.option("--quiet", "-q", is_flag=True, help="One line for each claim, without the steps.")
def prove(glob: str, quiet: bool) -> None:
    """Run the derivations of claims again and print their steps: exit code 1 if one does not go through.

    GLOB chooses by id. The derivations are in the source checkout and need sympy.
    """
    from ig_props.commands import proving

    _ending(lambda: proving.prove(glob, quiet))


@main.command(context_settings=CONTEXT)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--attributor", metavar="SPEC", help="The code to run; needed where it is no adapter of ig-props.")
@click.option("--trust", is_flag=True, help="Run the code that the file names, whatever it is.")
@click.option("--timeout", type=click.FloatRange(0.1, 86400), metavar="SECONDS", help="Limit of the call.")
def replay(file: Path, attributor: str | None, trust: bool, timeout: float | None) -> None:
    """Run one counterexample again: exit code 1 if it still refutes, 0 if it now holds."""
    from ig_props.commands import shell

    _ending(lambda: shell.replay(file, attributor, trust, timeout))


def _ending(command: Callable[[], int]) -> None:
    """Run a command and leave with its code; what cannot be understood is one sentence and code 2.

    A request to end from outside is an interruption: what was found is told.
    """
    import signal
    import threading

    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    from ig_props.running.request import UsageError

    try:
        code = command()
    except UsageError as error:
        raise click.UsageError(str(error), click.get_current_context()) from None
    click.get_current_context().exit(code)


if __name__ == "__main__":
    main()
