"""A clerk who does errands: ten calls of a model in one task, and nine of tools between them.

Each call is noted once it was made. ``BEFORE`` is called with its name before that: a test may have
it hang there. In a service, with ``ERRANDS`` in the environment, calls are noted in that file, and
the process is killed in the middle of the call whose number stands in the file beside it.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from crewai import Agent, BaseLLM, Crew, Flow, Process, Task
from crewai.flow import and_, human_feedback, listen, start
from crewai.tools import BaseTool, tool
from pydantic import BaseModel, PrivateAttr

from projects.scripted import final, use

ERRANDS = ("look", "look", "pay", *["look"] * 6)
MADE: list[str] = []
PAID: list[str] = []
"""What was paid, as the tools got it."""
TOLD: list[str] = []
"""What the models were asked last, one text for each call."""
BEFORE: list[Callable[[str], object]] = []
_LOCK = threading.Lock()


def made(name: str) -> None:
    """A call is made."""
    if "ERRANDS" in os.environ:
        _note(Path(os.environ["ERRANDS"]), name)
    for each in BEFORE:
        each(name)
    with _LOCK:
        MADE.append(name)


def _note(log: Path, name: str) -> None:
    killer = log.with_suffix(".kill")
    before = log.read_text().splitlines() if log.exists() else []
    if killer.exists() and len(before) + 1 == int(killer.read_text()):
        killer.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
    with log.open("a") as file:
        file.write(f"{name}\n")


class Clerk(BaseLLM):
    """Does the errands in their order. Each call costs 10 and 5 tokens."""

    llm_type: str = "clerk"
    _errands: Sequence[str] = PrivateAttr(default=ERRANDS)

    def __init__(self, errands: Sequence[str] = ERRANDS) -> None:
        super().__init__(model="clerk")
        self._errands = errands

    def call(self, messages: Any, *_: Any, **__: Any) -> Any:
        """Answer a conversation."""
        made("model")
        self._track_token_usage_internal({"prompt_tokens": 10, "completion_tokens": 5})
        text = messages if isinstance(messages, str) else "".join(str(m) for m in messages)
        TOLD.append(text)
        return self.next(text.count("Observation: did"))

    async def acall(self, messages: Any, *args: Any, **kwargs: Any) -> Any:
        """The same."""
        return self.call(messages, *args, **kwargs)

    def next(self, done: int) -> Any:
        """What follows after so many errands."""
        if done == len(self._errands):
            return final(f"all {done} done")
        return use(self._errands[done], json.dumps({"what": f"errand {done + 1}"}))

    def supports_function_calling(self) -> bool:
        """Tools are called by text."""
        return False


class Manager(Clerk):
    """Has three things looked up at once, by function calling; then answers in the form asked."""

    llm_type: str = "manager"
    _tools: Sequence[str] = PrivateAttr(default=("look",) * 3)

    def __init__(self, tools: Sequence[str] = ("look",) * 3) -> None:
        super().__init__()
        self._tools = tools

    def call(
        self, messages: Any, tools: Any = None, *_: Any, response_model: Any = None, **__: Any
    ) -> Any:
        """Answer a conversation."""
        made("model")
        self._track_token_usage_internal({"prompt_tokens": 10, "completion_tokens": 5})
        if tools and not any(m.get("role") == "tool" for m in messages):
            return [_function_call(name, n) for n, name in enumerate(self._tools)]
        TOLD.append(str(messages))
        done = sum(m.get("role") == "tool" for m in messages)
        return response_model(done=7) if response_model else f"all {done} done"

    def supports_function_calling(self) -> bool:
        """Tools are called as functions."""
        return True


def _function_call(name: str, number: int) -> dict[str, Any]:
    given = {"name": name, "arguments": json.dumps({"what": f"errand {number}"})}
    return {"id": f"call-{number}", "type": "function", "function": given}


@tool("look")
def look(what: str) -> str:
    """Look something up."""
    made(f"look {what}")
    return f"did look {what}"


@tool("pay")
def pay(what: str) -> str:
    """Pay something, which must not happen twice."""
    made("pay")
    PAID.append(what)
    return f"did pay {what}"


@tool("fetch")
def fetch(tool: str, callee: str) -> str:
    """Have somebody fetch a tool."""
    return f"{callee} did fetch {tool}"


@tool("bring")
async def bring(tool: str, callee: str) -> str:
    """Have somebody bring a tool."""
    return f"{callee} did bring {tool}"


@tool("careful")
def careful(what: str) -> str:
    """Pay something, whatever happens."""
    try:
        return str(pay.run(what=what))
    except BaseException:  # noqa: BLE001 - as people write it
        return "did fail"


class Wire(BaseTool):
    """Pays by wire: its two ways to be called do the same."""

    name: str = "pay_by_wire"
    description: str = "Pay something by wire."

    def _run(self, what: str) -> str:
        made("pay")
        PAID.append(f"wired {what}")
        return f"did wire {what}"

    async def _arun(self, what: str) -> str:
        return self._run(what)


class Odd:
    """What has no JSON form."""

    def __str__(self) -> str:
        """What the model sees of it."""
        return "did something odd"


@tool("odd")
def odd(what: str) -> Any:
    """Give what cannot be stored."""
    made(f"odd {what}")
    return Odd()


class Report(BaseModel):
    """What a manager has to answer."""

    done: int


def _crew(model: BaseLLM, *, human_input: bool = False, **task: Any) -> Crew:
    clerk = Agent(
        role="Clerk",
        goal="do errands",
        backstory="-",
        llm=model,
        tools=[look, pay, odd, careful, Wire()],
        cache=False,
    )
    errands = Task(
        name="errands",
        description="Do all errands for {who}.",
        expected_output="a count",
        agent=clerk,
        human_input=human_input,
        **task,
    )
    return Crew(agents=[clerk], tasks=[errands], cache=False)


def make() -> Crew:
    """Ten calls of a model, nine of tools."""
    return _crew(Clerk())


def reviewed() -> Crew:
    """The same, and a person judges it."""
    return _crew(Clerk(("look", "look")), human_input=True)


def strange() -> Crew:
    """Its second tool gives what cannot be stored."""
    return _crew(Clerk(("look", "odd", "look")))


def parallel() -> Crew:
    """Three tools at once, and an answer in a form."""
    return _crew(Manager(), output_pydantic=Report, callback=lambda _: made("callback"))


def together() -> Crew:
    """A lookup and two payments at once."""
    return _crew(Manager(("look", "pay", "pay")))


def twice() -> Crew:
    """The same payment twice, by text."""
    return _crew(Twice(("pay", "look", "pay")))


class Twice(Clerk):
    """Has the same done each time."""

    llm_type: str = "twice"

    def next(self, done: int) -> Any:
        """What follows after so many errands."""
        if done == len(self._errands):
            return final(f"all {done} done")
        return use(self._errands[done], json.dumps({"what": "the rent" if done != 1 else "it up"}))


class Delegating(Clerk):
    """A model that calls its tools itself, inside its own call."""

    llm_type: str = "delegating"

    def call(self, *_: Any, **__: Any) -> Any:
        """Pay, and say what came of it."""
        made("model")
        return final(str(pay.run(what="errand 1")))


def by_the_model() -> Crew:
    """A tool that the model itself calls."""
    return _crew(Delegating())


def carefully() -> Crew:
    """A tool that catches everything pays."""
    return _crew(Clerk(("careful", "look")))


class CarefulFlow(Flow[Any]):
    """The same inside a method."""

    @start()
    def errands(self) -> str:
        """Three calls of a model, two of tools."""
        return str(carefully().kickoff(inputs={"who": "Ada"}).raw)


class Lead(Clerk):
    """Has the clerk do it all, and says what came of it."""

    llm_type: str = "lead"

    def call(self, messages: Any, *_: Any, **__: Any) -> Any:
        """Delegate, then answer."""
        made("lead")
        text = messages if isinstance(messages, str) else "".join(str(m) for m in messages)
        if "Observation: all" in text:
            return final("the clerk is done")
        work = {"task": "Do all errands.", "context": "-", "coworker": "Clerk"}
        return use("delegate_work_to_coworker", json.dumps(work))


def led() -> Crew:
    """A manager delegates to the clerk, who pays."""
    crew = _crew(Clerk(("look", "pay")))
    crew.tasks[0].agent = None
    lead = Agent(role="Lead", goal="lead", backstory="-", llm=Lead(), cache=False)
    return Crew(
        agents=crew.agents, tasks=crew.tasks, process=Process.hierarchical, manager_agent=lead
    )


class LedFlow(Flow[Any]):
    """The same inside a method."""

    @start()
    def errands(self) -> str:
        """Two calls of the manager's model, three of the clerk's."""
        return str(led().kickoff(inputs={"who": "Ada"}).raw)


class AsyncLedFlow(Flow[Any]):
    """The same, awaited."""

    @start()
    async def errands(self) -> str:
        """Two calls of the manager's model, three of the clerk's."""
        return str((await led().akickoff(inputs={"who": "Ada"})).raw)


class ErrandsFlow(Flow[Any]):
    """A model that a method asks by itself, then a crew inside another method."""

    @start()
    def greet(self) -> str:
        """Three calls of a model, one after the other."""
        clerk = Clerk(())
        return " ".join(str(clerk.call(f"greet {n}")) for n in range(3))

    @listen(greet)
    def errands(self) -> str:
        """A crew: four calls of a model, three of tools."""
        crew = _crew(Clerk(("look", "pay", "look")))
        return str(crew.kickoff(inputs={"who": "Ada"}).raw)


class AsyncErrandsFlow(Flow[Any]):
    """A crew that a method awaits."""

    @start()
    async def errands(self) -> str:
        """Four calls of a model, three of tools."""
        crew = _crew(Clerk(("look", "pay_by_wire", "look")))
        return str((await crew.akickoff(inputs={"who": "Ada"})).raw)


class LockedFlow(Flow[Any]):
    """What it keeps in its state cannot be stored."""

    @start()
    def errands(self) -> str:
        """A call of a model, one of a tool."""
        self.state["lock"] = _LOCK
        return str(_crew(Clerk(("pay",))).kickoff(inputs={"who": "Ada"}).raw)


class AsyncFlow(Flow[Any]):
    """A method that asks a model asynchronously."""

    @start()
    async def greet(self) -> str:
        """Four calls."""
        clerk = Clerk(())
        return " ".join([str(await clerk.acall(f"greet {n}")) for n in range(4)])


class AgentFlow(Flow[Any]):
    """An agent alone in a method, and beside it a method whose output a person reviews."""

    @start()
    async def errands(self) -> str:
        """Three calls of a model, two of tools."""
        clerk = Agent(
            role="Clerk",
            goal="do errands",
            backstory="-",
            llm=Clerk(("look", "pay_by_wire")),
            tools=[look, Wire()],
            cache=False,
        )
        return str((await clerk.kickoff_async("Do the errands.")).raw)

    @start()
    @human_feedback(message="Good?")
    def report(self) -> str:
        """What a person says words on."""
        made("report")
        return "a report"

    @listen(report)
    def note(self) -> str:
        """What follows from the review."""
        made("note")
        return "noted"

    @listen(and_(errands, note))
    def end(self) -> str:
        """Both are done."""
        return "both"


class AskingFlow(Flow[Any]):
    """An agent that pays, in a method that then asks a person."""

    @start()
    def errands(self) -> str:
        """Two calls of a model, one of a tool, a question."""
        clerk = Agent(
            role="Clerk",
            goal="do errands",
            backstory="-",
            llm=Clerk(("pay",)),
            tools=[pay],
            cache=False,
        )
        done = clerk.kickoff("Pay the rent.").raw
        return f"{done}, {self.ask('Anything else?')}"


def forget() -> None:
    """Forget what was made and what hangs."""
    MADE.clear()
    PAID.clear()
    TOLD.clear()
    BEFORE.clear()
    with suppress(KeyError):
        del os.environ["ERRANDS"]
