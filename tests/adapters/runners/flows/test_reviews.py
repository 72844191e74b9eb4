"""What ``@human_feedback`` asks, and what an answer makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest
from flow_world import Crash, FlowExecution

from orchestrator.domain.output import EDITS_FIT, Output
from orchestrator.domain.question import Question, QuestionKind
from orchestrator.errors import TaskFailed
from orchestrator.ports import Ended, Halted
from orchestrator.wire.inputs import misfits

Begin: TypeAlias = Callable[..., FlowExecution]


def ended(execution: FlowExecution) -> Output:
    result = execution.run()
    assert isinstance(result, Ended)
    return result.output


def halted(execution: FlowExecution) -> None:
    assert isinstance(execution.run(), Halted)


CHOICE = """
class F(Flow):
    @start()
    @human_feedback(message="Good?", emit=["approved", "rejected"], default_outcome="rejected",
                    metadata={"team": "a"}, llm="nobody/asks-it")
    def review(self):
        ran("review")
        return "draft"

    @listen("approved")
    def publish(self, feedback):
        return ["published", feedback.output, feedback.feedback, feedback.metadata["team"]]

    @listen("rejected")
    def drop(self, feedback):
        return ["dropped", feedback.output, feedback.feedback, feedback.metadata["team"]]
"""


def test_the_question_has_all_that_the_decorator_says(flow: Begin) -> None:
    execution = flow(CHOICE)
    halted(execution)
    asked = execution.open["review#1"]
    assert asked.question == Question(
        QuestionKind.CHOICE,
        "review#1",
        "review",
        "Good?",
        ("approved", "rejected"),
        "rejected",
        {"team": "a"},
        {"id": execution.id},
    )
    assert asked.output.raw == "draft"
    assert asked.state is not None


@pytest.mark.parametrize(
    ("words", "outcome", "expected"),
    [
        ("go on", "approved", "published"),
        ("", "approved", "published"),
        ("", None, "dropped"),
        ("Approved!", None, "published"),
    ],
)
def test_the_outcome_decides_and_no_model_is_asked(
    flow: Begin, words: str, outcome: str | None, expected: str
) -> None:
    execution = flow(CHOICE)
    halted(execution)
    execution.answer("review#1", words, outcome=outcome)
    assert ended(execution).json == [expected, "draft", words, "a"]


def test_words_that_nobody_decided_on_are_never_guessed_at(flow: Begin) -> None:
    execution = flow(CHOICE)
    halted(execution)
    execution.answer("review#1", "approved or rejected, who knows")
    with pytest.raises(TaskFailed, match="none of approved, rejected"):
        execution.run()


def test_the_method_that_was_reviewed_does_not_run_again(flow: Begin, log: list[str]) -> None:
    execution = flow(CHOICE)
    halted(execution)
    execution.answer("review#1", outcome="approved")
    ended(execution)
    assert log == ["review"]


def test_an_edited_text_reaches_the_listener(flow: Begin) -> None:
    execution = flow(CHOICE)
    halted(execution)
    execution.answer("review#1", outcome="approved", edited="better")
    assert ended(execution).json == ["published", "better", "", "a"]


MODEL = """
class Draft(BaseModel):
    title: str
    length: int = 3
    _seen: int = PrivateAttr(default=0)

class F(Flow):
    @start()
    @human_feedback(message="Good?")
    def review(self):
        draft = Draft(title="t")
        draft._seen = 7
        return draft

    @listen(review)
    def after(self, feedback):
        draft = feedback.output
        return [type(draft).__name__, draft.title, draft.length, draft._seen]
"""


def test_a_model_comes_back_as_it_was(flow: Begin) -> None:
    execution = flow(MODEL)
    halted(execution)
    execution.answer("review#1", "ok")
    assert ended(execution).json == ["Draft", "t", 3, 7]


def test_an_edited_model_is_validated(flow: Begin) -> None:
    execution = flow(MODEL)
    halted(execution)
    execution.answer("review#1", edited='{"title": "mine", "length": "4"}')
    assert ended(execution).json == ["Draft", "mine", 4, 0]


def test_an_edited_model_has_the_names_under_which_it_is_shown(flow: Begin) -> None:
    aliased = MODEL.replace("title: str", 'title: str = Field(alias="heading")')
    execution = flow("from pydantic import Field\n" + aliased.replace("title=", "heading="))
    halted(execution)
    asked = execution.open["review#1"]
    assert misfits(asked.output.extra[EDITS_FIT], asked.output.json, "edit") == {}
    execution.answer("review#1", edited='{"title": "mine"}')
    assert ended(execution).json == ["Draft", "mine", 3, 0]


def test_an_edit_that_does_not_fit_is_refused(flow: Begin) -> None:
    execution = flow(MODEL)
    halted(execution)
    execution.answer("review#1", edited='{"title": 1}')
    with pytest.raises(TaskFailed, match="does not fit the output of review#1"):
        execution.run()


LOOP = """
class F(Flow):
    @start()
    def begin(self):
        ran("begin")

    @listen(or_(begin, "needs_revision"))
    @human_feedback(message="Good?", emit=["approved", "needs_revision"])
    def write(self):
        ran("write")
        self.state["n"] = self.state.get("n", 0) + 1
        return f"draft {self.state['n']}"

    @listen("approved")
    def publish(self):
        history = [(h.output, h.feedback) for h in self.human_feedback_history]
        return {"n": self.state["n"], "history": history}
"""


def test_a_loop_runs_as_many_rounds_as_people_want(flow: Begin, log: list[str]) -> None:
    execution = flow(LOOP)
    halted(execution)
    for round_ in range(1, 5):
        assert list(execution.open) == [f"write#{round_}"]
        execution.answer(f"write#{round_}", f"again {round_}", outcome="needs_revision")
        halted(execution)
    execution.answer("write#5", "yes", outcome="approved")
    result = ended(execution).json
    assert result["n"] == 5
    assert result["history"][0] == ["draft 1", "again 1"]
    assert result["history"][-1] == ["draft 5", "yes"]
    assert log == ["begin", *["write"] * 5]


def test_the_limit_of_calls_is_the_authors_where_there_is_one(flow: Begin) -> None:
    execution = flow("""
        class F(Flow):
            max_method_calls = 2

            @start()
            def go(self):
                pass

            @listen(or_(go, "again"))
            @human_feedback(message="Good?", emit=["again", "fine"])
            def write(self):
                return "draft"
    """)
    for round_ in (1, 2):
        halted(execution)
        execution.answer(f"write#{round_}", outcome="again")
    with pytest.raises(TaskFailed, match="called 2 times"):
        execution.run()


def test_a_loop_may_be_longer_than_crewais_own_limit(flow: Begin) -> None:
    execution = flow("""
        class F(Flow):
            suppress_flow_events = True

            @start()
            def go(self):
                self.state["n"] = 0

            @router(or_(go, "again"))
            async def count(self):
                self.state["n"] += 1
                return "again" if self.state["n"] < 120 else "enough"

            @listen("enough")
            def last(self):
                return self.state["n"]
    """)
    assert ended(execution).json == 120


BRANCHES = """
class F(Flow):
    @start()
    @human_feedback(message="A?", emit=["a_ok", "a_no"])
    def a(self):
        return "A"

    @start()
    @human_feedback(message="B?", emit=["b_ok", "b_no"])
    def b(self):
        return "B"

    @listen("a_ok")
    def after_a(self, feedback):
        ran("after_a " + feedback.feedback)
        time.sleep(0.05)

    @listen("b_ok")
    def after_b(self, feedback):
        ran("after_b " + feedback.feedback)

    @listen(and_(after_a, after_b))
    def join(self):
        ran("join")
        return [h.feedback for h in self.human_feedback_history]
"""


@pytest.mark.parametrize("order", [("a", "b"), ("b", "a")])
def test_two_answers_at_once_are_taken_in_their_order_and_never_mixed(
    flow: Begin, log: list[str], order: tuple[str, str]
) -> None:
    execution = flow(BRANCHES)
    halted(execution)
    for name in order:
        execution.answer(f"{name}#1", f"words on {name}", outcome=f"{name}_ok")
    assert ended(execution).json == [f"words on {name}" for name in order]
    assert log == [f"after_{name} words on {name}" for name in order] + ["join"]


@pytest.mark.parametrize("crash_at", [1, 2, 3, 4, 5])
def test_a_crash_between_two_answers_loses_none(flow: Begin, log: list[str], crash_at: int) -> None:
    execution = flow(BRANCHES)
    halted(execution)
    execution.answer("a#1", "words on a", outcome="a_ok")
    execution.answer("b#1", "words on b", outcome="b_ok")
    with pytest.raises(Crash):
        execution.run(crash_at=crash_at)
    assert ended(execution).json == ["words on a", "words on b"]
    assert sorted(set(log)) == ["after_a words on a", "after_b words on b", "join"]


def test_an_answer_that_comes_while_another_is_taken_is_not_lost(flow: Begin) -> None:
    execution = flow(BRANCHES)
    halted(execution)
    execution.answer("b#1", "words on b", outcome="b_ok")
    halted(execution)
    execution.answer("a#1", "words on a", outcome="a_ok")
    assert ended(execution).json == ["words on b", "words on a"]


PROVIDERS = """
from crewai.flow import HumanFeedbackPending

class Pending:
    def request_feedback(self, context, flow):
        ran("told " + context.message)
        raise HumanFeedbackPending(context=context, callback_info={"channel": "#x"})

class Talks:
    def request_feedback(self, context, flow):
        return " Yes."

class F(Flow):
    @start()
    @human_feedback(message="Good?", emit=["approved", "rejected"], provider=Pending())
    def review(self):
        return "draft"

    @listen("approved")
    @human_feedback(message="Sure?", emit=["yes", "no"], provider=Talks(), llm=says("x"))
    def sure(self):
        return "sure"

    @listen("yes")
    def last(self, feedback):
        return [feedback.method_name, feedback.feedback, feedback.outcome]
"""


def test_a_providers_own_pause_and_its_own_answer_count(flow: Begin, log: list[str]) -> None:
    execution = flow(PROVIDERS)
    halted(execution)
    assert list(execution.open) == ["review#1"]
    execution.answer("review#1", outcome="approved")
    assert ended(execution).json == ["sure", " Yes.", "yes"]
    assert log == ["told Good?"]


def test_learn_asks_the_model_once_and_keeps_what_was_learned(flow: Begin, log: list[str]) -> None:
    execution = flow("""
        from crewai.memory.unified_memory import Memory
        from types import SimpleNamespace

        class Remembers(Memory):
            def recall(self, query, **more):
                ran("recall " + more["source"])
                return [SimpleNamespace(record=SimpleNamespace(content="be short"))]
            def remember_many(self, lessons, **more):
                ran("remember " + ", ".join(lessons))
                return []
            def drain_writes(self):
                pass

        def reply(prompt):
            ran("model")
            return "shorter draft" if "be short" in prompt else "- be kind"

        class F(Flow):
            @start()
            @human_feedback(message="Good?", learn=True, learn_source="tea", llm=Scripted(reply))
            def review(self):
                return "draft"

            @listen(review)
            def after(self, feedback):
                return [feedback.output, feedback.feedback]

            def __init__(self, **data):
                super().__init__(**data)
                self.memory = Remembers()
    """)
    halted(execution)
    assert execution.open["review#1"].output.raw == "shorter draft"
    assert log == ["recall tea", "model"]
    log.clear()
    execution.answer("review#1", "be kind")
    assert ended(execution).json == ["shorter draft", "be kind"]
    assert log == ["model", "remember be kind"]


LOCK = """
class F(Flow):
    @start()
    def begin(self):
        self.state["lock"] = threading.Lock()
        return threading.Lock()

    @listen(begin)
    @human_feedback(message="Good?")
    def review(self):
        return "draft"
"""


def test_a_state_that_cannot_be_stored_is_refused_before_anybody_is_asked(flow: Begin) -> None:
    execution = flow(LOCK)
    with pytest.raises(TaskFailed, match=r"state\.lock is a lock") as failed:
        execution.run()
    assert not failed.value.retryable
    assert not execution.open


ANSWERED_AT_ONCE = """
class Mine:
    def request_feedback(self, context, flow):
        ran("mine")
        return "go"

class F(Flow):
    @start()
    @human_feedback(message="Good?", EMITprovider=Mine())
    def report(self):
        return {"lock": threading.Lock()}

    @listen(TRIGGER)
    def after(self, feedback):
        ran("after")

    @listen(after)
    @human_feedback(message="Last words?")
    def end(self):
        return "end"
"""


WITH_OPTIONS = ANSWERED_AT_ONCE.replace("EMIT", "emit=['go', 'stay'], ").replace("TRIGGER", "'go'")
WITHOUT = ANSWERED_AT_ONCE.replace("EMIT", "").replace("TRIGGER", "report")


@pytest.mark.parametrize("code", [WITH_OPTIONS, WITHOUT], ids=["options", "words"])
def test_an_answer_about_what_could_not_be_stored_is_no_matter_once_it_was_used(
    flow: Begin, log: list[str], code: str
) -> None:
    execution = flow(code)
    halted(execution)
    execution.answer("end#1", "fine")
    assert ended(execution).json["feedback"] == "fine"
    assert log == ["mine", "after"]


@pytest.mark.parametrize("code", [WITH_OPTIONS, WITHOUT], ids=["options", "words"])
def test_an_answer_about_what_could_not_be_stored_is_missed_by_its_field(
    flow: Begin, code: str
) -> None:
    execution = flow(code)
    with pytest.raises(Crash):
        execution.run(crash_at=2)
    with pytest.raises(TaskFailed, match=r"after#1 cannot run: output\.output\.lock was") as failed:
        execution.run()
    assert not failed.value.retryable


ASKS_INSIDE = """
class Child(Flow):
    @start()
    @human_feedback(message="Good?")
    def review(self):
        return "draft"

class Asking(Flow):
    @start()
    def talk(self):
        return self.ask("Name?")

class F(Flow):
    @start()
    def begin(self):
        self.state["lock"] = threading.Lock()

    @listen(begin)
    def parent(self):
        return BODY
"""


@pytest.mark.parametrize("body", ["Child().kickoff()", "Asking().kickoff()", "self.ask('Name?')"])
def test_nobody_is_asked_inside_a_method_whose_flow_could_not_go_on(flow: Begin, body: str) -> None:
    execution = flow(ASKS_INSIDE.replace("BODY", body))
    with pytest.raises(TaskFailed, match=r"state\.lock is a lock") as failed:
        execution.run()
    assert not failed.value.retryable
    assert not execution.open


def test_an_output_that_cannot_be_stored_is_refused_by_its_field(flow: Begin) -> None:
    execution = flow("""
        class F(Flow):
            @start()
            @human_feedback(message="Good?")
            def review(self):
                return {"a": [1, {"lock": threading.Lock()}]}
    """)
    with pytest.raises(TaskFailed, match=r"output\.a\[1\]\.lock is a lock"):
        execution.run()


def test_what_cannot_be_stored_is_no_matter_where_nobody_is_asked(flow: Begin) -> None:
    execution = flow("""
        class F(Flow):
            @start()
            def begin(self):
                self.state["lock"] = threading.Lock()
                return self.state["lock"]

            @listen(begin)
            def after(self, lock):
                return type(lock).__name__
    """)
    assert ended(execution).raw == "lock"


def test_a_changed_flow_is_refused_before_anything_runs(
    flow: Begin, log: list[str], deploy: Callable[..., object]
) -> None:
    execution = flow(CHOICE)
    halted(execution)
    execution.answer("review#1", outcome="approved")
    log.clear()
    deploy(CHOICE.replace("def review", "def reviewed"))
    with pytest.raises(TaskFailed, match=r"review#1 was run before") as failed:
        execution.run()
    assert not failed.value.retryable
    assert log == []
    deploy(CHOICE)
    assert ended(execution).json[0] == "published"


CONSOLE = """
from crewai.flow.async_feedback import ConsoleProvider

class F(Flow):
    @start()
    @human_feedback(message="Good?", provider=ConsoleProvider())
    def write(self):
        return "text"

    @listen(write)
    def after(self, said):
        self.input_provider = ConsoleProvider()
        return f"{said.feedback}, {self.ask('More?')}"
"""


def test_who_names_crewais_console_has_a_person_asked_as_well(flow: Begin) -> None:
    execution = flow(CONSOLE)
    assert isinstance(execution.run(), Halted)
    execution.answer("write#1", "good")
    assert isinstance(execution.run(), Halted)
    execution.answer("after#1/ask:1", "no more")
    result = execution.run()
    assert isinstance(result, Ended)
    assert result.output.raw == "good, no more"


def test_a_method_that_reads_standard_input_is_told_how_to_ask(flow: Begin) -> None:
    execution = flow("""
        class F(Flow):
            @start()
            def choose(self):
                try:
                    return input("Which? ")
                except (EOFError, OSError):
                    return "none"
    """)
    with pytest.raises(TaskFailed, match=r"self\.ask\(\)"):
        execution.run()
