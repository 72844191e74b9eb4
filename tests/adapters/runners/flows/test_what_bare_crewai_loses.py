"""What CrewAI's own pause and resume lose, each shown on bare CrewAI, and kept here."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from flow_log import ran
from flow_world import FlowExecution

from orchestrator.domain.history import Asked
from orchestrator.errors import ClaimLost, TaskFailed
from orchestrator.ports import Ended

Begin: TypeAlias = Callable[..., FlowExecution]

# Nobody asks a model here: what bare CrewAI asks is scripted.
MODEL = """
def model():
    return Scripted(lambda prompt: ran("model") or "approved")
"""


class Bare:
    """A flow under CrewAI's own pause and resume, each resume on an instance of its own."""

    def __init__(self, folder: Path) -> None:
        from crewai.flow.persistence import SQLiteFlowPersistence  # noqa: PLC0415

        importlib.import_module("orchestrator.adapters.runners.crewai.flows.running")
        self.store = SQLiteFlowPersistence(str(folder / "bare.db"))
        self.flow_class = importlib.import_module("users_flow").F
        self.id = ""

    def kickoff(self) -> Any:
        """Run to the first pause, or to the end."""
        flow = self.flow_class(persistence=self.store)
        result = flow.kickoff()
        self.id = flow.flow_id
        return result

    def resume(self, words: str) -> Any:
        """Answer what CrewAI has kept as pending."""
        return self.load().resume(words)

    def load(self, outcome: str = "approved") -> Any:
        """The paused flow in another process, with a model that names this outcome."""
        scripted = importlib.import_module("scripted_model").Scripted
        flow = self.flow_class.from_pending(self.id, self.store)
        flow.pending_feedback.llm = scripted(lambda _: ran("model") or outcome)
        return flow

    @property
    def pending(self) -> Any:
        return self.store.load_pending_feedback(self.id)


class Pauses:
    """What asks for feedback in a process of bare CrewAI, which has none of our reviews."""

    def request_feedback(self, context: Any, _flow: Any) -> str:
        raise importlib.import_module("crewai.flow").HumanFeedbackPending(context=context)


@pytest.fixture
def bare(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Bare]:
    importlib.import_module("orchestrator.adapters.runners.crewai.flows.running")
    config = importlib.import_module("crewai.flow.flow_config").flow_config
    monkeypatch.setattr(config, "hitl_provider", Pauses())
    return lambda: Bare(folder)


def ours(execution: FlowExecution, **answers: str) -> Any:
    """Answer reviews by method, until the flow has ended; its result."""

    def answer(waiting: FlowExecution) -> None:
        for path, asked in waiting.open.items():
            outcome = answers.get(asked.question.name)
            decided = outcome if outcome in asked.question.options else None
            waiting.answer(path, f"words on {asked.question.name}", outcome=decided)

    output = execution.to_the_end(answer)
    return output.raw if output.json is None else output.json


REVIEW = (
    MODEL
    + """
class F(Flow):
    @start()
    @human_feedback(message="Good?", emit=["approved", "rejected"], llm=model())
    def review(self):
        return "draft"

    @listen("approved")
    def publish(self, feedback):
        ran("publish")
        if not FAILED and self.state.get("fails"):
            FAILED.append(1)
            raise ValueError("no network")
        return "published"

FAILED = []
"""
)


def test_two_workers_that_resume_at_once(
    flow: Begin, bare: Callable[[], Bare], log: list[str]
) -> None:
    execution = flow(REVIEW)
    one = bare()
    one.kickoff()
    both = [one.load(), one.load()]
    for loaded in both:
        loaded.resume("approved")
    assert log.count("publish") == 2

    log.clear()
    execution.run()
    execution.answer("review#1", outcome="approved")
    with pytest.raises(ClaimLost):  # what a claim that somebody else holds is told
        execution.run(stopped_at=0)
    assert isinstance(execution.run(), Ended)
    assert log.count("publish") == 1


def test_a_listener_that_fails_after_a_resume(
    flow: Begin, bare: Callable[[], Bare], folder: Path
) -> None:
    code = REVIEW.replace('self.state.get("fails")', "True")
    execution = flow(code)
    one = bare()
    one.kickoff()
    with pytest.raises(ValueError, match="no network"):
        one.resume("approved")
    with pytest.raises(ValueError, match="No pending feedback"):
        one.resume("approved")

    execution.run()
    execution.answer("review#1", outcome="approved")
    code_here = folder / "users_flow.py"
    code_here.write_text(code_here.read_text().replace("FAILED = []", "from failed import FAILED"))
    (folder / "failed.py").write_text("FAILED = []")
    with pytest.raises(TaskFailed, match="no network"):
        execution.run()
    assert isinstance(execution.run(), Ended)


def test_text_that_is_an_option_asks_no_model(
    flow: Begin, bare: Callable[[], Bare], log: list[str]
) -> None:
    execution = flow(REVIEW)
    one = bare()
    one.kickoff()
    one.resume("approved")
    assert "model" in log

    log.clear()
    execution.run()
    execution.answer("review#1", "approved")
    assert isinstance(execution.run(), Ended)
    assert "model" not in log


def test_a_decorators_own_model_object(
    flow: Begin, bare: Callable[[], Bare], log: list[str]
) -> None:
    execution = flow(REVIEW)
    one = bare()
    one.kickoff()
    _, context = one.pending
    assert not hasattr(context.llm, "call")  # a name or a configuration: the object is lost

    running = importlib.import_module("orchestrator.adapters.runners.crewai.flows.running")
    execution.run()
    asked = execution.open["review#1"]
    weighed = running.weigh(execution.deployment, asked.question, "go ahead", asked.output)
    assert (weighed, log) == ("approved", ["model"])


JOIN = """
class F(Flow):
    @start()
    def begin(self):
        return "go"

    @listen(begin)
    @human_feedback(message="Good?")
    def review(self):
        return "draft"

    @listen(begin)
    def other(self):
        return "other"

    @listen(and_(review, other))
    def join(self):
        ran("join")
        return "joined"
"""


def test_a_join_with_a_reviewed_branch(
    flow: Begin, bare: Callable[[], Bare], log: list[str]
) -> None:
    execution = flow(JOIN)
    one = bare()
    one.kickoff()
    one.resume("ok")
    assert log == []

    assert ours(execution) == "joined"
    assert log == ["join"]


PARALLEL = """
class F(Flow):
    @start()
    @human_feedback(message="A?")
    def a(self):
        return "A"

    @start()
    @human_feedback(message="B?")
    def b(self):
        return "B"

    @listen(and_(a, b))
    def join(self):
        return [h.method_name + ": " + h.feedback for h in self.human_feedback_history]
"""


def test_two_reviews_side_by_side(flow: Begin, bare: Callable[[], Bare]) -> None:
    execution = flow(PARALLEL)
    one = bare()
    one.kickoff()
    one.resume("ok")
    with pytest.raises(ValueError, match="No pending feedback"):
        one.resume("ok")

    assert sorted(ours(execution)) == ["a: words on a", "b: words on b"]


CHAIN = """
class F(Flow):
    @start()
    @human_feedback(message="A?")
    def a(self):
        return "A"

    @listen(a)
    @human_feedback(message="B?")
    def b(self):
        return "B"

    @listen(b)
    def last(self):
        return [h.method_name for h in self.human_feedback_history]
"""


def test_the_history_of_feedback(flow: Begin, bare: Callable[[], Bare]) -> None:
    execution = flow(CHAIN)
    one = bare()
    one.kickoff()
    one.resume("ok")
    assert one.resume("ok") == ["b"]

    assert ours(execution) == ["a", "b"]


EARLY = """
class Tells:
    def request_feedback(self, context, flow):
        from crewai.flow import HumanFeedbackPending
        kept = flow.persistence.load_pending_feedback(flow.flow_id)
        ran("kept" if kept else "not kept yet")
        raise HumanFeedbackPending(context=context)

class F(Flow):
    @start()
    @human_feedback(message="Good?", provider=PROVIDER)
    def review(self):
        return "draft"
"""


def test_nobody_is_told_before_the_question_is_kept(
    flow: Begin, bare: Callable[[], Bare], log: list[str]
) -> None:
    flow(EARLY.replace("PROVIDER", "Tells()"))
    bare().kickoff()
    assert log == ["not kept yet"]

    execution = flow(EARLY.replace("PROVIDER", "None"))
    execution.run()
    assert [type(entry) for entry in execution.history] == [Asked]  # one write, all of it


SLOW = """
class F(Flow):
    @start()
    def begin(self):
        return "go"

    @listen(begin)
    @human_feedback(message="Good?")
    def review(self):
        return "draft"

    @listen(begin)
    async def slow(self):
        await asyncio.sleep(0.3)
        ran("slow")
        return "slow"

    @listen(slow)
    def after(self):
        ran("after")
        return "after"
"""


def test_a_branch_that_is_under_way_when_another_pauses(
    flow: Begin, bare: Callable[[], Bare], log: list[str]
) -> None:
    execution = flow(SLOW)
    one = bare()
    one.kickoff()
    one.resume("ok")
    assert "after" not in log

    log.clear()
    ours(execution)
    assert log == ["slow", "after"]


LISTENERS = (
    MODEL
    + """
class F(Flow):
    @start()
    def begin(self):
        return "go"

    @listen(begin)
    @human_feedback(message="Good?", emit=["approved", "rejected"], llm=model())
    def review(self):
        return "draft"

    @listen(review)
    def by_name(self):
        ran("by name")

    @router(begin)
    def second_router(self):
        ran("second router")
        return "elsewhere"

    @listen(begin)
    def sibling(self):
        ran("sibling")

    @listen("approved")
    def publish(self):
        ran("publish")
"""
)


def test_listeners_around_a_review_with_options(
    flow: Begin, bare: Callable[[], Bare], log: list[str]
) -> None:
    execution = flow(LISTENERS)
    one = bare()
    one.kickoff()
    one.resume("approved")
    assert set(log) & {"by name", "second router", "sibling"} == set()

    log.clear()
    ours(execution, review="approved")
    assert set(log) == {"by name", "second router", "sibling", "publish"}


REWORK = """
class F(Flow):
    @start()
    def begin(self):
        return "go"

    @listen(or_(begin, "rework_done"))
    @human_feedback(message="Good?", emit=["approved", "needs_revision"])
    def review(self):
        return "draft"

    @start("needs_revision")
    def rework(self):
        ran("rework")

    @listen("approved")
    def publish(self):
        return "published"
"""


def test_a_start_that_waits_for_an_outcome(
    flow: Begin, bare: Callable[[], Bare], log: list[str]
) -> None:
    execution = flow(REWORK)
    one = bare()
    one.kickoff()
    one.load("needs_revision").resume("again")
    assert "rework" not in log

    log.clear()
    ours(execution, review="needs_revision")
    assert log == ["rework"]


RACING = """
class F(Flow):
    @start()
    def begin(self):
        return "go"

    @listen(begin)
    @human_feedback(message="Left?")
    def left(self):
        return "left"

    @listen(begin)
    @human_feedback(message="Right?")
    def right(self):
        return "right"

    @listen(or_(left, right))
    def winner(self):
        ran("winner")
        return "won"
"""


def test_a_review_in_a_race(flow: Begin, bare: Callable[[], Bare], log: list[str]) -> None:
    execution = flow(RACING)
    one = bare()
    assert one.kickoff() == "go"  # "finished", with nobody asked
    assert one.pending is None
    assert log == []

    execution.run()
    assert set(execution.open) == {"left#1", "right#1"}
    execution.answer("left#1", "ok")
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.raw == "won"


MIXED = """
from both import BOTH

class Blocks:
    def request_feedback(self, context, flow):
        BOTH.wait(5)
        if context.method_name == "b":
            time.sleep(0.3)
        return context.method_name + "_ok"

class F(Flow):
    @start()
    @human_feedback(message="A?", emit=["a_ok", "a_no"], provider=PROVIDER, llm=says("a_ok"))
    def a(self):
        return "A"

    @start()
    @human_feedback(message="B?", emit=["b_ok", "b_no"], provider=PROVIDER, llm=says("b_ok"))
    def b(self):
        return "B"

    @listen(a)
    def slow(self):
        time.sleep(1)

    @listen("a_ok")
    def after_a(self, feedback):
        ran("after a: " + feedback.output)

    @listen("b_ok")
    def after_b(self, feedback):
        ran("after b: " + feedback.output)
"""


def test_words_of_two_reviewers(flow: Begin, folder: Path, log: list[str]) -> None:
    (folder / "both.py").write_text("import threading\nBOTH = threading.Barrier(2)\n")
    flow(MIXED.replace("PROVIDER", "Blocks()"))
    importlib.import_module("orchestrator.adapters.runners.crewai.flows.running")
    importlib.import_module("users_flow").F().kickoff()
    assert "after a: B" in log  # the other reviewer's, in one process

    log.clear()
    execution = flow(MIXED.replace("PROVIDER", "None"))
    execution.run()
    execution.answer("a#1", "A is good", outcome="a_ok")
    execution.answer("b#1", "B is good", outcome="b_ok")
    assert isinstance(execution.run(), Ended)
    assert log == ["after a: A", "after b: B"]
