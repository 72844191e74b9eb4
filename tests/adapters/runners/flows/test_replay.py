"""A flow is run over its journal: what was committed never runs again."""

from __future__ import annotations

from collections.abc import Callable
from textwrap import dedent
from typing import TypeAlias

import flow_log
import pytest
from flow_world import Crash, FlowExecution
from processes import came_true

from orchestrator.ports import Ended, Halted

Begin: TypeAlias = Callable[..., FlowExecution]

LONGEST_WAIT = "orchestrator.adapters.runners.crewai.flows.running_flow._LONGEST_WAIT"

LINE = """
class F(Flow):
    @start()
    def a(self):
        ran("a")
        self.state["seen"] = ["a"]
        return "from a"

    @listen(a)
    async def b(self, text):
        ran("b")
        self.state["seen"].append("b")
        return text + ", then b"

    @listen(b)
    def c(self, text):
        ran("c")
        return {"text": text, "seen": self.state["seen"], "id": self.state["id"]}
"""


def test_a_flow_runs_to_its_end(flow: Begin, log: list[str]) -> None:
    execution = flow(LINE)
    result = execution.run()
    assert isinstance(result, Ended)
    expected = {"text": "from a, then b", "seen": ["a", "b"], "id": execution.id}
    assert result.output.json == expected
    assert execution.committed == ["a#1", "b#1", "c#1"]
    assert execution.contexts[0].begun == ["a#1", "b#1", "c#1"]
    assert log == ["a", "b", "c"]


@pytest.mark.parametrize("crash_at", [1, 2, 3])
def test_after_a_crash_only_what_was_not_committed_runs(
    flow: Begin, log: list[str], crash_at: int
) -> None:
    execution = flow(LINE)
    with pytest.raises(Crash):
        execution.run(crash_at=crash_at)
    assert log == ["a", "b", "c"][:crash_at]
    log.clear()
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.json["seen"] == ["a", "b"]
    assert log == ["a", "b", "c"][crash_at - 1 :]


TWO_REVIEWS = """
class F(Flow):
    @start()
    def begin(self):
        ran("begin")
        return "topic"

    @start()
    @human_feedback(message="Good facts?", emit=["good", "bad"])
    def facts(self):
        ran("facts")
        return "facts"

    @listen(begin)
    @human_feedback(message="Say something")
    def look(self):
        ran("look")
        return "look"

    @listen(begin)
    def slow(self):
        ran("slow")
        return "slow"

    @listen(and_("good", look, slow))
    def join(self, last):
        ran("join")
        return [f"{h.method_name}:{h.output}:{h.feedback}:{h.outcome}"
                for h in self.human_feedback_history]
"""


def test_two_reviews_are_open_at_once_and_joined(flow: Begin, log: list[str]) -> None:
    execution = flow(TWO_REVIEWS)
    assert isinstance(execution.run(), Halted)
    assert set(execution.open) == {"facts#1", "look#1"}
    assert execution.committed == ["begin#1", "slow#1"]
    execution.answer("look#1", "nice")
    assert isinstance(execution.run(), Halted)
    execution.answer("facts#1", "yes", outcome="good")
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.json == ["look:look:nice:None", "facts:facts:yes:good"]
    assert sorted(log) == sorted(["begin", "facts", "look", "slow", "join"])


def test_what_may_wait_does_not_wait_for_what_comes_slowly(
    flow: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    execution = flow(LINE)
    seen = []

    def slow(_flow: object) -> None:
        seen.append(came_true(lambda: execution.committed == ["a#1", "b#1", "c#1"], 30.0))

    monkeypatch.setattr("crewai.flow.runtime.Flow._drain_memory_writes", slow)
    assert isinstance(execution.run(), Ended)
    assert seen[0] is True


@pytest.mark.parametrize(
    "code",
    [
        """
        class F(Flow):
            @start()
            def quick(self):
                return "quick"

            @start()
            def long(self):
                return flow_log.saw("quick#1")
        """,
        """
        class Inner(Flow):
            @start()
            def quick(self):
                return "quick"

        class F(Flow):
            @start()
            def long(self):
                Inner().kickoff()
                return flow_log.saw("quick#1")
        """,
    ],
    ids=["beside it", "around it"],
)
def test_nothing_waits_while_another_step_is_at_work(
    flow: Begin, monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    execution = flow("import flow_log\n" + dedent(code))

    def saw(step: str) -> bool:
        return bool(came_true(lambda: step in "".join(execution.committed), 30.0))

    monkeypatch.setattr(flow_log, "saw", saw, raising=False)
    monkeypatch.setattr(LONGEST_WAIT, 3600.0)
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.json is True
