from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from orchestrator.adapters.runners.functions import FunctionsRunner
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.output import EDITS_FIT
from orchestrator.domain.plan import Plan
from orchestrator.errors import ClaimLost, DeploymentBroken, TaskFailed

Deploy: TypeAlias = Callable[..., Deployment]
Begin: TypeAlias = Callable[..., Any]

ARTICLE = """
    from orchestrator.adapters.runners.functions.crew import task

    def research(call):
        return f"facts about {call.inputs['topic']}"

    @task(human_input=True)
    def write(call):
        said = " and ".join(call.feedback)
        return f"article of {call.context} round {call.round} after {call.previous_answer} {said}"

    crew = [research, write]
"""


@pytest.fixture
def run(deploy: Deploy, start: Begin) -> Begin:
    return lambda code, **inputs: start(FunctionsRunner(), deploy(code), inputs)


def planned(deploy: Deploy, code: str) -> Plan:
    return FunctionsRunner().plan(deploy(code))


def test_the_plan_has_the_functions_names(deploy: Deploy) -> None:
    assert planned(deploy, ARTICLE).names == ("research", "write")


def test_the_plan_says_who_asks_a_person(deploy: Deploy) -> None:
    assert [task.human_input for task in planned(deploy, ARTICLE).tasks] == [False, True]


def test_a_change_of_the_code_changes_the_digest(deploy: Deploy) -> None:
    before = planned(deploy, "def greet(): return 'hello'\ncrew = [greet]")
    after = planned(deploy, "def greet(): return 'goodbye'\ncrew = [greet]")
    assert before.digest != after.digest


def test_inputs_are_those_that_the_crew_names(deploy: Deploy) -> None:
    plan = planned(
        deploy,
        """
        from orchestrator.adapters.runners.functions.crew import FunctionCrew
        crew = FunctionCrew(tasks=[lambda call: "x"], inputs=("topic",))
        """,
    )
    assert (plan.inputs, plan.names) == (("topic",), ("task-1",))


def test_a_function_may_make_the_crew(run: Begin) -> None:
    assert run("def crew(): return (lambda: 'hello',)").all() == ["hello"]


def test_an_earlier_output_reaches_the_next_task(run: Begin) -> None:
    assert run(ARTICLE, topic="tea").all()[1].startswith("article of facts about tea round 1")


def test_a_retry_sees_the_previous_answer_and_the_words(run: Begin) -> None:
    running = run(ARTICLE, topic="tea")
    first = running.all()[1]
    running.answer(1, "shorter", approved=False)
    running.round = 2
    again = running.task(1).output.raw
    assert f"round 2 after {first} shorter" in again


def test_words_reach_a_task_that_names_its_context(run: Begin) -> None:
    running = run(
        """
        from orchestrator.adapters.runners.functions.crew import task
        one = lambda: "first"
        two = lambda: "second"
        @task(context=["task-2"])
        def three(call): return call.context
        crew = [one, two, three]
        """
    )
    running.task(0)
    running.answer(0, "mind the gap", approved=True)
    running.task(1)
    text = running.task(2).output.raw
    assert ("first" in text, "second" in text, "mind the gap" in text) == (False, True, True)


def test_tasks_side_by_side_do_not_see_each_other(run: Begin) -> None:
    running = run(
        """
        from orchestrator.adapters.runners.functions.crew import task
        start = lambda: "start"
        @task(asynchronous=True)
        def left(call): return call.context
        @task(asynchronous=True)
        def right(call): return call.context
        def join(call): return ",".join(call.outputs)
        crew = [start, left, right, join]
        """
    )
    assert running.all() == ["start", "start", "start", "task-1,left,right"]


def test_data_is_kept_as_data_and_as_canonical_text(run: Begin) -> None:
    output = run("crew = [lambda: {'b': (1, 2), 'a': None}]").task(0).output
    assert (output.raw, output.json) == ('{"a":null,"b":[1,2]}', {"a": None, "b": [1, 2]})


def test_what_has_no_json_form_fails_for_good(run: Begin) -> None:
    with pytest.raises(TaskFailed, match="returned an object, not a text") as failed:
        run("crew = [lambda: object()]").task(0)
    assert not failed.value.retryable


TYPED = """
    from pydantic import BaseModel
    from orchestrator.adapters.runners.functions.crew import task

    class Quote(BaseModel):
        price: float

    @task(human_input=True, schema=SCHEMA)
    def offer():
        return RETURNED

    crew = [offer]
"""


@pytest.mark.parametrize("schema", ["Quote", "Quote.model_json_schema()", "None"])
def test_a_model_is_kept_as_data_with_what_edits_have_to_fit(run: Begin, schema: str) -> None:
    code = TYPED.replace("SCHEMA", schema).replace("RETURNED", "Quote(price=3)")
    output = run(code).task(0).output
    assert (output.raw, output.json) == ('{"price":3.0}', {"price": 3.0})
    assert output.extra[EDITS_FIT]["required"] == ["price"]


@pytest.mark.parametrize("schema", ["Quote", "None"])
def test_a_model_with_aliases_is_data_by_the_names_of_its_schema(run: Begin, schema: str) -> None:
    aliased = TYPED.replace("price: float", "price: float = Field(alias='cost')")
    imported = aliased.replace("import BaseModel", "import BaseModel, Field")
    code = imported.replace("SCHEMA", schema).replace("RETURNED", "Quote(cost=3)")
    output = run(code).task(0).output
    assert output.json == {"cost": 3.0}
    assert output.extra[EDITS_FIT]["required"] == ["cost"]


def test_what_does_not_fit_its_schema_may_be_tried_again(run: Begin) -> None:
    code = TYPED.replace("SCHEMA", "Quote").replace("RETURNED", "{'price': 'much'}")
    with pytest.raises(
        TaskFailed, match=r"output\.price: 'much' is not of type 'number'"
    ) as failed:
        run(code).task(0)
    assert failed.value.retryable


@pytest.mark.parametrize("schema", ["str", "{'type': 3}", "'object'"])
def test_what_is_no_schema_does_not_load(deploy: Deploy, schema: str) -> None:
    with pytest.raises(DeploymentBroken, match="the schema of 'offer' is no pydantic model"):
        planned(deploy, TYPED.replace("SCHEMA", schema).replace("RETURNED", "{}"))


def test_an_exception_of_the_users_code_comes_out_as_it_is(run: Begin) -> None:
    with pytest.raises(ZeroDivisionError):
        run("crew = [lambda: 1 / 0]").task(0)


def test_a_long_function_learns_that_its_work_is_in_vain(run: Begin) -> None:
    running = run(
        """
        def loop(call):
            call.inputs["stop"]()
            call.check()
        crew = [loop]
        """
    )
    running.inputs["stop"] = lambda: setattr(running.told, "stopped", True)
    with pytest.raises(ClaimLost):
        running.task(0)


def test_the_idempotency_key_is_that_of_the_round(run: Begin) -> None:
    assert run("crew = [lambda call: call.idempotency_key]").all() == ["e-1:task-1:1"]


def test_whatever_a_task_raises_is_its_failure(run: Begin) -> None:
    code = """
        class Weird(BaseException): ...
        def crew_task(call): raise Weird("no")
        crew = [crew_task]
    """
    with pytest.raises(TaskFailed, match="Weird: no"):
        run(code).all()


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("crew = 'text'", "it is a str, not a crew or flow of functions"),
        ("crew = [1]", "its crew has an int where a function should be"),
        ("other = 1", "module 'users_code' has no attribute 'crew'"),
        ("import not_there", "No module named 'not_there'"),
        ("crew =", "SyntaxError: invalid syntax"),
        ("def crew(): raise OSError('no key')", "calling it failed: OSError: no key"),
        ("def crew(): raise SystemExit('no key')", "calling it failed: SystemExit: no key"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("class Weird(BaseException): ...\nraise Weird('no')", "Weird: no"),
        ("raise SystemExit", "SystemExit"),
    ],
)
def test_what_does_not_load_is_told_in_one_sentence(deploy: Deploy, code: str, why: str) -> None:
    with pytest.raises(DeploymentBroken) as broken:
        planned(deploy, code)
    assert broken.value.message.startswith("Deployment 'demo' does not load from 'users_code:crew'")
    assert why in broken.value.message


def test_a_context_that_does_not_come_before_is_refused(deploy: Deploy) -> None:
    with pytest.raises(DeploymentBroken, match="'late' as context, which does not come before"):
        planned(
            deploy,
            """
            from orchestrator.adapters.runners.functions.crew import task
            crew = [task(name="early", context=["late"])(str), task(name="late")(str)]
            """,
        )


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        (
            "step(draft, ask='?', options=('send',)), step(send, after='send')",
            "step 'send' comes after itself, and would run for ever: an option that leads to",
        ),
        ("step(draft), step(send, after_any=('draft', 'send'))", "step 'send' comes after itself"),
        ("step(draft, name='1: draft')", "the name of step '1: draft' may not have '/' or ':'"),
        ("step(draft, name='a/b')", "the name of step 'a/b' may not have '/' or ':'"),
        ("step(draft), step(send, after='sent')", "'sent', which is no step and no option"),
    ],
)
def test_a_flow_that_cannot_go_well_does_not_load(deploy: Deploy, steps: str, why: str) -> None:
    code = f"""
        from orchestrator import FunctionFlow, step
        def draft(): return "d"
        def send(): return "s"
        crew = FunctionFlow([{steps}])
    """
    with pytest.raises(DeploymentBroken) as broken:
        planned(deploy, code)
    assert why in broken.value.message
