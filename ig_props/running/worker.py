"""How is code under test kept in a process of its own, so that its crash or hang is a finding and not ours?

The parent (`Worker`) writes a request and then one claim id per line to the worker's standard input; the worker
(`python -m ig_props.running.worker`) answers with events, one line each, on what was its standard output. Standard output and
error of the foreign code end in the parent, which keeps their last lines. What the worker is doing, since when and on
which case stands on a `Board`, a small file mapped into both, because a process that hangs or died cannot say it.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import queue
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from enum import IntEnum
from importlib import import_module, metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ig_props.running.events import CannotRunEvent, Event, Found, to_line

if TYPE_CHECKING:
    from ig_props.attributors.protocol import Attributor, Call, Traits
    from ig_props.claims.claim import Claim

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = ROOT.name in {"site-packages", "dist-packages"}
CAPACITY = 2**20
"""Bytes of a board; a case that does not fit is not shown."""
TAIL = 4096
"""How much of what the foreign code prints is kept."""


class Phase(IntEnum):
    """What a worker is doing: importing the toolkit or the code under test, waiting, checking, calling it."""

    STARTING = 0
    LOADING = 1
    IDLE = 2
    CHECKING = 3
    CALLING = 4


class Board:
    """What a worker is doing (`phase`, since when on the monotonic clock) and the case it last began."""

    _head = struct.Struct("=qdq")

    def __init__(self, path: Path, *, create: bool = False) -> None:
        if create:
            path.write_bytes(bytes(CAPACITY))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), CAPACITY)
        self._length = 0

    def enter(self, phase: Phase) -> None:
        # In one copy: pack_into clears the bytes first, and a reader in between would see a phase that began at 0.
        self._map[: self._head.size] = self._head.pack(phase, time.monotonic(), self._length)

    def show(self, text: str) -> None:
        """A case begins."""
        data = text.encode()
        self._length = len(data) if self._head.size + len(data) <= CAPACITY else 0
        self._map[self._head.size : self._head.size + self._length] = data[: self._length]
        self.enter(Phase.CHECKING)

    def clear(self) -> None:
        self._length = 0

    def state(self) -> tuple[Phase, float]:
        phase, since, _ = self._head.unpack_from(self._map)
        return Phase(phase), since

    def case(self) -> dict[str, Any] | None:
        """The case that was begun last, if any; only once the worker has stopped or hangs."""
        *_, length = self._head.unpack_from(self._map)
        try:
            data = json.loads(self._map[self._head.size : self._head.size + length])
        except ValueError:
            return None
        return data if isinstance(data, dict) else None

    def close(self) -> None:
        self._map.close()


class Watched:
    """An attributor whose calls are timed on a board."""

    def __init__(self, attributor: Attributor, board: Board) -> None:
        self._attributor, self._board, self._process = attributor, board, os.getpid()
        self.traits = attributor.traits

    @property
    def name(self) -> str:
        return self._attributor.name

    def attribute(self, call: Call) -> Any:
        self._board.enter(Phase.CALLING)
        try:
            return self._attributor.attribute(call)
        except (Exception, SystemExit, GeneratorExit):
            raise
        except BaseException as error:
            # Nobody interrupts a worker from a keyboard: it would end as if it had crashed.
            raise RuntimeError(f"raised {type(error).__name__}, which is no Exception") from error
        finally:
            if os.getpid() != self._process:
                # a copy that the code under test forked and left behind must not go on as a worker
                os._exit(0)
            self._board.enter(Phase.CHECKING)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._attributor, name)


class Worker:
    """The parent's end of one process; `inbox` receives (self, message), and (self, None) when its pipe closes."""

    def __init__(
        self,
        request: Mapping[str, Any],
        inbox: queue.Queue[tuple[Worker, dict[str, Any] | None]],
        environment: Mapping[str, str],
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ig-props-", ignore_cleanup_errors=True)
        self.board = Board(Path(self._folder.name) / "board", create=True)
        self.board.enter(Phase.STARTING)
        # The order of sets of names must not change the examples, and a path in PYTHONPATH comes before Python's own.
        everything = {"PYTHONHASHSEED": "0", "OMP_NUM_THREADS": "1", **os.environ, **environment}
        everything["HYPOTHESIS_STORAGE_DIRECTORY"] = self._folder.name
        if not INSTALLED:
            everything["PYTHONPATH"] = os.pathsep.join(filter(None, [os.environ.get("PYTHONPATH"), str(ROOT)]))
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ig_props.running.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=everything,
            start_new_session=True,
        )
        self._inbox, self._tail = inbox, bytearray()
        self._threads = [threading.Thread(target=f, daemon=True) for f in (self._read, self._drain)]
        for thread in self._threads:
            thread.start()
        self.send(json.dumps({**request, "board": str(Path(self._folder.name) / "board")}))

    def send(self, line: str) -> None:
        """A process that is gone does not read; that is noticed elsewhere."""
        with contextlib.suppress(OSError, ValueError):
            assert self.process.stdin is not None
            self.process.stdin.write(line.encode() + b"\n")
            self.process.stdin.flush()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(OSError, ValueError):
            for line in self.process.stdout:
                with contextlib.suppress(ValueError):
                    message = json.loads(line)
                    if isinstance(message, dict):
                        self._inbox.put((self, message))
        self._inbox.put((self, None))

    def _drain(self) -> None:
        assert self.process.stderr is not None
        with contextlib.suppress(OSError, ValueError):
            while data := self.process.stderr.read1(2**16):  # type: ignore[attr-defined]
                self._tail += data
                del self._tail[:-TAIL]

    def printed(self) -> str:
        """The last line the process printed, shortened."""
        lines = [t.strip() for t in self._tail.decode(errors="replace").splitlines() if t.strip()]
        return "".join(c for c in lines[-1] if c.isprintable())[:160] if lines else ""

    def ended(self) -> bool:
        return self.process.poll() is not None

    def fate(self) -> str:
        """How the process ended, as the rest of a sentence."""
        code = self.process.wait()
        if code >= 0:
            return f"ended with exit code {code}"
        try:
            return f"was ended by signal {signal.Signals(-code).name}"
        except ValueError:
            return f"was ended by signal {-code}"

    def kill(self) -> None:
        """End the process and everything in its group."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join(timeout=1.0)

    def close(self) -> None:
        self.kill()
        with contextlib.suppress(OSError):
            assert self.process.stdin is not None
            self.process.stdin.close()
        self.board.close()
        self._folder.cleanup()


class _Pipe:
    """The worker's end: requests come in, events go out, and both are out of the reach of the foreign code."""

    def __init__(self) -> None:
        requests, self._events = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        self._file = os.fdopen(requests, encoding="utf-8")
        self.request: dict[str, Any] = json.loads(self._file.readline())
        self._claims: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> NoReturn:
        """Claim ids until the parent closes the pipe or is gone; then nobody waits for this process, busy or not."""
        with contextlib.suppress(OSError):
            for line in self._file:
                self._claims.put(line.strip())
        os._exit(0)

    def claims(self) -> Iterator[str]:
        while True:
            yield self._claims.get()

    def say(self, **message: Any) -> None:
        self._write(json.dumps(message))

    def emit(self, event: Event) -> None:
        self._write(to_line(event))

    def _write(self, line: str) -> None:
        data = memoryview(line.encode() + b"\n")
        while data:
            data = data[os.write(self._events, data) :]


def versions() -> dict[str, str]:
    """Versions of what decides an example, by distribution."""
    known = {"python": ".".join(map(str, sys.version_info[:3]))}
    for name in ("ig-props", "torch", "hypothesis"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            known[name] = metadata.version(name)
    return known


def _load(request: dict[str, Any]) -> Attributor:
    """The attributor of a request; CannotRun says why there is none."""
    from ig_props.attributors.load import load
    from ig_props.attributors.protocol import CannotRun

    spec, names = request["spec"], ("as_", "stage", "args", "accepts")
    try:
        return load(spec, **{name: request[name] for name in names})
    except (CannotRun, ValueError):
        raise
    except BaseException as error:
        text = (str(error).strip().splitlines() or [""])[0][:200]
        raise CannotRun(f"{spec} raises {type(error).__name__} on import: {text}") from None


def _check_device(device: str) -> None:
    """ValueError for a device that is not there."""
    import torch

    try:
        if torch.device(device).type == "meta":
            raise RuntimeError("tensors there hold no numbers")
        torch.ones(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        text = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
        raise ValueError(f"--device {device} cannot be used here: {text}") from None


def _idle(claims: Iterable[Claim], traits: Traits) -> list[str]:
    """The claims that do not apply to what is computed."""
    found = []
    for claim in claims:
        with contextlib.suppress(Exception):  # a mistake of ours, which is told when the claim is attacked
            if claim.check is None or claim.cases is None or claim.cases(traits) is None:
                found.append(claim.id)
    return found


def _serve(pipe: _Pipe, board: Board) -> None:
    """Load before anything slow is imported, since most of what cannot run is told then."""
    from ig_props.attributors.protocol import CannotRun

    request = pipe.request
    try:
        board.enter(Phase.LOADING)
        foreign = _load(request)
        board.enter(Phase.STARTING)
        import torch

        torch.set_num_threads(1)
        from ig_props.checking.calling import DEVICE
        from ig_props.checking.preflight import preflight
        from ig_props.running.examine import examine

        _check_device(DEVICE)
        registry = import_module(request["registry"])
        chosen = registry.select(tuple(request["claims"]))
        own = None
        if request.get("model") is not None:
            from ig_props.model_check.check import opened

            board.enter(Phase.LOADING)
            own = opened(request, foreign)
            chosen = own.claims(chosen, foreign)
            board.enter(Phase.STARTING)
        claims: dict[str, Claim] = {claim.id: claim for claim in chosen}
    except CannotRun as error:
        pipe.emit(CannotRunEvent(request["spec"], str(error)))
        return
    except ValueError as error:
        pipe.say(control="usage", message=str(error))
        return
    pipe.say(control="hello", claims=list(claims), versions=versions())
    attributor = Watched(foreign, board)
    try:
        attributor.traits = preflight(attributor)
    except CannotRun as error:
        pipe.emit(CannotRunEvent(request["spec"], str(error)))
        return
    pipe.say(control="ready", name=attributor.name, idle=_idle(claims.values(), attributor.traits))
    board.enter(Phase.IDLE)
    numbers = {key: request[key] for key in ("examples", "seconds", "shrink_seconds", "seed")}
    for name in pipe.claims():
        board.clear()
        board.enter(Phase.CHECKING)
        finding = examine(claims[name], attributor, **numbers, emit=pipe.emit, watch=board.show)
        pipe.emit(Found(finding if own is None else own.measured(finding, attributor)))
        board.enter(Phase.IDLE)


def _expendable() -> None:
    """Where memory runs out, this process is to be ended and none of the user's."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def main() -> None:
    _expendable()
    pipe = _Pipe()
    board = Board(Path(pipe.request["board"]))
    try:
        _serve(pipe, board)
    except Exception as error:
        from ig_props.running.attack import internal_error

        pipe.say(control="broken", message=internal_error(error))
    os._exit(0)


if __name__ == "__main__":
    main()
