# What the simulation uses of simloom, which cannot be installed where the types are checked: it needs Python 3.12.
import asyncio
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

class Host:
    name: str
    def spawn(self, target: Callable[[], Coroutine[Any, Any, Any]]) -> asyncio.Task[Any]: ...
    def crash(self) -> None: ...

class SimNetwork:
    def set_latency(self, min_seconds: float, max_seconds: float) -> None: ...
    def set_loss(self, percent: int) -> None: ...
    def block(self, src: Host, dst: Host) -> None: ...
    def unblock(self, src: Host, dst: Host) -> None: ...
    def partition(self, group_a: list[Host], group_b: list[Host]) -> None: ...
    def heal(self) -> None: ...
    def clog_node_out(
        self, node: Host, *, latency: tuple[float, float] | None = ..., loss: int | None = ...
    ) -> None: ...
    def clog_node_in(
        self, node: Host, *, latency: tuple[float, float] | None = ..., loss: int | None = ...
    ) -> None: ...
    def reset_connections(self, a: Host, b: Host) -> None: ...

class World:
    net: SimNetwork
    def host(self, name: str) -> Host: ...

class EventLog:
    events: Sequence[Mapping[str, Any]]
    def event_lines(self) -> Iterator[str]: ...
    def write_to(self, path: str | Path) -> None: ...

class RunResult:
    value: Any
    error: BaseException | None
    log: EventLog
    @property
    def digest(self) -> str: ...

class ShrinkResult:
    def describe(self) -> str: ...

def run(
    main: Callable[..., Coroutine[Any, Any, Any]],
    *,
    seed: int,
    raise_on_error: bool = ...,
    virtual_time: bool = ...,
    seed_randomness: bool = ...,
    max_steps_per_instant: int = ...,
    gc_interval: int = ...,
) -> RunResult: ...
def shrink(
    main: Callable[..., Coroutine[Any, Any, Any]],
    failure: RunResult,
    *,
    max_runs: int = ...,
    virtual_time: bool = ...,
    seed_randomness: bool = ...,
    max_steps_per_instant: int = ...,
    gc_interval: int = ...,
) -> ShrinkResult: ...
def draw(label: str, bound: int) -> int: ...

class Draw:
    label: str
    value: int

class Tape:
    def draw(self, label: str, bound: int) -> int: ...

class SimLoop(asyncio.BaseEventLoop):
    tape: Tape

class Scheduler(Protocol):
    descriptor: str
    def pick(self, ready: Sequence[asyncio.Handle]) -> int: ...

class SystematicRun(RunResult):
    tape: Sequence[Draw]

class SystematicResult:
    schedules: int
    exhaustive: bool
    first: SystematicRun | None

def explore_systematic(
    main: Callable[..., Coroutine[Any, Any, Any]],
    *,
    max_delays: int = ...,
    max_schedules: int = ...,
    scheduler: Callable[[SimLoop], Scheduler] | None = ...,
    virtual_time: bool = ...,
    world: bool = ...,
) -> SystematicResult: ...
