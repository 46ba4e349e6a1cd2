"""Does a counterexample that was written down still refute its claim?

A replay file is JSON and is only ever read as data: what it describes is a network of ours and numbers. Its SPEC names
code, so it is run only where it is an adapter of this project or is given again by the person who replays it.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from ig_props.findings import Finding, Outcome, Verdict, finding_from_json
from ig_props.reproduction.script import script

__all__ = ["FOLDER", "Replay", "ReplayError", "read", "rerun", "script", "trusted", "write"]

FORMAT = "ig-props-replay/1"
FOLDER = Path(".ig-props") / "findings"
LARGEST = 4 * 2**20
"""Bytes of the largest replay file that is read."""
VALUES = 2**22
"""The most numbers that a replayed network may compute, over all samples and steps at once."""
SCALARS = (str, int, float, bool, type(None))


class ReplayError(ValueError):
    """The file cannot be replayed; one sentence."""


@dataclass(frozen=True)
class Replay:
    """One counterexample and how the code under test was loaded; `case` is as in `Case.to_json`."""

    spec: str
    claim: str
    case: dict[str, Any]
    as_: str | None = None
    stage: str | None = None
    args: Mapping[str, object] = field(default_factory=dict)
    accepts: tuple[str, ...] = ()
    seed: int = 0
    device: str = "cpu"
    versions: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        data = {name.rstrip("_"): value for name, value in asdict(self).items()}
        return {"format": FORMAT, **data, "accepts": sorted(self.accepts)}


def path_of(finding: Finding) -> Path:
    """Where a finding's replay file is written, relative to the working directory."""
    name = re.sub(r"[^A-Za-z0-9._+=-]+", "-", finding.attributor).strip("-.")[-100:]
    claim = re.sub(r"[^A-Za-z0-9._-]+", "-", finding.claim)[:80]
    return FOLDER / f"{name}-{claim}.json"


def write(replay: Replay, path: Path) -> None:
    """Write a replay file whole or not at all; raises OSError."""
    from ig_props.reports.json_ import strict, write_atomically

    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, json.dumps(strict(replay.to_json()), indent=1) + "\n")


def read(path: Path) -> Replay:
    """The replay in a file, with every field checked; ReplayError says in one sentence what does not fit."""
    try:
        if not path.is_file():
            raise ReplayError(f"{path} is not a file")
        if path.stat().st_size > LARGEST:
            raise ReplayError(f"{path} is larger than the {LARGEST} bytes of the largest replay file")
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise ReplayError(f"{path} cannot be read: {error.strerror or error}") from None
    except ReplayError:
        raise
    except (ValueError, RecursionError) as error:
        raise ReplayError(f"{path} is not JSON and may be truncated: {error}") from None
    try:
        return _checked(data)
    except (ReplayError, ValueError, OverflowError, RecursionError, TypeError) as error:
        raise ReplayError(f"{path}: {error}") from None


def _checked(data: Any) -> Replay:
    names = {"format", "spec", "as", "stage", "args", "accepts", "claim", "case", "seed", "device", "versions"}
    if not isinstance(data, dict) or not isinstance(data.get("format"), str):
        raise ReplayError(f"it is no replay file (an object with format {FORMAT!r} is needed)")
    if data["format"] != FORMAT:
        raise ReplayError(f"its format is {data['format']!r:.40}, and this version reads {FORMAT!r}")
    if set(data) != names:
        odd = sorted(set(data) ^ names)
        raise ReplayError(f"it lacks or has beyond what is needed: {', '.join(odd)[:200]}")
    texts = {"spec": data["spec"], "claim": data["claim"], "device": data["device"]}
    for name, value in texts.items():
        if not isinstance(value, str) or not value or len(value) > 500 or not value.isprintable():
            raise ReplayError(f"{name} must be a short text, given {value!r:.60}")
    for name in ("as", "stage"):
        if data[name] is not None and not isinstance(data[name], str):
            raise ReplayError(f"{name} must be a text or null, given {data[name]!r:.60}")
    args, accepts, versions, seed = (data[name] for name in ("args", "accepts", "versions", "seed"))
    if not isinstance(args, dict) or not all(isinstance(v, SCALARS) for v in args.values()):
        raise ReplayError("args must be an object of texts and numbers")
    if not isinstance(accepts, list) or not all(isinstance(v, str) for v in accepts):
        raise ReplayError("accepts must be a list of texts")
    if not isinstance(versions, dict) or not all(isinstance(v, str) for v in versions.values()):
        raise ReplayError("versions must be an object of texts")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ReplayError(f"seed must be a whole number, given {seed!r:.60}")
    _bounded(data["case"])
    return Replay(
        data["spec"], data["claim"], data["case"], data["as"], data["stage"], args, tuple(accepts), seed,
        data["device"], versions,
    )  # fmt: skip


def _bounded(data: Any) -> None:
    """Raise where the case is none, or asks for more memory than any case of ours."""
    from ig_props.claims.case import case_from_json

    case = case_from_json(data)
    for network in (case.network, case.other):
        if network is not None:
            values = sum(math.prod(shape) for shape in network.shapes) * len(case.inputs)
            if values * max(1, case.n_steps) > VALUES * 64 or values > VALUES:
                raise ReplayError(f"its network computes {values} numbers at {case.n_steps} steps, which is too many")


def trusted(spec: str) -> bool:
    """Whether a SPEC is an adapter of this project, so that running it runs an installed library and nothing else."""
    from ig_props.attributors.load import LIBRARIES

    name, _, method = spec.partition(":")
    return name in LIBRARIES and method in LIBRARIES[name].adapters


def rerun(replay: Replay, timeout: float) -> Finding:
    """The finding of the one case, from a process of its own that may take `timeout` seconds after its imports.

    Raises CannotRun where the code under test cannot be loaded, ReplayError where the claim does not exist.
    """
    from ig_props.attributors.protocol import CannotRun

    answer, fate = _answer(replay, timeout)
    if answer is None:
        finding = Finding(replay.spec, replay.claim, Verdict.CRASHED, fate, case=dict(replay.case))
        return replace(finding, reproduction=_script(finding))
    if "cannot run" in answer:
        raise CannotRun(answer["cannot run"])
    if "usage" in answer:
        raise ReplayError(answer["usage"])
    return finding_from_json(answer["finding"])


def _answer(replay: Replay, timeout: float) -> tuple[dict[str, Any] | None, str]:
    from ig_props.running.worker import ROOT

    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {
        "OMP_NUM_THREADS": "1",
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "IG_PROPS_DEVICE": replay.device,
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "ig_props.reproduction.replay", str(timeout)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,
    )
    try:
        out, _ = process.communicate(json.dumps(replay.to_json()).encode(), timeout=timeout + STARTUP)
    except subprocess.TimeoutExpired:
        return None, f"did not answer within {timeout:g} s"
    finally:
        _end(process)
    with contextlib.suppress(ValueError, IndexError):
        answer = json.loads(out.decode().splitlines()[-1])
        if isinstance(answer, dict):
            return answer, ""
    if process.returncode == -signal.SIGALRM:
        return None, f"did not answer within {timeout:g} s"
    code = process.returncode
    how = f"was ended by signal {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return None, f"the process {how}"


STARTUP = 120.0
"""Seconds that imports may take on top of the time limit."""


def _end(process: subprocess.Popen[bytes]) -> None:
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _script(finding: Finding) -> str:
    try:
        return script(finding)
    except Exception as error:
        return f"# no script: {type(error).__name__}: {error}"


def _judge(replay: Replay, timeout: float) -> dict[str, Any]:
    """What the process of `rerun` answers."""
    from ig_props.attributors.load import load
    from ig_props.attributors.protocol import CannotRun
    from ig_props.claims.case import case_from_json
    from ig_props.claims.registry import claims

    known = claims()
    claim = known.get(replay.claim)
    if claim is None or claim.check is None:
        return {"usage": f"there is no claim {replay.claim!r} that an example could refute (ig-props list claims)"}
    try:
        attributor = load(replay.spec, as_=replay.as_, stage=replay.stage, args=replay.args, accepts=replay.accepts)
    except CannotRun as error:
        return {"cannot run": str(error)}
    except ValueError as error:
        return {"usage": str(error)}
    if hasattr(signal, "setitimer"):
        # the default action of the alarm ends the process, also where foreign code holds the interpreter
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, timeout)
    try:
        outcome = claim.check(attributor, case_from_json(replay.case))
    except SystemExit as error:
        outcome = Outcome(Verdict.CRASHED, f"called exit({error.code!r})")
    except Exception as error:
        outcome = Outcome(Verdict.INCONCLUSIVE, f"internal error: {type(error).__name__}: {error}"[:300])
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, 0.0)
    traits = attributor.traits
    finding = Finding(
        attributor=attributor.name,
        claim=claim.id,
        verdict=outcome.verdict,
        note=outcome.note,
        comparison=outcome.comparison,
        case=dict(replay.case),
        tally={str(outcome.verdict): 1},
        declared=traits.kind in claim.kinds and claim.id not in traits.documented,
    )
    return {"finding": replace(finding, reproduction=_script(finding)).to_json()}


def _mistake(replay: Replay, error: Exception) -> Finding:
    """What is said where this project fails and not the code under test."""
    note = f"internal error: {type(error).__name__}: {error}"[:300]
    return Finding(replay.spec, replay.claim, Verdict.INCONCLUSIVE, note, case=dict(replay.case))


def told(now: Finding) -> str:
    """One sentence on a replay."""
    if now.verdict in (Verdict.REFUTED, Verdict.CRASHED):
        return f"{now.claim} of {now.attributor} is still {now.verdict}."
    if now.verdict is Verdict.HOLDS:
        return f"News: the witness passes, {now.claim} of {now.attributor} holds on this example."
    return f"{now.claim} of {now.attributor} is {now.verdict} on this example{': ' + now.note if now.note else ''}."


def main() -> None:
    """The process of `rerun`: a replay comes in on standard input, the answer goes out on what was standard output."""
    answers = os.dup(1)
    os.dup2(2, 1)
    replay = _checked(json.loads(sys.stdin.buffer.read()))
    try:
        found = _judge(replay, float(sys.argv[1]))
    except Exception as error:
        found = {"finding": _mistake(replay, error).to_json()}
    answer = json.dumps(found).encode() + b"\n"
    with os.fdopen(answers, "wb") as stream:
        stream.write(answer)
    os._exit(0)


if __name__ == "__main__":
    main()
