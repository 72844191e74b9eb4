"""What a run does around the methods: states, models, hooks, events, and new processes."""

from __future__ import annotations

import gc
import importlib
import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from copy import copy
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from flow_world import Crash, FlowExecution
from model_server import ModelServer

from orchestrator.domain.output import Output
from orchestrator.domain.question import Question, QuestionKind
from orchestrator.errors import TaskFailed
from orchestrator.ports import Ended, Halted

Begin: TypeAlias = Callable[..., FlowExecution]
SUPPORT = str(Path(__file__).parents[3] / "support")

STATE = """
from datetime import datetime, UTC
from enum import Enum
from crewai.flow.flow import FlowState

class Mood(Enum):
    GOOD = "good"

class Item(BaseModel):
    name: str

class Base(BaseModel):
    topic: str = "tea"
    items: list[Item] = []
    mood: Mood | None = None
    seen: set[str] = set()
    when: datetime | None = None

class State(BASE):
    n: int = 0
    _hidden: int = PrivateAttr(default=0)

class Above(Flow[State]):
    pass

class F(Above):
    @start()
    def a(self):
        self.state.n += 1
        self.state.items.append(Item(name="x"))
        self.state.mood = Mood.GOOD
        self.state.seen.add("a")
        self.state.when = datetime(2026, 1, 1, tzinfo=UTC)
        self.state._hidden = 5
        return "a"

    @listen(a)
    @human_feedback(message="?")
    def b(self):
        return "b"

    @listen(b)
    def c(self):
        s = self.state
        assert isinstance(s, State), type(s)
        assert isinstance(s.items[0], Item)
        assert s.mood is Mood.GOOD and s.seen == {"a"} and s.when.year == 2026
        return [s.topic, s.n, s._hidden, s.id, self.flow_id]
"""


@pytest.mark.parametrize("base", ["Base", "FlowState, Base"])
def test_a_state_of_any_type_is_what_it_was(flow: Begin, base: str) -> None:
    execution = flow(STATE.replace("BASE", base), topic="milk")
    assert isinstance(execution.run(), Halted)
    execution.answer("b#1", "ok")
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.json == ["milk", 1, 5, execution.id, execution.id]


def test_inputs_that_the_state_refuses_fail_the_run(flow: Begin) -> None:
    execution = flow(STATE.replace("BASE", "Base"), n="many")
    with pytest.raises(TaskFailed, match="Invalid inputs"):
        execution.run()


PERSISTS = """
@persist()
class F(Flow):
    @start()
    def a(self):
        self.state["a"] = 1

    @listen(a)
    @human_feedback(message="?")
    def b(self):
        return "b"

    @persist()
    @listen(b)
    async def c(self):
        kept = self.persistence.load_state(self.flow_id)
        other = Other()
        other.kickoff(inputs={"id": "chat-1"})
        return [kept["a"], other.state["n"], type(self.persistence).__name__]

@persist()
class Other(Flow):
    @start()
    def count(self):
        self.state["n"] = self.state.get("n", 0) + 1
"""


def test_persist_keeps_what_it_keeps_in_crewai(flow: Begin) -> None:
    for turn in (1, 2):  # what a flow of another id persisted is there in the next execution
        execution = flow(PERSISTS)
        assert isinstance(execution.run(), Halted)
        execution.answer("b#1", "ok")
        result = execution.run()
        assert isinstance(result, Ended)
        assert result.output.json == [1, turn, "FlowStates"]


HOOKS = """
from crewai.hooks.dispatch import InterceptionPoint, register, unregister

def noted(name):
    def hook(context):
        ran(name)
    return hook

HOOKS = {point: noted(point.name) for point in
         (InterceptionPoint.EXECUTION_START, InterceptionPoint.INPUT,
          InterceptionPoint.PRE_STEP, InterceptionPoint.POST_STEP, InterceptionPoint.EXECUTION_END)}

class F(Flow):
    @start()
    @human_feedback(message="?")
    def a(self):
        return "a"

    def __init__(self, **data):
        super().__init__(**data)
        for point, hook in HOOKS.items():
            register(point, hook)

    def _record_kickoff_output(self, output):
        pass
"""


def test_hooks_are_called_once(flow: Begin, log: list[str]) -> None:
    dispatch = importlib.import_module("crewai.hooks.dispatch")
    execution = flow(HOOKS)
    try:
        for _ in range(2):
            execution.run()
            for point, hook in sys.modules["users_flow"].HOOKS.items():
                dispatch.unregister(point, hook)
            if execution.open:
                execution.answer("a#1", "ok")
    finally:
        dispatch.clear_all()
    assert log == ["EXECUTION_START", "INPUT", "PRE_STEP", "POST_STEP", "EXECUTION_END"]


CREW = """
from crewai.tools import tool

@tool("look")
def look(what: str) -> str:
    \"\"\"Look something up.\"\"\"
    return f"seen {what}"

def reply(prompt):
    if "seen tea" in prompt:
        return "Thought: I know\\nFinal Answer: done"
    return 'Thought: let me see\\nAction: look\\nAction Input: {"what": "tea"}'

class F(Flow):
    @start()
    def team(self):
        who = Agent(role="Writer", goal="g", backstory="b", llm=Scripted(reply), tools=[look])
        task = Task(description="write", expected_output="text", agent=who, name="write")
        return Crew(agents=[who], tasks=[task], name="team").kickoff()
"""


def test_a_crew_inside_tells_its_events_and_steps(flow: Begin) -> None:
    execution = flow(CREW)
    result = execution.run()
    assert isinstance(result, Ended)
    context = execution.contexts[0]
    kinds = [kind for kind, _ in context.events]
    assert kinds.count("crew_kickoff_started") == kinds.count("task_completed") == 1
    assert ("write", "look") in [(step.prompt, step.tool) for step in context.steps]
    assert context.begun == ["team#1", "team#1/task:write~1"]
    assert result.usage["total_tokens"] == 30


FOR_EACH = """
from crewai import LLM

class F(Flow):
    @start()
    def team(self):
        who = Agent(role="Writer", goal="g", backstory="b", llm={llm})
        task = Task(description="write on {topic}", expected_output="text", agent=who, name="write")
        crew = Crew(agents=[who], tasks=[task])
        return [out.raw for out in crew.kickoff_for_each([{"topic": "tea"}, {"topic": "ale"}])]
"""


def test_a_crew_that_is_kicked_off_for_each_of_several_counts_each_token_once(
    flow: Begin,
) -> None:
    with ModelServer() as server:
        llm = f"LLM(model='gpt-4o', base_url='{server.url}', api_key='k')"
        result = flow(FOR_EACH.replace("{llm}", llm)).run()
    assert isinstance(result, Ended)
    assert (len(server.requests), result.usage["total_tokens"]) == (2, 30)


def test_of_copies_of_a_model_that_are_called_side_by_side_each_token_counts_once() -> None:
    metering = importlib.import_module("orchestrator.adapters.runners.crewai.metering")
    one = importlib.import_module("scripted_model").says("x")
    meter, models = metering.CallMeter(), (one, copy(one))
    for act in (meter.begin, lambda model: model.call("?")):
        for model in models:
            act(model)
    assert [meter.end(model).get("total_tokens", 0) for model in models] == [30, 0]


def test_the_model_of_a_decorator_is_asked_and_never_guessed_for(
    flow: Begin, log: list[str]
) -> None:
    execution = flow("""
        SAYS = ["yes, approved I think", "approved", '{"outcome": "Rejected."}']

        class F(Flow):
            @start()
            @human_feedback(message="?", emit=["approved", "rejected"],
                            llm=Scripted(lambda prompt: ran("asked") or SAYS.pop(0)))
            def review(self):
                return "draft"
    """)
    running = importlib.import_module("orchestrator.adapters.runners.crewai.flows.running")
    execution.run()
    question = execution.open["review#1"].question
    weighed = [
        running.weigh(execution.deployment, question, words, Output("draft"))
        for words in ("hm", "go on", "no", "  APPROVED!! ")
    ]
    assert weighed == [None, "approved", "rejected", "approved"]
    assert log == ["asked"] * 3


def test_a_model_that_fails_is_said(flow: Begin) -> None:
    execution = flow("""
        class F(Flow):
            @start()
            @human_feedback(message="?", emit=["a", "b"], llm=Scripted(lambda prompt: 1 / 0))
            def review(self):
                return "draft"
    """)
    running = importlib.import_module("orchestrator.adapters.runners.crewai.flows.running")
    question = Question(QuestionKind.CHOICE, "review#1", "review", options=("a", "b"))
    with pytest.raises(TaskFailed, match="ZeroDivisionError"):
        running.weigh(execution.deployment, question, "hm", Output("draft"))


def test_a_deployments_model_is_asked_where_the_decorator_names_none(flow: Begin) -> None:
    execution = flow("""
        class F(Flow):
            @start()
            @human_feedback(message="?", emit=["a", "b"])
            def review(self):
                return "draft"
    """)
    running = importlib.import_module("orchestrator.adapters.runners.crewai.flows.running")
    question = Question(QuestionKind.CHOICE, "review#1", "review", options=("a", "b"))
    with pytest.raises(TaskFailed, match="nobody/has-it"):
        running.weigh(execution.deployment, question, "hm", Output(""), "nobody/has-it")


def test_what_was_not_stored_and_is_needed_again_is_said(flow: Begin, log: list[str]) -> None:
    execution = flow("""
        class F(Flow):
            @start()
            def a(self):
                return threading.Lock()

            @listen(a)
            def b(self, lock):
                ran("b")
    """)
    with pytest.raises(Crash):
        execution.run(crash_at=2)
    with pytest.raises(TaskFailed, match=r"b#1 cannot run: output was a lock") as failed:
        execution.run()
    assert not failed.value.retryable
    assert log == ["b"]


def test_a_flow_that_is_built_with_an_error_fails_its_run(flow: Begin) -> None:
    execution = flow("""
        class F(Flow):
            def __init__(self, **data):
                raise ValueError("no key")

            @start()
            def a(self):
                pass
    """)
    with pytest.raises(TaskFailed, match="no key"):
        execution.run()


# New processes -----------------------------------------------------------------------------------

RUN = """
import json, sys
from pathlib import Path
from orchestrator.adapters.runners.crewai.environment import prepare_environment
prepare_environment(Path("store"))
from orchestrator.ports import Halted
from orchestrator.adapters.runners.crewai.flows.running import warm_up
from orchestrator.adapters.deployment_file import RunnerKind
from orchestrator.domain.deployment import Deployment
from flow_world import FlowExecution

warm_up()
deployment = Deployment("demo", RunnerKind.FLOW, "users_flow:F")
execution = FlowExecution(deployment, {"n": 1}, json.load(sys.stdin))
result = execution.run()
told = None if isinstance(result, Halted) else result.output.to_json()
print("RESULT " + json.dumps([execution.lines, told]))
"""
WHOLE = """
from crewai.flow import Flow, and_, human_feedback, listen, start
from flow_log import ran
from pydantic import BaseModel

class State(BaseModel):
    n: int = 0
    log: list[str] = []

class F(Flow[State]):
    @start()
    @human_feedback(message="Good?", emit=["good", "bad"])
    def review(self):
        self.state.log.append("review")
        return "draft"

    @start()
    async def talk(self):
        return self.ask("Name?")

    @listen(and_("good", talk))
    def join(self):
        return [*self.state.log, self.state.n, self.last_human_feedback.feedback]
"""


def in_a_new_process(folder: Path, lines: list[str]) -> tuple[list[str], Any]:
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        input=json.dumps(lines),
        cwd=folder,
        env={"HOME": str(folder), "PYTHONPATH": SUPPORT},
        check=True,
        capture_output=True,
        text=True,
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT "))
    lines, told = json.loads(line.removeprefix("RESULT "))
    return lines, told


@pytest.mark.processes
def test_a_flow_goes_on_in_other_processes(folder: Path, flow: Begin) -> None:
    (folder / "users_flow.py").write_text(WHOLE)
    execution = FlowExecution(deployment=None)  # type: ignore[arg-type]  # only its lines are used
    execution.lines, told = in_a_new_process(folder, [])
    assert told is None
    assert set(execution.open) == {"review#1", "talk#1/ask:1"}
    execution.answer("talk#1/ask:1", "Ann")
    execution.answer("review#1", "nice", outcome="good")
    _, told = in_a_new_process(folder, execution.lines)
    assert told["json"] == ["review", 1, "nice"]


LEFT = """
class Inner(Flow):
    @start()
    def ask(self):
        who = Agent(role="W", goal="g", backstory="b", llm=says("draft"), max_rpm=9)
        task = Task(description="d", expected_output="x", agent=who, human_input=True)
        return Crew(agents=[who], tasks=[task], max_rpm=9).kickoff().raw

class F(Flow):
    @start()
    def plain(self):
        return "x"

    @listen(plain)
    def team(self):
        return Inner().kickoff()
"""


def kept() -> Counter[str]:
    """What of CrewAI's is in memory, and the timers that have not ended."""
    gc.collect()
    crewai: Any = importlib.import_module("crewai")
    kinds = (crewai.Flow, crewai.Crew, crewai.Agent)
    found = Counter(
        kind.__name__ for o in gc.get_objects() for kind in kinds if issubclass(type(o), kind)
    )
    timers = (each for each in threading.enumerate() if isinstance(each, threading.Timer))
    found["timers"] = sum(not timer.finished.is_set() for timer in timers)
    return found


def test_runs_leave_nothing_in_memory(flow: Begin) -> None:
    flow(LEFT).run()
    before = kept()
    executions = 4
    for _ in range(executions):
        execution = flow(LEFT)
        execution.run()
        (path,) = execution.open
        execution.answer(path, approved=True)
        assert ended_with(execution) == "draft"
    # What the last run had may be there until another begins.
    assert max((kept() - before).values(), default=0) < 2 * executions


def ended_with(execution: FlowExecution) -> str:
    result = execution.run()
    assert isinstance(result, Ended)
    return result.output.raw
