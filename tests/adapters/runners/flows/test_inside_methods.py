"""Crews, flows and ``ask()`` inside methods: what was committed there never runs again."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from typing import TypeAlias

import pytest
from flow_world import Crash, FlowExecution

from orchestrator.domain.output import EDITS_FIT
from orchestrator.domain.question import QuestionKind
from orchestrator.errors import TaskFailed
from orchestrator.ports import Ended, Halted
from orchestrator.wire.inputs import misfits

Begin: TypeAlias = Callable[..., FlowExecution]

CREW = """
def person(say, **more):
    def reply(prompt):
        ran("model")
        return "Thought: ok\\nFinal Answer: " + say(prompt)
    return Agent(role="Writer", goal="g", backstory="b", llm=Scripted(reply), **more)

def job(who, description, name, **more):
    return Task(description=description, expected_output="text", agent=who, name=name, **more)
"""

TEAM = (
    CREW
    + """
class F(Flow):
    @start()
    def team(self):
        ran("team")
        who = person(lambda prompt: f"answer {len(PROMPTS)}")
        research = job(who, "facts about {topic}", "research")
        write = job(who, "article about {topic}", "write", human_input=True)
        crew = Crew(agents=[who], tasks=[research, write, job(who, "short", "cut")])
        return crew.kickoff(inputs={"topic": self.state["topic"]})

    @listen(team)
    def after(self, output):
        return {"raw": output.raw, "tasks": [t.raw for t in output.tasks_output]}
"""
)


@pytest.fixture(autouse=True)
def prompts() -> list[str]:
    asked: list[str] = importlib.import_module("scripted_model").PROMPTS
    asked.clear()
    return asked


def test_a_crew_inside_a_method_halts_for_a_judge(
    flow: Begin, log: list[str], prompts: list[str]
) -> None:
    execution = flow(TEAM, topic="tea")
    result = execution.run()
    assert isinstance(result, Halted)
    assert execution.committed == ["team#1/task:research~1"]
    (asked,) = execution.open.values()
    assert asked.question.kind is QuestionKind.JUDGE
    assert (asked.path, asked.output.raw) == ("team#1/task:write~1", "answer 2")
    assert result.usage["total_tokens"] == 30

    execution.answer("team#1/task:write~1", "shorter", approved=False)
    assert isinstance(execution.run(), Halted)
    assert "answer 2" in prompts[2]
    assert "shorter" in prompts[2]
    execution.answer("team#1/task:write~1", "fine now", approved=True)
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.json == {"raw": "answer 4", "tasks": ["answer 1", "answer 3", "answer 4"]}
    assert "fine now" in prompts[3]
    assert log.count("model") == 4
    assert log.count("team") == 3


def test_an_edited_task_goes_on_as_edited(flow: Begin) -> None:
    execution = flow(TEAM, topic="tea")
    execution.run()
    execution.answer("team#1/task:write~1", approved=True, edited="my own words")
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.json["tasks"][1] == "my own words"


def test_after_a_crash_a_crews_committed_task_does_not_run_again(
    flow: Begin, log: list[str]
) -> None:
    execution = flow(TEAM, topic="tea")
    with pytest.raises(Crash):
        execution.run(crash_at=2)
    assert log.count("model") == 2
    assert isinstance(execution.run(), Halted)
    assert log.count("model") == 3


def test_words_for_one_retry_reach_no_other_task_of_the_method(
    flow: Begin, prompts: list[str]
) -> None:
    execution = flow(TEAM, topic="tea")
    execution.run()
    execution.answer("team#1/task:write~1", "shorter", approved=False, scope=[])
    execution.run()
    execution.answer("team#1/task:write~1", "friendlier", approved=False)
    execution.run()
    execution.answer("team#1/task:write~1", "fine now", approved=True)
    assert isinstance(execution.run(), Ended)
    second, third, cut = prompts[2:5]
    assert ("shorter" in second, "shorter" in third, "shorter" in cut) == (True, False, False)
    assert ("friendlier" in third, "friendlier" in cut, "fine now" in cut) == (True, True, True)


ASYNC = (
    CREW
    + """
class F(Flow):
    @start()
    async def team(self):
        fast, slow = person(lambda _: "fast"), person(lambda _: (time.sleep(0.3), "slow")[1])
        crew = Crew(agents=[fast, slow], tasks=[
            job(slow, "slow", "slow", async_execution=True),
            job(fast, "judged", "judged", human_input=True),
            job(fast, "last", "last"),
        ])
        return str(await crew.akickoff() if self.state["native"] else await crew.kickoff_async())

    @start()
    @human_feedback(message="?")
    def review(self):
        return "reviewed"
"""
)


@pytest.mark.parametrize("native", [False, True])
def test_the_end_of_an_asynchronous_task_is_kept_though_all_else_waits(
    flow: Begin, native: object
) -> None:
    execution = flow(ASYNC, native=native)
    assert isinstance(execution.run(), Halted)
    assert execution.committed == ["team#1/task:slow~1"]
    assert "review#1" in execution.open


TWINS = (
    CREW
    + """
class F(Flow):
    @start()
    async def twins(self):
        who = person(lambda prompt: "ONE" if "about one" in prompt else "TWO")
        crew = Crew(agents=[who], tasks=[job(who, "about {n}", "write", human_input=True)])
        both = await crew.kickoff_for_each_async(inputs=[{"n": "one"}, {"n": "two"}])
        return [output.raw for output in both]
"""
)


STREAMED = (
    CREW
    + """
class F(Flow):
    @start()
    ASYNC def team(self):
        who = person(lambda prompt: "draft")
        tasks = [job(who, "write", "write", human_input=True)]
        crew = Crew(agents=[who], tasks=tasks, stream=True)
        output = KICKOFF
        ASYNC for chunk in output:
            pass
        return output.result.raw
"""
)


@pytest.mark.parametrize(
    ("kickoff", "is_async"),
    [("crew.kickoff()", ""), ("await crew.kickoff_async()", "async ")],
    ids=["in a thread", "in a loop"],
)
def test_a_crew_that_streams_waits_for_people_too(flow: Begin, kickoff: str, is_async: str) -> None:
    execution = flow(STREAMED.replace("KICKOFF", kickoff).replace("ASYNC ", is_async))
    assert isinstance(execution.run(), Halted)
    execution.answer("team#1/task:write~1", approved=True)
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.raw == "draft"


LED = (
    CREW
    + """
def away(prompt):
    raise RuntimeError("The model is away")

class F(Flow):
    @start()
    def team(self):
        who = person(lambda prompt: "done")
        tasks = [job(None, "write", "write")]
        crew = Crew(agents=[who], tasks=tasks, process=Process.hierarchical,
                    manager_llm=person(away).llm)
        return crew.kickoff().raw
"""
)


def test_a_manager_tries_once_in_each_attempt(flow: Begin, log: list[str]) -> None:
    with pytest.raises(TaskFailed, match="The model is away"):
        flow(LED).run()
    assert log == ["model"]


def test_crews_side_by_side_are_not_mixed_up(flow: Begin, log: list[str]) -> None:
    execution = flow(TWINS)
    for _ in range(4):
        if isinstance(result := execution.run(), Ended):
            break
        path = next(reversed(execution.open))
        execution.answer(path, approved=True)
    assert isinstance(result, Ended)
    assert result.output.json == ["ONE", "TWO"]
    assert log.count("model") == 2


OTHER_WORDS = (
    CREW
    + """
class F(Flow):
    @start()
    def team(self):
        ran("team")
        said = []
        for part in ("one", "two"):
            who = person(lambda prompt: f"answer {len(PROMPTS)}")
            now = f"{part}, as of run {LOG.count('team')}"
            tasks = [job(who, f"facts of {now}", "facts"),
                     job(who, f"article of {now}", "article", human_input=True)]
            said += [t.raw for t in Crew(agents=[who], tasks=tasks).kickoff().tasks_output]
        return said
"""
)


def test_a_crew_that_is_asked_in_other_words_each_time_goes_on(flow: Begin, log: list[str]) -> None:
    execution = flow(OTHER_WORDS)
    for number in (1, 2):
        assert isinstance(execution.run(), Halted)
        assert list(execution.open) == [f"team#1/task:article~{number}"]
        execution.answer(f"team#1/task:article~{number}", approved=True)
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.json == [f"answer {number}" for number in (1, 2, 3, 4)]
    assert log.count("model") == 4


FALLS_BACK = (
    CREW
    + """
class F(Flow):
    @start()
    def team(self):
        return self.written("quickly") or self.written("slowly")

    def written(self, how):
        who = person(lambda prompt: 1 / 0 if "quickly" in prompt else "slow work")
        write = job(who, f"write {how}", "write", human_input=True)
        try:
            return Crew(agents=[who], tasks=[write]).kickoff().raw
        except Exception:
            return ""
"""
)


def test_a_crew_that_failed_does_not_take_what_the_next_one_gave(
    flow: Begin, log: list[str]
) -> None:
    execution = flow(FALLS_BACK)
    execution.run()
    execution.answer("team#1/task:write~2", approved=True)
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.raw == "slow work"
    assert log.count("model") == 3


ALIKE = (
    CREW
    + """
from crewai.tools import tool

TWO_IS_AHEAD = threading.Event()

def research(prompt):
    if "about two" in prompt:
        return "TWO"
    TWO_IS_AHEAD.wait(10)
    return "ONE"

def write(prompt):
    which = "TWO" if "TWO" in prompt else "ONE"
    TWO_IS_AHEAD.set()
    return f"written {which}"

def asks(prompt):
    if "Observation: told " in prompt:
        return "Thought: ok\\nFinal Answer: written " + prompt.rpartition("told ")[2].split()[0]
    TWO_IS_AHEAD.set()
    return 'Thought: ?\\nAction: ask\\nAction Input: {"about": "it"}'

class F(Flow):
    @start()
    async def twins(self):
        @tool("ask")
        def ask(about: str) -> str:
            \"\"\"Ask a person.\"\"\"
            return "told " + self.ask("Which?")

        first = person(lambda prompt: (write if "write it up" in prompt else research)(prompt))
        judged = job(first, "write it up", "write", human_input=True)
        clerk = Agent(role="Clerk", goal="g", backstory="b", llm=Scripted(asks), tools=[ask])
        asking = job(clerk, "write it up", "write")
        then = asking if self.state["asks"] else judged
        tasks = [job(first, "about {n}", "research"), then]
        crew = Crew(agents=[first, then.agent], tasks=tasks)
        ran("twins")
        one_is_done = asyncio.Event()

        async def kickoff(n):
            if n == "two" and LOG.count("twins") == 2:
                await one_is_done.wait()
            output = await crew.copy().kickoff_async(inputs={"n": n})
            one_is_done.set()
            return output.raw

        return await asyncio.gather(kickoff("one"), kickoff("two"))
"""
)


@pytest.mark.parametrize("asks", [False, True])
def test_crews_side_by_side_that_are_asked_the_same_are_told_apart(
    flow: Begin, asks: object
) -> None:
    execution = flow(ALIKE, asks=asks)
    execution.run()
    two, one = sorted(execution.open)
    assert two.startswith("twins#1/task:write~1")
    execution.answer(two, "TWO", approved=True)
    execution.answer(one, "ONE", approved=True)
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.json == ["written ONE", "written TWO"]


OVERTAKEN = (
    CREW
    + """
ONE_IS_ASKED, TWO_IS_DONE = threading.Event(), threading.Event()

def write(prompt):
    which = "TWO" if "about two" in prompt else "ONE"
    ran(which)
    if which == "ONE":
        ONE_IS_ASKED.set()
        TWO_IS_DONE.wait(10)
    return which

class F(Flow):
    @start()
    async def twins(self):
        ran("twins")
        who = person(write)
        crew = Crew(agents=[who], tasks=[job(who, "about {n}", "write")])

        async def kickoff(n):
            first_run = LOG.count("twins") == 1
            if (n == "two") == first_run:
                before = ONE_IS_ASKED if first_run else TWO_IS_DONE
                await asyncio.to_thread(before.wait, 10)
            output = await crew.copy().kickoff_async(inputs={"n": n})
            if n == "two":
                TWO_IS_DONE.set()
            return output.raw

        return await asyncio.gather(kickoff("one"), kickoff("two"))
"""
)


def test_a_crew_that_was_overtaken_when_the_worker_died_costs_the_other_nothing(
    flow: Begin, log: list[str]
) -> None:
    execution = flow(OVERTAKEN)
    with pytest.raises(Crash):
        execution.run(crash_at=2)
    assert execution.committed == ["twins#1/task:write~2"]
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.json == ["ONE", "TWO"]
    assert log.count("TWO") == 1


ASKS = """
class F(Flow):
    @start()
    def talk(self):
        ran("talk")
        first = self.ask("Name?", metadata={"for": "me"})
        second = self.ask(f"Hello {first}, colour?", timeout=5)
        return f"{first}: {second}"
"""


def test_ask_waits_for_a_person(flow: Begin, log: list[str]) -> None:
    execution = flow(ASKS)
    assert isinstance(execution.run(), Halted)
    question = execution.open["talk#1/ask:1"].question
    assert (question.kind, question.message) == (QuestionKind.INPUT, "Name?")
    assert question.metadata == {"for": "me"}
    execution.answer("talk#1/ask:1", "Ann")
    assert isinstance(execution.run(), Halted)
    assert execution.open["talk#1/ask:2"].question.message == "Hello Ann, colour?"
    execution.answer("talk#1/ask:2", "red")
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.raw == "Ann: red"
    assert log == ["talk"] * 3


TOOLS = (
    CREW
    + """
from crewai.tools import tool

class F(Flow):
    def asks(self, name, question):
        @tool("ask")
        def ask(about: str) -> str:
            \"\"\"Ask a person.\"\"\"
            return "told " + self.ask(question)

        def reply(prompt):
            ran(name)
            if "Observation: told " in prompt:
                told = prompt.rpartition("Observation: told ")[2].split()[0]
                return f"Thought: ok\\nFinal Answer: {name} of {told}"
            return 'Thought: ?\\nAction: ask\\nAction Input: {"about": "it"}'

        return Agent(role="Clerk", goal="g", backstory="b", llm=Scripted(reply), tools=[ask])
"""
)
GATHERS_AND_PRICES = (
    TOOLS
    + """
    @start()
    def team(self):
        clerks = self.asks("gather", "Which product?"), self.asks("price", "Which budget?")
        tasks = [job(clerks[0], "gather", "gather"), job(clerks[1], "price", "price")]
        return [t.raw for t in Crew(agents=clerks, tasks=tasks).kickoff().tasks_output]
"""
)
ASKED = ["team#1/task:gather~1/ask:1", "team#1/task:price~1/ask:1"]


def test_tools_of_two_tasks_get_the_answers_to_their_own_questions(flow: Begin) -> None:
    execution = flow(GATHERS_AND_PRICES)
    for path, words in zip(ASKED, ("bikes", "500"), strict=True):
        assert isinstance(execution.run(), Halted)
        assert list(execution.open) == [path]
        execution.answer(path, words)
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.json == ["gather of bikes", "price of 500"]


def as_earlier_versions_had_it(execution: FlowExecution, path: str, kept: str) -> None:
    """What a task's tools did stood below the method, and nothing told its tasks apart."""
    entries = [json.loads(line.replace(path, kept)) for line in execution.lines]
    for entry in entries:
        entry.get("output", {}).get("extra", {}).pop("within", None)
    execution.lines[:] = map(json.dumps, entries)


@pytest.mark.parametrize("renamed", [1, 2])
def test_questions_of_tools_that_were_kept_below_the_method_are_still_known(
    flow: Begin, log: list[str], renamed: int
) -> None:
    execution = flow(GATHERS_AND_PRICES)
    for number, (path, words) in enumerate(zip(ASKED, ("bikes", "500"), strict=True), 1):
        assert isinstance(execution.run(), Halted)
        if number <= renamed:
            as_earlier_versions_had_it(execution, path, f"team#1/ask:{number}")
        (asked,) = execution.open
        execution.answer(asked, words)
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.json == ["gather of bikes", "price of 500"]
    assert len(log) == 3 + 3


IN_A_TOOL = (
    CREW
    + """
from crewai.tools import tool

class Child(Flow):
    @start()
    @human_feedback(message="Right?")
    def check(self):
        ran("inner")
        return "right"

@tool("crew")
def crew(about: str) -> str:
    \"\"\"Have a crew do it.\"\"\"
    who = person(lambda _: ran("inner") or "right")
    inner = job(who, "inner", "inner", human_input=True)
    return "told " + Crew(agents=[who], tasks=[inner]).kickoff().raw

@tool("flow")
def flow(about: str) -> str:
    \"\"\"Have a flow do it.\"\"\"
    return "told " + Child().kickoff().output

def reply(prompt):
    if "Observation: told right" in prompt:
        return "Thought: ok\\nFinal Answer: done"
    return 'Thought: ?\\nAction: TOOL\\nAction Input: {"about": "it"}'

class F(Flow):
    @start()
    def team(self):
        who = Agent(role="Clerk", goal="g", backstory="b", llm=Scripted(reply), tools=[TOOL])
        return Crew(agents=[who], tasks=[job(who, "outer", "outer")]).kickoff().raw
"""
)


@pytest.mark.parametrize("tool", ["crew", "flow"])
@pytest.mark.parametrize("earlier", [False, True])
def test_what_a_tool_runs_is_kept_below_its_task(
    flow: Begin, log: list[str], tool: str, earlier: object
) -> None:
    execution = flow(IN_A_TOOL.replace("TOOL", tool))
    execution.run()
    (path,) = execution.open
    assert path.startswith("team#1/task:outer~1/")
    if earlier:
        as_earlier_versions_had_it(execution, "team#1/task:outer~1/", "team#1/")
    (path,) = execution.open
    execution.answer(path, "yes", approved=True)
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.raw == "done"
    assert log.count("inner") == 1


def test_what_a_task_does_again_is_told_once(flow: Begin) -> None:
    execution = flow(GATHERS_AND_PRICES)
    for path in ASKED:
        execution.run()
        execution.answer(path, "x")
    execution.run()
    told = [kind for context in execution.contexts for kind, _ in context.events]
    assert told.count("crew_kickoff_started") == 1
    assert told.count("flow_input_requested") == len(ASKED)


def test_questions_of_a_method_are_known_by_what_they_ask(flow: Begin) -> None:
    execution = flow("""
        class F(Flow):
            @start()
            def talk(self):
                ran("talk")
                order = ["Name?", "Colour?"] if len(LOG) < 3 else ["Colour?", "Name?"]
                return {question: self.ask(question) for question in order}
    """)
    for number, words in enumerate(("Ann", "red"), 1):
        execution.run()
        execution.answer(f"talk#1/ask:{number}", words)
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.json == {"Name?": "Ann", "Colour?": "red"}


ASKS_FOR_DATA = """
class Seat(BaseModel):
    row: int

class F(Flow):
    @start()
    def book(self):
        words = self.ask("Which seat?", metadata={"answer_schema": SCHEMA})
        return Seat.model_validate_json(words).row + 1
"""


@pytest.mark.parametrize("schema", ["Seat", "Seat.model_json_schema()"])
def test_ask_says_what_the_answer_has_to_fit(flow: Begin, schema: str) -> None:
    execution = flow(ASKS_FOR_DATA.replace("SCHEMA", schema))
    execution.run()
    question = execution.open["book#1/ask:1"].question
    found = question.metadata["answer_schema"]
    assert misfits(found, {"row": 3}, "answer") == {}
    assert list(misfits(found, {"row": "x"}, "answer")) == ["answer.row"]
    execution.answer("book#1/ask:1", '{"row":3}')
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.raw == "4"


@pytest.mark.parametrize("schema", ["str", "{'type': 3}", "'object'"])
def test_what_is_no_schema_asks_nobody(flow: Begin, schema: str) -> None:
    with pytest.raises(TaskFailed, match="neither a pydantic model nor a JSON Schema"):
        flow(ASKS_FOR_DATA.replace("SCHEMA", schema)).run()


def test_a_judged_task_of_a_method_says_what_edits_have_to_fit(flow: Begin) -> None:
    execution = flow(
        CREW
        + """
class Report(BaseModel):
    title: str

class F(Flow):
    @start()
    def team(self):
        who = person(lambda prompt: '{"title": "Tea"}')
        judged = job(who, "facts", "report", human_input=True, output_pydantic=Report)
        return Crew(agents=[who], tasks=[judged]).kickoff()
"""
    )
    execution.run()
    (asked,) = execution.open.values()
    schema = asked.output.extra[EDITS_FIT]
    assert list(misfits(schema, {}, "edited_output")) == ["edited_output.title"]


CHILD = """
class Child(Flow):
    @start()
    def read(self):
        ran("read")
        self.state["n"] = 1
        return "read " + str(self.state.get("what"))

    @listen(read)
    @human_feedback(message="Right?", emit=["right", "wrong"])
    def check(self, text):
        ran("check")
        return text + "!"

    @listen("right")
    def took(self, feedback):
        ran("took")
        told = len(self.human_feedback_history)
        return [feedback.output, feedback.feedback, self.state["n"], told]

class F(Flow):
    @start()
    def parent(self):
        ran("parent")
        return Child().kickoff(inputs={"what": "a book"})

    @start()
    async def parent_too(self):
        return await Child().kickoff_async()

    @listen(and_(parent, parent_too))
    def done(self):
        return self.method_outputs
"""


def test_a_flow_inside_a_method_halts_and_goes_on(flow: Begin, log: list[str]) -> None:
    execution = flow(CHILD)
    assert isinstance(execution.run(), Halted)
    mine, other = sorted(execution.open)
    assert mine.startswith("parent#1/flow:Child(")
    assert other == "parent_too#1/flow:Child~1/check#1"
    execution.answer(mine, "yes", outcome="right")
    assert isinstance(execution.run(), Halted)
    assert log.count("read") == 2
    execution.answer(other, "also", outcome="right")
    result = execution.run()
    assert isinstance(result, Ended)
    outputs = sorted(result.output.json, key=str)
    assert outputs == [["read None!", "also", 1, 1], ["read a book!", "yes", 1, 1]]
    assert [log.count(name) for name in ("read", "check", "took", "parent")] == [2, 2, 2, 2]


def test_a_body_that_still_waits_does_not_run_again(flow: Begin, log: list[str]) -> None:
    execution = flow("""
        class F(Flow):
            @start()
            def talk(self):
                ran("talk")
                return self.ask("Name?")

            @start()
            @human_feedback(message="?")
            def review(self):
                return "x"
    """)
    execution.run()
    execution.answer("review#1", "fine")
    assert isinstance(execution.run(), Halted)
    assert log == ["talk"]
    assert list(execution.open) == ["talk#1/ask:1"]


IN_A_THREAD = (
    CREW
    + """
from concurrent.futures import ThreadPoolExecutor

class F(Flow):
    def judged(self):
        ran("judged")
        who = person(lambda prompt: "text")
        crew = Crew(agents=[who], tasks=[job(who, "write", "write", human_input=True)])
        return crew.kickoff().raw

    @start()
    def team(self):
        with ThreadPoolExecutor() as threads:
            return threads.submit(SUBMITTED).result()
"""
)


def test_a_thread_that_knows_nothing_of_the_run_can_ask_nobody(flow: Begin) -> None:
    execution = flow(IN_A_THREAD.replace("SUBMITTED", "self.judged"))
    with pytest.raises(TaskFailed, match="copy_context") as failed:
        execution.run()
    assert not failed.value.retryable


@pytest.mark.parametrize(
    ("runs", "instead"),
    [
        ("SUBMITTED", "__import__('contextvars').copy_context().run, self.judged"),
        (
            "return threads.submit(SUBMITTED).result()",
            "return await asyncio.get_running_loop().run_in_executor(None, self.judged)",
        ),
    ],
)
def test_a_thread_that_knows_of_the_run_halts(flow: Begin, runs: str, instead: str) -> None:
    is_async = "async def team" if "await" in instead else "def team"
    execution = flow(IN_A_THREAD.replace(runs, instead).replace("def team", is_async))
    assert isinstance(execution.run(), Halted)
    execution.answer("team#1/task:write~1", approved=True)
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.raw == "text"


SWALLOWING = (
    CREW
    + """
class F(Flow):
    @start()
    def team(self):
        who = person(lambda prompt: "text")
        crew = Crew(agents=[who], tasks=[job(who, "write", "write", human_input=True)])
        try:
            return crew.kickoff().raw
        except BaseException:
            ENDS

    @listen(team)
    def after(self, text):
        return f"after {text}"
"""
)


@pytest.mark.parametrize(
    "ends",
    ["return 'failed'", "raise ValueError('no')", "raise ValueError('no') from None"],
)
def test_a_body_that_catches_everything_still_waits_for_its_person(flow: Begin, ends: str) -> None:
    execution = flow(SWALLOWING.replace("ENDS", ends))
    assert isinstance(execution.run(), Halted)
    assert (execution.committed, list(execution.open)) == ([], ["team#1/task:write~1"])
    execution.answer("team#1/task:write~1", approved=True)
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.raw == "after text"


def test_a_reviewed_body_that_catches_everything_waits_for_its_crew_first(flow: Begin) -> None:
    reviewed = "@start()\n    @human_feedback(message='Good?')"
    execution = flow(
        SWALLOWING.replace("ENDS", "return 'failed'")
        .replace("@start()", reviewed)
        .replace("{text}", "{text.output}")
    )
    assert isinstance(execution.run(), Halted)
    assert list(execution.open) == ["team#1/task:write~1"]
    execution.answer("team#1/task:write~1", approved=True)
    assert isinstance(execution.run(), Halted)
    assert execution.open["team#1"].output.raw == "text"


def test_a_body_that_catches_everything_does_not_go_on_where_the_run_cannot(flow: Begin) -> None:
    unstorable = "self.state['lock'] = threading.Lock()\n        try:"
    execution = flow(SWALLOWING.replace("ENDS", "return 'failed'").replace("try:", unstorable))
    with pytest.raises(TaskFailed, match=r"state\.lock"):
        execution.run()
    assert execution.committed == []


def test_a_body_that_tries_again_asks_once(flow: Begin) -> None:
    tries = "for _ in range(3):\n            try:"
    execution = flow(
        SWALLOWING.replace(
            "        try:\n            return", f"        {tries}\n                return"
        )
        .replace("        except BaseException", "            except BaseException")
        .replace("ENDS", "    continue")
    )
    assert isinstance(execution.run(), Halted)
    assert list(execution.open) == ["team#1/task:write~1"]


def test_a_tool_that_catches_everything_waits_for_its_answer(flow: Begin) -> None:
    catching = "try:\n                return 'told ' + self.ask(question)\n            except:\n"
    execution = flow(
        GATHERS_AND_PRICES.replace(
            'return "told " + self.ask(question)', f"{catching}                return 'told none '"
        )
    )
    for path, words in zip(ASKED, ("bikes", "500"), strict=True):
        assert isinstance(execution.run(), Halted)
        assert list(execution.open) == [path]
        execution.answer(path, words)
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.json == ["gather of bikes", "price of 500"]


def test_a_gathered_crew_is_waited_for(flow: Begin) -> None:
    gathered = "(await asyncio.gather(crew.akickoff(), return_exceptions=True))[0].raw"
    execution = flow(
        SWALLOWING.replace("def team", "async def team")
        .replace("crew.kickoff().raw", gathered)
        .replace("ENDS", "raise")
    )
    assert isinstance(execution.run(), Halted)
    execution.answer("team#1/task:write~1", approved=True)
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.raw == "after text"


NAMED = (
    CREW
    + """
class F(Flow):
    @start()
    def team(self):
        who = person(lambda prompt: "text")
        asked = job(who, "write", "Draft A/B #1", human_input=True)
        return Crew(agents=[who], tasks=[asked, job(who, "print", "print")]).kickoff().raw
"""
)


def test_words_on_a_task_of_any_name_reach_the_next_one(flow: Begin, prompts: list[str]) -> None:
    execution = flow(NAMED)
    assert isinstance(execution.run(), Halted)
    (path,) = execution.open
    execution.answer(path, "on blue paper", approved=True)
    assert isinstance(execution.run(), Ended)
    assert "on blue paper" in prompts[-1]
