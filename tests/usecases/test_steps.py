"""What a runner tells of its steps: written as it is told, or with what comes next."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

import pytest
from calling import LOOK, MODEL, ask, die_once, dies
from sqlalchemy import update
from world import NoLease, World

from orchestrator.adapters.sql.schema import checkpoints as sql_checkpoints
from orchestrator.domain.calls import AskedCall, CallKind
from orchestrator.domain.canonical import digest
from orchestrator.domain.checkpoint import Cause, Checkpoint
from orchestrator.domain.execution import ExecutionState
from orchestrator.domain.output import Output
from orchestrator.domain.permission import EVERYWHERE
from orchestrator.domain.question import Question, QuestionKind
from orchestrator.domain.review import ReviewState
from orchestrator.domain.task_run import TaskRun, TaskRunState
from orchestrator.domain.timeline import Entry
from orchestrator.domain.webhooks import Stream, WebhookKind
from orchestrator.domain.work import Work
from orchestrator.errors import TaskFailed
from orchestrator.ports import WHOLE_FLOW, AgentStep, Ended, Halted, LiveCall, Result, RunContext
from orchestrator.usecases.executions.checkpoints import list_checkpoints
from orchestrator.usecases.executions.claiming import Worker
from orchestrator.usecases.executions.run_task import run_task
from orchestrator.usecases.executions.snapshot import timeline
from orchestrator.usecases.executions.stop import stop

Make = Callable[..., World]
Run = Callable[[RunContext], Result]

DONE = Ended(Output("done"), {})


@pytest.fixture
def doing(a_flow: Make) -> Make:
    """Makes a world in which the runs of a flow do what is given, one after another."""

    def make(*runs: Run, **settings: Any) -> World:
        world = a_flow("loop", **settings)
        left = list(runs)

        def run(_deployment: object, _work: Work, context: RunContext) -> Result:
            return left.pop(0)(context)

        world.runner.run = run
        return world

    return make


def question(path: str) -> Question:
    return Question(QuestionKind.WORDS, path, path.partition("#")[0])


def checkpoints(world: World, execution_id: str) -> tuple[Checkpoint, ...]:
    return world.ports.store.read(lambda tx: tx.checkpoints.of(execution_id))


def told(world: World, execution_id: str, *events: str) -> list[Entry]:
    return [each for each in timeline(world.ports, execution_id)[1] if each.event in events]


def call(context: RunContext, path: str, name: str = MODEL) -> bool:
    """A call of a step; whether it was made, and not served from the journal."""
    kind = CallKind.MODEL if name == MODEL else CallKind.TOOL
    live = ask(context, AskedCall(path, kind, name, digest([path, name])))
    if isinstance(live, LiveCall) and context.journal:
        context.journal.answered(live, f"{name} of {path}", {"total_tokens": 15})
    return isinstance(live, LiveCall)


# Committed --------------------------------------------------------------------------------------


def test_what_a_step_leaves_stands_in_its_checkpoint_and_the_timeline_names_it(
    doing: Make,
) -> None:
    def run(context: RunContext) -> Result:
        context.commit("draft#1", Output("a draft"), {"so": "far"}, {"total_tokens": 7}, 2.5)
        return DONE

    world = doing(run)
    execution_id = world.halted(taskWebhookUrl="https://hooks.example.com/task")

    first = checkpoints(world, execution_id)[0]
    assert (first.cause, first.path, first.name) == (Cause.COMMIT, "draft#1", "draft")
    assert (first.state, first.usage, first.seconds) == ({"so": "far"}, {"total_tokens": 7}, 2.5)
    (line,) = told(world, execution_id, "step.commit")
    (its_run,) = world.snapshot(execution_id).runs
    assert (line.subject_id, line.task_name, line.details) == (
        its_run.id,
        None,
        {"step": "draft#1"},
    )
    deliveries = world.ports.store.read(lambda tx: tx.deliveries.of(execution_id))
    assert [each.kind for each in deliveries] == [WebhookKind.TASK.value]
    assert b'"execution_time":2.5' in deliveries[0].body


def test_whoever_shows_an_execution_reads_no_states_of_its_steps(doing: Make) -> None:
    def run(context: RunContext) -> Result:
        context.commit("draft#1", Output("a draft"), {"so": "far"})
        return DONE

    world = doing(run)
    execution_id = world.halted()
    writer = world.ports.store._writer  # type: ignore[attr-defined]  # SQL's
    with writer.begin() as connection:
        connection.execute(update(sql_checkpoints).values(state=b"sealed, or damaged"))

    found = world.snapshot(execution_id)
    assert [each.path for each in found.committed] == ["draft#1"]
    listed = list_checkpoints(world.ports, execution_id, EVERYWHERE)
    assert [each.checkpoint.path for each in listed] == ["draft#1", "flow"]


def test_a_step_costs_what_its_calls_did_unless_its_runner_says(doing: Make) -> None:
    def run(context: RunContext) -> Result:
        call(context, "draft#1")
        call(context, "draft#1/task:write", LOOK)
        call(context, "draft#10")
        context.commit("draft#1", Output("a draft"))
        return DONE

    world = doing(run)
    assert checkpoints(world, world.halted())[0].usage == {"total_tokens": 30}


def spends(context: RunContext, path: str = "draft#1") -> None:
    """A step that calls a model, for 15 tokens."""
    call(context, path)
    context.commit(path, Output("a draft"))


def test_what_committed_steps_cost_counts_though_the_worker_died(doing: Make) -> None:
    def run(context: RunContext) -> Result:
        spends(context)
        dies()
        return DONE

    def again(context: RunContext) -> Result:
        spends(context, "check#1")
        return Ended(Output("done"), {"total_tokens": 15})

    world = doing(run, again)
    execution_id = world.kickoff()
    die_once(world)
    assert world.snapshot(execution_id).usage["total_tokens"] == 15
    world.work()
    assert world.snapshot(execution_id).usage["total_tokens"] == 30


def test_what_a_step_cost_that_a_person_is_asked_about_counts_as_well(doing: Make) -> None:
    def run(context: RunContext) -> Result:
        call(context, "draft#1")
        context.ask(question("draft#1"), Output("a draft"))
        raise TaskFailed("not today", retryable=False)

    world = doing(run)
    found = world.snapshot(world.halted())
    assert found.execution.state is ExecutionState.FAILED
    assert found.usage["total_tokens"] == 15


@pytest.mark.parametrize("result", [Ended, lambda *of: Halted(of[1])], ids=["ends", "halts"])
def test_an_attempt_that_comes_to_its_end_says_itself_what_it_cost(
    doing: Make, result: Callable[[Output, dict[str, int]], Result]
) -> None:
    def run(context: RunContext) -> Result:
        spends(context)
        call(context, "check#1")
        context.ask(question("check#1"), Output("checked"))
        return result(Output("done"), {"total_tokens": 35})

    world = doing(run)
    assert world.snapshot(world.halted()).usage["total_tokens"] == 35


def test_a_step_is_written_at_once_unless_it_may_wait(doing: Make) -> None:
    written: list[list[str]] = []

    def look() -> None:
        written.append([each.path for each in checkpoints(world, execution_id)])

    def run(context: RunContext) -> Result:
        context.commit("first#1", Output("1"))
        look()
        context.commit("second#1", Output("2"), may_wait=True)
        look()
        context.commit("third#1", Output("3"))
        look()
        context.ask(question("fourth#1"), Output("4"))
        look()
        return Halted({})

    world = doing(run)
    execution_id = world.kickoff()
    world.work()
    paths = ["first#1", "second#1", "third#1", "fourth#1"]
    assert written == [paths[:1], paths[:1], paths[:3], paths]


def test_each_step_has_all_its_attempts(doing: Make) -> None:
    def fails(_: RunContext) -> Result:
        raise OSError("the model is away")

    def commits_and_fails(context: RunContext) -> Result:
        context.commit("draft#1", Output("a draft"))
        raise OSError("the model is away")

    world = doing(fails, commits_and_fails, lambda _: DONE, max_attempts=2)
    execution_id = world.kickoff()
    (job,) = world.jobs
    for _ in range(3):
        world.run(job)
        world.hurry()
    found = world.snapshot(execution_id)
    assert found.execution.state is ExecutionState.SUCCEEDED
    assert [each.attempts for each in found.runs] == [2]


def test_a_run_that_lost_its_claim_writes_nothing_of_what_waited(doing: Make) -> None:
    def run(context: RunContext) -> Result:
        context.commit("draft#1", Output("a draft"), may_wait=True)
        stop(world.ports, EVERYWHERE, execution_id, "tests")
        return Halted({})

    world = doing(run)
    execution_id = world.kickoff()
    world.work()
    assert world.snapshot(execution_id).execution.state is ExecutionState.STOPPED
    assert checkpoints(world, execution_id) == ()


# Asked ------------------------------------------------------------------------------------------


def test_what_is_asked_about_has_its_state_and_the_cost_of_all_inside_it(doing: Make) -> None:
    def run(context: RunContext) -> Result:
        call(context, "team#1/task:look")
        context.commit("team#1/task:look", Output("facts"))
        call(context, "team#1")
        context.ask(question("team#1"), Output("a report"), {"so": "far"})
        return Halted({})

    world = doing(run)
    inside, asked = checkpoints(world, world.halted())
    assert (inside.usage, asked.usage) == ({"total_tokens": 15}, {"total_tokens": 30})
    assert (asked.cause, asked.state) == (Cause.ASK, {"so": "far"})


def test_nobody_is_asked_any_more_once_the_flow_has_ended(doing: Make) -> None:
    def run(context: RunContext) -> Result:
        context.ask(question("left#1"), Output("left"))
        return DONE

    world = doing(run)
    found = world.snapshot(world.halted())
    assert [each.state for each in found.reviews] == [ReviewState.WITHDRAWN]
    assert found.execution.state is ExecutionState.SUCCEEDED


# Cut --------------------------------------------------------------------------------------------


def test_a_step_that_lost_a_race_has_nobody_asked_about_it_any_more(doing: Make) -> None:
    def run(context: RunContext) -> Result:
        context.ask(question("left#1"), Output("left"))
        context.ask(question("right#1"), Output("right"))
        context.cut("left#1")
        return Halted({})

    world = doing(run)
    execution_id = world.halted()

    found = world.snapshot(execution_id)
    left, right = found.reviews
    assert (left.state, left.actor) == (ReviewState.WITHDRAWN, "worker:w-1")
    assert left.closed_at is not None
    assert right.is_open
    assert found.execution.state is ExecutionState.PENDING_HUMAN_INPUT
    last = checkpoints(world, execution_id)[-1]
    assert (last.cause, last.path) == (Cause.CUT, "left#1")
    withdrawn, cut = told(world, execution_id, "review.withdraw", "step.cut")
    assert (withdrawn.subject_id, withdrawn.details) == (left.id, {"cut": True})
    assert (cut.subject_id, cut.details) == (found.runs[0].id, {"step": "left#1"})


@pytest.mark.parametrize("is_cut", [True, False])
def test_no_model_is_asked_what_words_meant_once_nobody_waits_for_them(
    doing: Make, *, is_cut: bool
) -> None:
    """Since another step was faster, or since the flow has ended."""

    def run(context: RunContext) -> Result:
        options = Question(QuestionKind.CHOICE, "left#1", "left", options=("go", "stay"))
        context.ask(options, Output("left"))
        (review,) = world.snapshot(execution_id).reviews
        world.say(execution_id, review.id, human_feedback="rather go")
        if is_cut:
            context.cut("left#1")
        return DONE

    world = doing(run)
    execution_id = world.kickoff()
    world.work()

    found = world.snapshot(execution_id)
    weighing = next(each for each in found.runs if each.weighs)
    assert (weighing.state, weighing.claim_no) == (TaskRunState.WITHDRAWN, 0)
    assert found.reviews[0].state is ReviewState.WITHDRAWN


def test_the_execution_waits_for_nobody_once_all_that_was_asked_is_cut(doing: Make) -> None:
    states: list[ExecutionState] = []

    def run(context: RunContext) -> Result:
        context.ask(question("left#1"), Output("left"))
        context.cut("left#1")
        states.append(world.snapshot(execution_id).execution.state)
        return DONE

    world = doing(run)
    execution_id = world.kickoff()
    world.work()
    assert states == [ExecutionState.RUNNING]
    assert world.snapshot(execution_id).execution.state is ExecutionState.SUCCEEDED


# Calls of steps ---------------------------------------------------------------------------------


def test_a_step_that_ends_takes_its_own_calls_from_the_journal_and_says_what_was_served(
    doing: Make,
) -> None:
    made: list[bool] = []

    def dies_in_the_second(context: RunContext) -> Result:
        made.extend((call(context, "first#1"), call(context, "second#1")))
        dies()
        return DONE

    def dies_after_the_first(context: RunContext) -> Result:
        made.extend((call(context, "first#1"), call(context, "second#1")))
        context.commit("first#1", Output("1"))
        dies()
        return DONE

    def ends(context: RunContext) -> Result:
        made.extend((call(context, "first#1"), call(context, "second#1")))
        return DONE

    world = doing(dies_in_the_second, dies_after_the_first, ends)
    execution_id = world.kickoff()
    die_once(world)
    die_once(world)
    (served,) = told(world, execution_id, "journal.serve")
    assert served.details["step"] == "first#1"
    world.work()
    assert made == [True, True, False, False, True, False]


# Watched ----------------------------------------------------------------------------------------


class Watch(NoLease):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    @contextmanager
    def keep(self, run: TaskRun, stream: Stream | None) -> Any:
        self.told.append(("keep", run.id, stream and stream.events))
        yield self

    def begin(self, path: str) -> None:
        self.told.append(("begin", path))

    def end(self, path: str) -> None:
        self.told.append(("end", path))

    def step(self, step: AgentStep) -> None:
        self.told.append(("step", step))

    def event(self, kind: str, data: Callable[[], Any]) -> None:
        self.told.append((kind, data()))


def test_whoever_watches_learns_which_steps_run_and_what_happens_in_them(doing: Make) -> None:
    thought = AgentStep(thought="hm")

    def run(context: RunContext) -> Result:
        for path in ("first#1", "second#1"):
            context.begin(path)
        context.step(thought)
        context.event("said", lambda: {"what": "hello"})
        context.commit("first#1", Output("1"))
        context.ask(question("second#1"), Output("2"))
        context.cut("second#1")
        context.leave("third#1")
        return DONE

    world, watch = doing(run), Watch()
    world.kickoff(webhooks={"url": "https://93.184.215.14/hook", "events": ["said"]})
    (job,) = world.jobs
    run_task(world.ports, Worker("w-1", watch, world.runner.plan), **job.arguments)
    assert watch.told == [
        ("keep", job.arguments["task_run_id"], ("said",)),
        ("begin", WHOLE_FLOW),
        ("begin", "first#1"),
        ("begin", "second#1"),
        ("step", thought),
        ("said", {"what": "hello"}),
        ("end", "first#1"),
        ("end", "second#1"),
        ("end", "second#1"),
        ("end", "third#1"),
    ]
