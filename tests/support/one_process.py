"""A flow in one process with CrewAI alone: what must come of it, in a given order.

CrewAI's engine is its own here, and nothing of ours is imported. Only when a method ends is
decided: one at a time, and the engine has done all that follows before the next. Reviews are
answered when it is their turn, by a provider that blocks; so none of CrewAI's losses at a pause,
which is an exception there, comes into it.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from random_flows import dice, make_flow, told

PATH: ContextVar[str] = ContextVar("PATH")
SECONDS_WITHOUT_NEWS = 60.0


@dataclass(frozen=True)
class Came:
    """What came of a flow: its calls, those that ended in that order with their texts, its result.

    ``stuck`` says where the flow did not come to what the order has next, or came further.
    """

    called: list[str]
    ended: dict[str, str]
    result: str
    stuck: str


class OneProcess:
    """A process that runs flows of a folder, one after the other."""

    def __init__(self, modules: Path) -> None:
        quiet = {"CREWAI_DISABLE_TELEMETRY": "true", "OTEL_SDK_DISABLED": "true"}
        python_path = (str(Path(__file__).parent), str(modules), os.environ.get("PYTHONPATH", ""))
        more = {"PYTHONPATH": os.pathsep.join(python_path), "HOME": str(modules)}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **quiet, **more},
            cwd=modules,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def run(
        self,
        seed: int,
        inputs: Mapping[str, str],
        *,
        order: Sequence[str] | None = None,
        said: Mapping[str, tuple[str | None, str]] | None = None,
        chance: int = 0,
    ) -> Came:
        """Run the flow of a seed: its methods end in that order, without one in any that may be.

        ``said`` has an outcome and words by path; without it people say what the script has.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        wanted = {"seed": seed, "inputs": inputs, "order": order, "said": said, "chance": chance}
        self._process.stdin.write(json.dumps(wanted) + "\n")
        self._process.stdin.flush()
        return Came(**json.loads(self._process.stdout.readline()))


@dataclass
class Conductor:
    """Lets the methods of a flow end one at a time: ``choose`` names the next that may."""

    flow: Any
    choose: Callable[[list[str]], str | None]
    say: Callable[[str], tuple[str | None, str]]
    called: list[str] = field(default_factory=list)
    ended: dict[str, str] = field(default_factory=dict)
    _waiting: dict[str, asyncio.Future[None]] = field(default_factory=dict)
    _calls: Counter[str] = field(default_factory=Counter)
    _running: int = 0

    async def conduct(self, inputs: dict[str, Any]) -> tuple[Any, str]:
        """Run the flow; returns its result, and where it got stuck."""
        stand_ins: dict[str, Any] = {
            "_execute_method": self._execute,
            "_run_human_feedback_step": self._review,
            "_collapse_to_outcome": self._collapse,
        }
        for name, stand_in in stand_ins.items():
            object.__setattr__(self.flow, name, stand_in)
        kickoff = asyncio.get_running_loop().create_task(self.flow.kickoff_async(inputs))
        while not await self._is_over(kickoff):
            waiting = list(self._waiting)
            path = self.choose(waiting)
            if path not in self._waiting:
                kickoff.cancel()
                await asyncio.gather(kickoff, return_exceptions=True)
                return None, f"{path} is next, and these might be: {waiting}"
            self._running += 1
            self._waiting.pop(path).set_result(None)
        left = self.choose([])
        return kickoff.result(), f"{left} did not come" if left else ""

    async def _is_over(self, kickoff: asyncio.Task[Any]) -> bool:
        """Wait until nothing runs but what waits for its turn, or all is over."""
        loop = asyncio.get_running_loop()
        until = loop.time() + SECONDS_WITHOUT_NEWS
        while not kickoff.done():
            await asyncio.sleep(0)
            if loop._ready or self._running or not self._waiting:  # type: ignore[attr-defined]
                await asyncio.sleep(0.0005 if not loop._ready else 0)  # type: ignore[attr-defined]
                if loop.time() > until:
                    raise TimeoutError(f"running {self._running}, waiting {list(self._waiting)}")
                continue
            return False
        return True

    async def _execute(self, name: str, method: Callable[..., Any], *args: Any) -> Any:
        self._calls[name] += 1
        path = f"{name}#{self._calls[name]}"
        self.called.append(path)
        token = PATH.set(path)
        asks = self.flow._definition.methods[name].human_feedback is not None

        async def body(*given: Any) -> Any:
            result = await asyncio.to_thread(method, *given)
            if inspect.isawaitable(result):
                result = await result
            if not asks:
                await self._turn(path)
            self.ended[path] = told(result)
            return result

        original: Callable[..., Awaitable[Any]] = type(self.flow)._execute_method
        self._running += 1
        try:
            return await original(self.flow, name, body, *args)
        finally:
            self._running -= 1
            PATH.reset(token)

    async def _turn(self, path: str) -> None:
        self._waiting[path] = turn = asyncio.get_running_loop().create_future()
        self._running -= 1
        try:
            await turn
        except asyncio.CancelledError:  # it lost a race
            if self._waiting.pop(path, None):
                self._running += 1
            self.ended.pop(path, None)
            raise

    async def _review(self, name: str, definition: Any, output: Any) -> Any:
        path = PATH.get()
        text = self.ended.pop(path)
        await self._turn(path)
        self.ended[path] = text
        outcome, words = self.say(path)
        if definition.emit and not words:  # the engine takes its default, whatever was chosen
            definition = definition.model_copy(update={"default_outcome": outcome})
        original: Callable[..., Awaitable[Any]] = type(self.flow)._run_human_feedback_step
        return await original(self.flow, name, definition, output)

    def _collapse(self, **_: Any) -> str | None:
        return self.say(PATH.get())[0]


def serve() -> None:
    """Answer on standard output; what CrewAI prints goes elsewhere."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    flow_config = importlib.import_module("crewai.flow.flow_config").flow_config

    class Provider:
        """Says what ``Conductor.say`` has."""

        def request_feedback(self, context: Any, flow: Any) -> str:  # noqa: ARG002 - CrewAI's own
            words: str = flow.__dict__["_run_human_feedback_step"].__self__.say(PATH.get())[1]
            return words

    flow_config.hitl_provider = Provider()
    for line in sys.stdin:
        answers.write(json.dumps(run(**json.loads(line))) + "\n")
        answers.flush()


def run(
    seed: int,
    inputs: dict[str, str],
    order: list[str] | None,
    said: dict[str, list[str]] | None,
    chance: int,
) -> dict[str, Any]:
    """Run one flow."""
    random_flow = make_flow(seed)
    flow = importlib.import_module(random_flow.module).RandomFlow()
    flow.max_method_calls = 1000
    rng, left = dice(f"order {chance}"), list(order or ())

    def choose(waiting: list[str]) -> str | None:
        if order is None:
            return rng.choice(waiting) if waiting else None
        return left.pop(0) if left else None

    def say(path: str) -> tuple[str | None, str]:
        if said is None:
            answer = random_flow.said(path)
            return answer.outcome, answer.words
        return said[path][0], said[path][1]

    conductor = Conductor(flow, choose, say)
    result, stuck = asyncio.run(conductor.conduct(dict(inputs)))
    text = "" if stuck else told(result)
    came = Came(conductor.called, conductor.ended, text, stuck)
    return vars(came)


if __name__ == "__main__":
    serve()
