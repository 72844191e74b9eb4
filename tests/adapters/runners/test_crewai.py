from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from orchestrator.domain.deployment import Deployment
from orchestrator.domain.output import EDITS_FIT
from orchestrator.errors import DeploymentBroken, TaskFailed
from orchestrator.wire.inputs import misfits

pytestmark = [
    pytest.mark.crewai,
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
    # CrewAI warns of its own fields, imports and callbacks.
    pytest.mark.filterwarnings("ignore"),
]

Deploy: TypeAlias = Callable[..., Deployment]
Begin: TypeAlias = Callable[..., Any]
Prompts: TypeAlias = list[str]

TWO = """
who = person()
first = job("facts about {topic}", who, name="research")
second = job("article about {topic}", who, name="write", human_input=True)
crew = Crew(agents=[who], tasks=[first, second])
"""


def test_a_crew_instance_runs_task_by_task(run_crew: Begin, prompts: Prompts) -> None:
    assert run_crew(TWO, topic="tea").all() == ["answer 1", "answer 2"]
    assert "facts about tea" in prompts[0]
    assert "article about tea" in prompts[1]
    assert "answer 1" in prompts[1]


def test_a_crew_instance_starts_afresh_for_the_next_execution(
    run_crew: Begin, prompts: Prompts
) -> None:
    first = run_crew(TWO, topic="tea")
    first.all()
    second = replace(first, inputs={"topic": "milk"}, outputs={}, results=[])
    assert second.all() == ["answer 3", "answer 4"]
    assert "tea" not in prompts[2] + prompts[3]
    assert "facts about milk" in prompts[2]


def test_the_plan_names_tasks_agents_and_inputs(run_crew: Begin) -> None:
    plan = run_crew(TWO).plan
    assert (plan.names, plan.inputs, plan.inputs_required) == (
        ("research", "write"),
        ("topic",),
        True,
    )
    assert [task.human_input for task in plan.tasks] == [False, True]
    assert {task.agent for task in plan.tasks} == {"Writer"}


def test_a_changed_prompt_changes_the_key(run_crew: Begin) -> None:
    before, after = run_crew(TWO).plan, run_crew(TWO.replace("facts", "rumours")).plan
    assert before.shape == after.shape
    assert [a.key == b.key for a, b in zip(before.tasks, after.tasks, strict=True)] == [False, True]


def test_json_in_a_prompt_is_no_input(run_crew: Begin) -> None:
    plan = run_crew("""
        crew = Crew(agents=[], tasks=[job('like {"a": 1} about {topic}', person())])
    """).plan
    assert plan.inputs == ("topic",)


def test_an_input_within_json_in_a_prompt_is_one(run_crew: Begin) -> None:
    plan = run_crew("""
        crew = Crew(agents=[], tasks=[job('like {"a": {topic}}', person())])
    """).plan
    assert plan.inputs == ("topic",)


def test_inputs_of_file_names_are_inputs(run_crew: Begin) -> None:
    plan = run_crew("""
        first = job("about {topic}", person(), output_file="out/{topic}-{day}.txt")
        crew = Crew(agents=[], tasks=[first])
    """).plan
    assert plan.inputs == ("day", "topic")


def test_a_task_that_stands_twice_in_a_crew_runs_twice(run_crew: Begin) -> None:
    running = run_crew("""
        first = job("polish", person(), name="polish")
        crew = Crew(agents=[], tasks=[first, first])
    """)
    assert running.plan.names == ("polish", "polish-2")
    assert running.all() == ["answer 1", "answer 2"]


CREW_BASE = """
@CrewBase
class Writers:
    agents_config = {}
    tasks_config = {}

    @before_kickoff
    def add_tone(self, inputs):
        BEFORE.append(1)
        return {**inputs, "tone": "dry"}

    @after_kickoff
    def sign(self, result):
        result.raw += f", signed after {result.token_usage.total_tokens} tokens"
        return result

    @agent
    def writer(self):
        return person()

    @task
    def research(self):
        return job("facts about {topic} in a {tone} tone", self.writer())

    @task
    def write(self):
        return job("article about {topic}", self.writer(), context=[self.research()])

    @a_crew
    def crew(self):
        return Crew(agents=self.agents, tasks=self.tasks)

BEFORE = []
"""


def test_a_crew_class_has_its_callbacks_as_tasks_of_their_own(run_crew: Begin) -> None:
    plan = run_crew(CREW_BASE, "Writers").plan
    assert [task.name for task in plan.tasks] == [
        "before_kickoff",
        "research",
        "write",
        "after_kickoff",
    ]
    assert plan.names == ("research", "write")
    assert not plan.inputs_required


def test_callbacks_run_once_and_reach_every_task(run_crew: Begin, prompts: Prompts) -> None:
    running = run_crew(CREW_BASE, "Writers", topic="tea")
    texts = running.all()
    assert texts[1:] == ["answer 1", "answer 2", "answer 2, signed after 30 tokens"]
    assert "facts about tea in a dry tone" in prompts[0]
    assert sys.modules["users_code"].BEFORE == [1]


def test_a_class_without_callbacks_has_its_tasks_only(run_crew: Begin) -> None:
    plain = CREW_BASE.replace("    @before_kickoff\n", "").replace("    @after_kickoff\n", "")
    assert [task.name for task in run_crew(plain, "Writers").plan.tasks] == ["research", "write"]


def test_callbacks_that_lose_the_inputs_fail_for_good(run_crew: Begin) -> None:
    running = run_crew("""
        crew = Crew(
            agents=[], tasks=[job("x", person())], before_kickoff_callbacks=[lambda inputs: None]
        )
    """)
    with pytest.raises(TaskFailed, match="returned a NoneType, not inputs") as failed:
        running.task(0)
    assert not failed.value.retryable


def test_a_callback_after_one_that_lost_the_inputs_gets_none_of_them(run_crew: Begin) -> None:
    ended = run_crew(
        """
        callbacks = [lambda inputs: None, lambda inputs: {**inputs, "day": "Monday"}]
        crew = Crew(agents=[], tasks=[job("x", person())], before_kickoff_callbacks=callbacks)
    """,
        topic="tea",
    ).task(0)
    assert ended.output.json == {"day": "Monday"}


def test_a_function_may_make_the_crew(run_crew: Begin) -> None:
    running = run_crew("def crew(): return Crew(agents=[], tasks=[job('x', person())])")
    assert running.all() == ["answer 1"]


def test_words_reach_a_later_task_that_names_its_context(run_crew: Begin, prompts: Prompts) -> None:
    running = run_crew("""
        who = person()
        first, second = job("one", who, name="first"), job("two", who)
        third = job("three", who, context=[second])
        crew = Crew(agents=[who], tasks=[first, second, third])
    """)
    running.task(0)
    running.answer(0, "mind the gap", approved=True)
    running.task(1)
    running.task(2)
    assert "mind the gap" in prompts[2]
    assert "answer 2" in prompts[2]
    assert "answer 1" not in prompts[2]


def test_a_retry_sees_the_previous_answers_and_the_words(run_crew: Begin, prompts: Prompts) -> None:
    running = run_crew(TWO, topic="tea")
    running.all()
    for words in ("shorter", "funnier"):
        running.answer(1, words, approved=False)
        running.round += 1
        running.task(1)
    assert all(word in prompts[3] for word in ("answer 1", "answer 2", "answer 3"))
    assert all(word in prompts[3] for word in ("shorter", "funnier"))
    assert "funnier" not in prompts[2]


def test_asynchronous_tasks_are_joined_by_what_follows(run_crew: Begin, prompts: Prompts) -> None:
    running = run_crew("""
        who = person()
        left = job("left", who, async_execution=True)
        right = job("right", who, async_execution=True)
        join = job("join", who, context=[left, right])
        crew = Crew(agents=[who], tasks=[left, right, join])
    """)
    assert [task.asynchronous for task in running.plan.tasks] == [True, True, False]
    running.task(1)
    running.task(0)
    running.task(2)
    assert "answer 2\n\n----------\n\nanswer 1" in prompts[2]


MIXED = """
who, other = person(says("same")), person(says("same"), role="Other")
start = job("start {topic}", who)
left = job("left", who, async_execution=True)
right = job("right", other, async_execution=True, context=[start])
join = job("join", who)
alone = job("alone", who, context=[])
last = job("last", who, context=[left, join])
crew = Crew(agents=[who, other], tasks=[start, left, right, join, alone, last])
"""


def test_the_model_is_asked_what_a_kickoff_would_ask_it(run_crew: Begin, prompts: Prompts) -> None:
    # One answer for all: side by side, a kickoff asks in no certain order.
    run_crew(MIXED, topic="tea").all()
    ours = prompts.copy()
    sys.modules["users_code"].crew.kickoff(inputs={"topic": "tea"})
    assert sorted(prompts[len(ours) :]) == sorted(ours)


def test_guardrails_callbacks_and_files_work_as_in_a_kickoff(
    run_crew: Begin, modules: Path
) -> None:
    running = run_crew(
        """
        DONE, SEEN = [], []
        def longer(output):
            DONE.append(output)
            return (True, output.raw + "!") if len(DONE) > 1 else (False, "too short")
        first = job("x", person(), guardrail=longer, callback=SEEN.append, output_file="out/{name}")
        crew = Crew(agents=[], tasks=[first])
    """,
        name="tea.txt",
    )
    assert running.all() == ["answer 2!"]
    assert [output.raw for output in sys.modules["users_code"].SEEN] == ["answer 2!"]
    assert (modules / "out/tea.txt").read_text() == "answer 2!"


CONDITIONAL = """
who = person()
first = job("one", who)
maybe = ConditionalTask(
    description="two", expected_output="text", agent=who, condition=lambda o: "9" in o.raw
)
crew = Crew(agents=[who], tasks=[first, maybe])
"""


def test_a_condition_that_does_not_hold_skips(run_crew: Begin) -> None:
    running = run_crew(CONDITIONAL)
    assert running.all() == ["answer 1", ""]
    assert [each.output.extra["skipped"] for each in running.results] == [False, True]
    assert [task.conditional for task in running.plan.tasks] == [False, True]


def test_a_skipped_task_is_no_context(run_crew: Begin, prompts: Prompts) -> None:
    code = CONDITIONAL.replace("crew =", "last = job('last', who, context=[first, maybe])\ncrew =")
    run_crew(code.replace("tasks=[first, maybe", "tasks=[first, maybe, last")).all()
    assert "answer 1" in prompts[-1]
    assert "----------" not in prompts[-1]


def test_a_condition_sees_the_output_as_a_person_edited_it(run_crew: Begin) -> None:
    running = run_crew(CONDITIONAL)
    running.task(0)
    running.outputs[0] = running.outputs[0].edited("answer 9")
    assert running.task(1).output.raw == "answer 2"


USED = """
@tool("adder"LIMIT)
def adder(a: int) -> str:
    "Adds one."
    USED.append(a)
    return str(a + 1)

def reply(prompt):
    if "Observation: 3" in prompt:
        return "Thought: done\\nFinal Answer: three"
    return 'Thought: add\\nAction: adder\\nAction Input: {"a": 2}'

USED = []
who = person(Scripted(reply), tools=[adder])
crew = Crew(agents=[who], tasks=[job("add", who)], cache=True)
"""


@pytest.mark.parametrize("limit", ["", ", max_usage_count=1"])
def test_no_execution_sees_how_another_used_its_tools(run_crew: Begin, limit: str) -> None:
    running = run_crew(USED.replace("LIMIT", limit))
    assert [running.task(0).output.raw for _ in range(2)] == ["three", "three"]
    assert sys.modules["users_code"].USED == [2, 2]


class Clock:
    """Time that passes when a test says so, or when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.mark.parametrize(
    "crew",
    [
        "Crew(agents=[person(max_rpm=2)], tasks=[])",
        "Crew(agents=[person()], tasks=[], max_rpm=2, after_kickoff_callbacks=[str])",
    ],
)
def test_requests_are_kept_apart_in_the_minute_in_which_they_are_made(
    run_crew: Begin, monkeypatch: pytest.MonkeyPatch, crew: str
) -> None:
    pace: Any = import_module("orchestrator.adapters.runners.crewai.pace")
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    running = run_crew(f"""
        crew = {crew}
        crew.tasks = [job("work", crew.agents[0])]
    """)
    for minute in (0, 1, 2, 3, 3, 3):
        clock.now = max(clock.now, 61.0 * minute)
        replace(running, outputs={}, results=[]).all()
    assert clock.slept == [60]


def test_a_limit_of_requests_leaves_no_timer(run_crew: Begin) -> None:
    run_crew("""
        who = person(max_rpm=9)
        crew = Crew(agents=[who], tasks=[job("work", who)], max_rpm=9)
    """).all()
    timers = [each for each in threading.enumerate() if isinstance(each, threading.Timer)]
    assert "_reset_request_count" not in [timer.function.__name__ for timer in timers]


EMBEDDED = """
import numpy as np
from chromadb import EmbeddingFunction
from crewai.rag.embeddings.providers.custom.embedding_callable import CustomEmbeddingFunction

class Alike(CustomEmbeddingFunction, EmbeddingFunction):
    def __init__(self): ...
    def __call__(self, input):
        TEXTS.extend(input)
        return [np.array([1.0, 0.5], dtype=np.float32) for text in input]
    @staticmethod
    def name():
        return "alike"

TEXTS = []
EMBEDDER = {"provider": "custom", "config": {"embedding_callable": Alike}}
"""
REMEMBERING = f"""
{EMBEDDED}
def crew():
    who = person(says("the word is owl"))
    return Crew(agents=[who], tasks=[job("work", who)], memory=True, embedder=EMBEDDER)
"""


def test_what_one_deployment_remembers_no_other_recalls(run_crew: Begin, prompts: Prompts) -> None:
    one = run_crew(REMEMBERING)
    other = replace(one, deployment=replace(one.deployment, name="who-remembers-else"), outputs={})
    recalled = []
    for running in (one, other, one):
        prompts.clear()
        running.all()
        (asked,) = (prompt for prompt in prompts if "Current Task" in prompt)
        recalled.append("the word is owl" in asked)
    assert recalled == [False, False, True]


KNOWING = f"""
{EMBEDDED}
from crewai.knowledge.source.string_knowledge_source import StringKnowledgeSource

OWN = StringKnowledgeSource(content="Writers know this.")
ALL = StringKnowledgeSource(content="All know this.")

def crew():
    who = person(knowledge_sources=[OWN], embedder=EMBEDDER)
    tasks = [job("work", who), job("rest", who)]
    return Crew(agents=[who], tasks=tasks, knowledge_sources=[ALL], embedder=EMBEDDER)
"""


def test_what_is_known_is_embedded_once_in_a_process(run_crew: Begin) -> None:
    running = run_crew(KNOWING)
    for _ in range(3):
        running.all()
    users = sys.modules["users_code"]
    assert [users.TEXTS.count(each.content) for each in (users.ALL, users.OWN)] == [1, 1]
    assert [len(each.chunks) for each in (users.ALL, users.OWN)] == [1, 0]


MODEL = """
class Report(BaseModel):
    title: str

def titled(output):
    SEEN.append(output.pydantic.title)
    return True

SEEN = []
who = person(says('{"title": "Tea"}'))
first = job("one", who, name="report", output_pydantic=Report)
maybe = ConditionalTask(description="x", expected_output="x", agent=who, condition=titled)
crew = Crew(agents=[who], tasks=[first, maybe])
"""


def test_a_model_is_kept_as_data_and_is_a_model_again_later(run_crew: Begin) -> None:
    running = run_crew(MODEL)
    running.all()
    assert running.outputs[0].json == {"title": "Tea"}
    assert sys.modules["users_code"].SEEN == ["Tea"]


def test_an_edited_output_that_does_not_fit_its_model_fails_for_good(run_crew: Begin) -> None:
    running = run_crew(MODEL)
    running.task(0)
    running.outputs[0] = running.outputs[0].edited('{"name": "Tea"}')
    with pytest.raises(TaskFailed, match="output of task 'report' does not fit Report") as failed:
        running.task(1)
    assert not failed.value.retryable


@pytest.mark.parametrize("kind", ["output_pydantic", "output_json"])
def test_what_a_person_judges_says_what_an_edit_has_to_fit(run_crew: Begin, kind: str) -> None:
    judged = MODEL.replace("output_pydantic=Report", f"{kind}=Report, human_input=True")
    output = run_crew(judged).task(0).output
    schema = output.extra[EDITS_FIT]
    assert misfits(schema, {"title": "Tea"}, "edit") == {}
    assert misfits(schema, {"name": "Tea"}, "edit") == {"edit.title": "is required"}


DRAWN = """
from pydantic import ConfigDict, Field, computed_field, field_serializer, field_validator

class Report(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: str = Field(alias="heading")
    price: float = 0

    @computed_field
    @property
    def loud(self) -> str:
        return self.title.upper()

    @field_validator("title")
    @classmethod
    def without_mark(cls, title):
        assert not title.startswith("#")
        return title

    @field_serializer("title")
    def marked(self, title):
        return f"{MARK}{title}"

def seen(output):
    SEEN.append((output.pydantic.title, str(output.pydantic.price)))
    return True

SEEN = []
who = person(says('{"heading": "Tea", "price": PRICE}'))
first = job("one", who, name="report", output_pydantic=Report, human_input=True)
maybe = ConditionalTask(description="x", expected_output="x", agent=who, condition=seen)
crew = Crew(agents=[who], tasks=[first, maybe])
"""


@pytest.mark.parametrize(("mark", "price"), [("", "1.0"), ("# ", "2.0"), ("", "Infinity")])
def test_a_model_is_the_same_later_whatever_its_data_look_like(
    run_crew: Begin, mark: str, price: str
) -> None:
    run_crew(f"MARK = {mark!r}{DRAWN.replace('PRICE', price)}").all()
    assert [("Tea", str(float(price)))] == sys.modules["users_code"].SEEN


def test_an_edit_of_a_model_with_aliases_names_its_fields_as_it_shows_them(run_crew: Begin) -> None:
    running = run_crew(f"MARK = ''{DRAWN.replace('PRICE', '1')}")
    output = running.task(0).output
    shown = {"title": "Tea", "price": 1.0, "loud": "TEA"}
    assert output.json == shown
    running.outputs[0] = running.outputs[0].edited('{"title": "Milk", "loud": "TEA"}')
    running.task(1)
    assert sys.modules["users_code"].SEEN == [("Milk", "0")]


@pytest.mark.parametrize("kind", ["output_pydantic", "output_json"])
def test_edits_of_a_model_with_aliases_have_to_fit_it(run_crew: Begin, kind: str) -> None:
    aliased = MODEL.replace("title: str", 'title: str = Field(alias="heading")')
    judged = aliased.replace("output_pydantic=Report", f"{kind}=Report, human_input=True").replace(
        '{"title": "Tea"}', '{"heading": "Tea"}'
    )
    output = run_crew("from pydantic import Field\n" + judged).task(0).output
    schema = output.extra[EDITS_FIT]
    assert misfits(schema, {"title": "Milk"}, "edit") == {}
    assert misfits(schema, {"heading": "Milk"}, "edit") == {"edit.title": "is required"}


def test_a_model_whose_schema_its_own_data_do_not_fit_is_not_held_against_edits(
    run_crew: Begin,
) -> None:
    output = run_crew(f"MARK = ''{DRAWN.replace('PRICE', '1')}").task(0).output
    assert EDITS_FIT not in output.extra


def test_an_edit_that_is_no_mapping_fails_a_task_with_json_for_good(run_crew: Begin) -> None:
    running = run_crew(MODEL.replace("output_pydantic", "output_json"))
    running.task(0)
    running.outputs[0] = running.outputs[0].edited('["Tea"]')
    with pytest.raises(TaskFailed, match="output of task 'report' is a list") as failed:
        running.task(1)
    assert not failed.value.retryable


def test_nobody_judges_and_nothing_is_said_of_edits(run_crew: Begin) -> None:
    assert EDITS_FIT not in run_crew(MODEL).task(0).output.extra


def test_json_is_kept_as_data(run_crew: Begin) -> None:
    output = run_crew(MODEL.replace("output_pydantic", "output_json")).task(0).output
    assert output.json == {"title": "Tea"}


def test_json_with_dates_and_what_is_no_number_is_kept_as_data(run_crew: Begin) -> None:
    output = run_crew("""
        from datetime import date

        class Price(BaseModel):
            day: date
            price: float

        who = person(says('{"day": "2026-11-28", "price": NaN}'))
        crew = Crew(agents=[who], tasks=[job("one", who, output_json=Price)])
    """).task(0)
    assert output.output.json == {"day": "2026-11-28", "price": None}
    output.output.to_json()


def test_long_messages_are_not_kept_and_the_task_does_not_fail(
    run_crew: Begin, prompts: Prompts
) -> None:
    running = run_crew("""
        @tool
        def read(page: int) -> str:
            "Read a page."
            return "word " * 2_000_000

        def reply(prompt):
            if (page := len(PROMPTS)) < 3:
                return f'Thought: more\\nAction: read\\nAction Input: {{"page": {page}}}'
            return "Thought: done\\nFinal Answer: read"

        who = person(Scripted(reply), tools=[read])
        crew = Crew(agents=[who], tasks=[job("read", who), job("read on", who)])
    """)
    assert running.all() == ["read", "read"]
    assert len(prompts) == 4


def test_hooks_and_listeners_come_with_the_jobs(run_crew: Begin) -> None:
    hooks: Any = import_module("crewai.hooks.dispatch")
    running = run_crew("""
        from crewai.hooks.dispatch import EXECUTION_BOUNDARY_POINTS, register
        SEEN = []
        for point in EXECUTION_BOUNDARY_POINTS:
            register(point, lambda context, point=point: SEEN.append(point.value))
        who = person()
        crew = Crew(agents=[who], tasks=[job("work", who)], after_kickoff_callbacks=[str])
    """)
    running.task(0)
    assert sys.modules["users_code"].SEEN == ["execution_start", "input"]
    running.task(1)
    assert sys.modules["users_code"].SEEN[2:] == [
        *("execution_start", "input"),
        *("output", "execution_end"),
    ]
    hooks.clear_all()


def test_a_manager_runs_the_tasks_of_a_hierarchical_crew(run_crew: Begin) -> None:
    running = run_crew("""
        tasks = [job("one", None), job("two", None)]
        crew = Crew(
            agents=[person()], tasks=tasks, process=Process.hierarchical, manager_llm=says("led")
        )
    """)
    assert running.all() == ["led", "led"]
    assert running.results[0].output.agent == "Crew Manager"
    assert running.results[0].usage["total_tokens"] == 15


def test_the_planner_is_asked_once(run_crew: Begin, prompts: Prompts) -> None:
    running = run_crew("""
        plan = '{"list_of_plans_per_task": [{"task_number": 1, "task": "a", "plan": " then rest"}]}'
        crew = Crew(
            agents=[], tasks=[job("work", person())], planning=True, planning_llm=says(plan)
        )
    """)
    running.all()
    assert running.results[0].output.json == [" then rest"]
    assert "work then rest" in prompts[1]
    assert len(prompts) == 2


def test_agents_that_share_a_model_are_counted_once(run_crew: Begin) -> None:
    running = run_crew("""
        llm = counts()
        one, two = person(llm), person(llm, role="Other")
        crew = Crew(agents=[one, two], tasks=[job("a", one), job("b", two)])
    """)
    running.all()
    assert [result.usage for result in running.results] == 2 * [
        {
            "total_tokens": 15,
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "successful_requests": 1,
            "cached_prompt_tokens": 0,
        }
    ]


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("crew = 'text'", "it is a str, not a crew"),
        ("import not_there", "No module named 'not_there'"),
        ("other = 1", "module 'users_code' has no attribute 'crew'"),
        ("def crew(): return Crew(agents=[], tasks=[])", "building the crew failed: Valid"),
        ("from crewai import Flow as crew", "it is a flow: name it with 'flow'"),
    ],
)
def test_what_does_not_load_is_told_in_one_sentence(run_crew: Begin, code: str, why: str) -> None:
    with pytest.raises(DeploymentBroken) as broken:
        _ = run_crew(code).plan
    assert broken.value.message.startswith("Deployment 'demo' does not load from 'users_code:crew'")
    assert why in broken.value.message
