"""Branches that race, methods that fail, runs that are stopped, and the options."""

from __future__ import annotations

import gc
import sys
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

import pytest
from flow_world import Crash, FlowExecution

from orchestrator.domain.history import Committed
from orchestrator.errors import ClaimLost, TaskFailed
from orchestrator.ports import Ended, Halted

Begin: TypeAlias = Callable[..., FlowExecution]

RACE = """
class F(Flow):
    @start()
    def begin(self):
        return "go"

    @listen(begin)
    @human_feedback(message="Left?")
    def left(self):
        ran("left")
        return "left"

    @listen(begin)
    {right}

    @listen(or_(left, right))
    def winner(self, what):
        ran("winner")
        return getattr(what, "output", what)
"""
REVIEWED = RACE.replace(
    "{right}",
    '@human_feedback(message="Right?")\n    def right(self):\n        return "right"',
)
PLAIN = RACE.replace("{right}", 'def right(self):\n        time.sleep(0.2)\n        return "right"')


@pytest.mark.parametrize(("first", "other"), [("left", "right"), ("right", "left")])
def test_the_first_answer_of_two_racing_reviews_wins(
    flow: Begin, log: list[str], first: str, other: str
) -> None:
    execution = flow(REVIEWED)
    assert isinstance(execution.run(), Halted)
    assert set(execution.open) == {"left#1", "right#1"}
    execution.answer(f"{first}#1", "yes")
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.raw == first
    assert execution.cuts == [f"{other}#1"]
    assert log.count("winner") == 1


def test_an_answer_that_loses_the_race_is_cut(flow: Begin) -> None:
    execution = flow(REVIEWED)
    execution.run()
    execution.answer("right#1", "yes")
    execution.answer("left#1", "yes, too")
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.raw == "right"
    assert execution.cuts == ["left#1"]


def test_a_method_that_is_faster_than_a_person_cuts_the_review(flow: Begin) -> None:
    execution = flow(PLAIN)
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.raw == "right"
    assert execution.cuts == ["left#1"]


LOSES = """
over = threading.Event()

async def late():
    return "late"

class F(Flow):
    @start()
    def begin(self):
        return "go"

    @listen(begin)
    def slow(self):
        over.wait(30)
        return {returned}

    @listen(begin)
    def quick(self):
        return "quick"

    @listen(or_(slow, quick))
    def winner(self, what):
        return what
"""


@pytest.mark.parametrize("returned", ['"late"', "late()"])
def test_a_body_that_ends_when_its_step_has_lost_is_forgotten(flow: Begin, returned: str) -> None:
    """Python warns of a coroutine that nobody awaited, whenever it is collected."""
    execution = flow(LOSES.format(returned=returned))
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        result = execution.run()
        sys.modules["users_flow"].over.set()  # a thread that lost is left behind
        for thread in threading.enumerate():
            if "_work_off" in thread.name:
                thread.join(30)
        gc.collect()

    assert isinstance(result, Ended)
    assert result.output.raw == "quick"
    assert [str(each.message) for each in told if "never awaited" in str(each.message)] == []


@pytest.mark.parametrize("crash_at", range(1, 6))
def test_a_crash_in_a_race_changes_nothing(flow: Begin, crash_at: int) -> None:
    execution = flow(PLAIN)
    with pytest.raises(Crash):
        execution.run(crash_at=crash_at)
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.raw == "right"
    assert execution.cuts == ["left#1"]
    assert not execution.open


CLOSE = """
class F(Flow):
    suppress_flow_events = True

    @start()
    def begin(self):
        return "go"

    @listen(begin)
    def left(self):
        return "left"

    @listen(begin)
    async def right(self):
        while not self.state.get("winner"):
            await asyncio.sleep(0.0005)
        return "right"

    @listen(or_(left, right))
    async def winner(self):
        self.state["winner"] = "yes"
        for _ in range({steps}):
            await asyncio.sleep(0.0005)
        return "winner"
"""


@pytest.mark.parametrize("steps", range(4))
def test_who_ends_just_before_it_is_cut_leaves_nothing(flow: Begin, steps: int) -> None:
    execution = flow(CLOSE.replace("{steps}", str(steps)))
    result = execution.run()
    assert isinstance(result, Ended)
    last = execution.history[-1]
    assert isinstance(last, Committed)
    assert result.output.raw == last.output.raw


TWICE = """
class F(Flow):
    @start()
    def left(self):
        return "left"

    @start()
    def right(self):
        return "right"

    @router(left)
    def after_left(self):
        return "on"

    @router(right)
    def after_right(self):
        return "on"

    @listen("on")
    async def count(self):
        mine = self.state["calls"] = self.state.get("calls", 0) + 1
        while self.state["calls"] < 2:
            await asyncio.sleep(0.001)
        return mine
"""


def test_calls_of_one_method_that_end_at_one_time_keep_what_each_of_them_gave(flow: Begin) -> None:
    execution = flow(TWICE)
    assert isinstance(execution.run(), Ended)
    entries = [entry for entry in execution.history if isinstance(entry, Committed)]
    assert {entry.output.json for entry in entries if "count" in entry.path} == {1, 2}


AGAIN = """
GATE = []

class F(Flow):
    @start()
    def first(self):
        return "first"

    @router(first)
    def after_first(self):
        return "on"

    @start()
    async def second(self):
        while not GATE:
            await asyncio.sleep(0.001)
        return "second"

    @router(second)
    async def after_second(self):
        GATE[0].set()
        return "on"

    @listen("on")
    async def work(self):
        if not GATE:
            GATE.append(asyncio.Event())
            await GATE[0].wait()
        self.state["works"] = self.state.get("works", 0) + 1
        return "work"

    @start()
    async def third(self):
        while self.state.get("works") != 2:
            await asyncio.sleep(0.001)
        return "third"

    @listen(or_(first, third))
    def either(self):
        return "either"

    @listen(third)
    @human_feedback(message="?")
    def asks(self):
        return "asks"
"""


@pytest.mark.parametrize("_", range(3))
def test_a_method_that_is_called_again_as_it_ends_is_replayed_so(flow: Begin, _: int) -> None:
    execution = flow(AGAIN)
    assert isinstance(execution.run(), Halted)
    execution.answer("asks#1", "fine")
    assert isinstance(execution.run(), Ended)


ALONE = """
class F(Flow):
    @start()
    def one(self):
        self.state["seen"] = [*self.state.get("seen", []), "one"]
        return self.state["seen"]

    @start()
    def two(self):
        self.state["seen"] = [*self.state.get("seen", []), "two"]
        return self.state["seen"]
"""


def test_after_a_commit_that_failed_nothing_more_is_begun_or_committed(flow: Begin) -> None:
    execution = flow(ALONE, options={"one_by_one": True})
    with pytest.raises(Crash):
        execution.run(crash_at=1)
    assert execution.committed == []
    assert isinstance(execution.run(), Ended)
    entries = [entry for entry in execution.history if isinstance(entry, Committed)]
    seen = [entry.output.json for entry in entries]
    assert sorted(map(len, seen)) == [1, 2]  # type: ignore[arg-type]  # these are lists


FAILS = """
class F(Flow):
    @start()
    def bad(self):
        ran("bad")
        if not self.state["good"]:
            raise ValueError("not today")
        return "bad"

    @start()
    async def slow(self):
        await asyncio.sleep(0.1)
        ran("slow")
        return "slow"

    @listen(slow)
    def after(self):
        ran("after")
        return "after"

    @start()
    @human_feedback(message="?")
    def review(self):
        return "reviewed"

    @listen(and_(bad, after, review))
    def join(self):
        return "joined"
"""


def test_other_branches_end_or_wait_before_a_failure_is_raised(flow: Begin, log: list[str]) -> None:
    execution = flow(FAILS, good=False)
    with pytest.raises(TaskFailed, match="ValueError: not today") as failed:
        execution.run()
    assert failed.value.retryable
    assert log == ["bad", "slow", "after"]
    assert sorted(execution.committed) == ["after#1", "slow#1"]
    assert list(execution.open) == ["review#1"]
    execution.inputs = {"good": True}
    execution.lines[:] = [line.replace('"good": false', '"good": true') for line in execution.lines]
    assert isinstance(execution.run(), Halted)
    assert log == ["bad", "slow", "after", "bad"]
    execution.answer("review#1", "ok")
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.raw == "joined"


def test_a_failure_after_a_review_is_raised_as_well(flow: Begin) -> None:
    execution = flow("""
        class F(Flow):
            @start()
            @human_feedback(message="?", emit=["a", "b"])
            def review(self):
                return "x"

            @listen("a")
            def fails(self):
                raise ValueError("no")
    """)
    execution.run()
    execution.answer("review#1", outcome="a")
    for _ in range(2):
        with pytest.raises(TaskFailed, match="no"):
            execution.run()
    assert execution.committed == ["review#1"]


def test_sys_exit_in_a_method_is_a_failure(flow: Begin) -> None:
    execution = flow("""
        import sys
        class F(Flow):
            @start()
            def leaves(self):
                sys.exit(3)
    """)
    with pytest.raises(TaskFailed, match="SystemExit: 3"):
        execution.run()


def test_a_run_whose_claim_is_lost_ends(flow: Begin, log: list[str]) -> None:
    execution = flow(FAILS, good=True)
    with pytest.raises(ClaimLost):
        execution.run(stopped_at=1)
    assert "join" not in log


def test_a_hanging_method_does_not_keep_a_run_that_has_to_end(flow: Begin) -> None:
    execution = flow("""
        HOLD = threading.Event()

        class F(Flow):
            @start()
            def hangs(self):
                HOLD.wait(600)

            @start()
            def goes(self):
                return "x"
    """)
    with pytest.raises(Crash):
        execution.run(crash_at=1)


CAUGHT = """
def job(reply, name):
    who = Agent(role=name, goal="g", backstory="b", llm=Scripted(reply))
    return Task(name=name, description="d", expected_output="e", agent=who)

def fails(_):
    raise ValueError("no")

class F(Flow):
    @start()
    def team(self):
        first, last = job(fails, "first"), job(lambda _: "Final Answer: x", "last")
        try:
            Crew(agents=[first.agent], tasks=[first]).kickoff()
        except ValueError:
            return Crew(agents=[last.agent], tasks=[last]).kickoff().raw
"""
LOST = """
GONE = asyncio.Event()

class F(Flow):
    @start()
    def begin(self):
        return "go"

    @listen(begin)
    async def left(self):
        try:
            await asyncio.sleep(600)
        finally:
            GONE.set()

    @listen(begin)
    async def right(self):
        return "right"

    @listen(or_(left, right))
    def winner(self):
        return "winner"

    @start()
    async def waits(self):
        await GONE.wait()

    @listen(waits)
    def after(self):
        return "after"
"""
FAILED = """
class F(Flow):
    @start()
    async def bad(self):
        raise ValueError("no")

    @start()
    async def good(self):
        await asyncio.sleep(0.05)

    @listen(good)
    def after(self):
        return "after"
"""
ASKS = FAILED.replace('raise ValueError("no")', 'self.ask("?")')


@pytest.mark.parametrize(
    ("code", "step", "beside"),
    [
        pytest.param(CAUGHT, "team#1/task:last~1", {"team#1"}, id="a task whose error was caught"),
        pytest.param(LOST, "after#1", set(), id="lost a race"),
        pytest.param(FAILED, "after#1", set(), id="failed"),
        pytest.param(ASKS, "after#1", set(), id="waits for a person"),
    ],
)
def test_a_body_that_was_left_has_no_time_limit_any_more(
    flow: Begin, code: str, step: str, beside: set[str]
) -> None:
    execution = flow(code)
    with suppress(TaskFailed):
        execution.run()
    assert execution.contexts[0].beside[step] == beside


ONE_BY_ONE = """
class F(Flow):
    @start()
    def a(self):
        ran("a+")
        self.state["n"] = self.state.get("n", 0) + 1
        time.sleep(0.05)
        ran("a-")

    @start()
    async def b(self):
        ran("b+")
        self.state["n"] = self.state.get("n", 0) + 1
        answer = self.ask("?")
        ran("b-")
        return answer

    @start()
    def c(self):
        ran("c+")
        self.state["n"] = self.state.get("n", 0) + 1
        ran("c-")

    @listen(and_(a, b, c))
    def total(self):
        return self.state["n"]
"""


def test_one_by_one_methods_do_not_overlap_and_what_repeats_is_undone(
    flow: Begin, log: list[str]
) -> None:
    execution = flow(ONE_BY_ONE, options={"one_by_one": True})
    assert isinstance(execution.run(), Halted)
    assert log == ["a+", "a-", "b+", "c+", "c-"]
    execution.answer("b#1/ask:1", "x")
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.json == 3


ONE_FAILS_FIRST = """
from flow_log import LOG

class F(Flow):
    @start()
    async def flaky(self):
        ran("flaky")
        self.state["n"] = self.state.get("n", 0) + 1
        if len(LOG) == 1:
            raise ValueError("not yet")

    @start()
    async def steady(self):
        ran("steady")
        return "steady"

    @listen(and_(flaky, steady))
    def total(self):
        return self.state["n"]
"""


def test_one_by_one_what_a_failed_method_wrote_is_undone(flow: Begin, log: list[str]) -> None:
    execution = flow(ONE_FAILS_FIRST, options={"one_by_one": True})
    with pytest.raises(TaskFailed, match="not yet"):
        execution.run()
    assert (log, execution.committed) == (["flaky", "steady"], ["steady#1"])
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.json == 1


def test_events_are_told_once(flow: Begin) -> None:
    execution = flow("""
        class F(Flow):
            @start()
            @human_feedback(message="?", emit=["a", "b"])
            def review(self):
                return self.ask("name?")

            @listen("a")
            def after(self):
                return "x"
    """)
    execution.run()
    execution.answer("review#1/ask:1", "Ann")
    execution.run()
    execution.answer("review#1", outcome="a")
    execution.run()
    told = [
        (kind, data.get("method_name"))
        for context in execution.contexts
        for kind, data in context.events
    ]
    for once in (
        ("flow_created", None),
        ("flow_started", None),
        ("flow_finished", None),
        ("method_execution_started", "review"),
        ("method_execution_finished", "review"),
        ("method_execution_started", "after"),
        ("flow_input_requested", "review"),
        ("flow_input_received", "review"),
    ):
        assert told.count(once) == 1, (once, told)
