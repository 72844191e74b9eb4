"""What is known of a flow without running it, and which inputs it refuses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from orchestrator.domain.canonical import digest
from orchestrator.domain.deployment import Deployment
from orchestrator.errors import DeploymentBroken, Invalid
from orchestrator.wire.inputs import require_fitting_inputs

Deploy: TypeAlias = Callable[..., Deployment]

TYPED = """
class Base(BaseModel):
    topic: str = "tea"
    tone: Literal["dry", "warm"] = "dry"

class State(Base):
    count: int = Field(default=0, ge=0, le=9)
    tags: list[str] = []
    inner: Base | None = None

class Above(Flow[State]):
    pass

class F(Above):
    @start()
    def begin(self):
        return "x"

    @router(begin)
    def choose(self) -> Literal["left", "right"]:
        return "left"

    @listen(or_(and_("left", begin), "right"))
    @human_feedback(message="?", emit=["yes", "no"])
    def review(self):
        return "draft"
"""
TYPED = "from typing import Literal\nfrom pydantic import Field\n" + TYPED


def plan(deployment: Deployment) -> Any:
    from orchestrator.adapters.runners.crewai.flows.plans import flow_shape  # noqa: PLC0415

    return flow_shape(deployment)


def refusals(schema: Any, inputs: dict[str, Any]) -> dict[str, str]:
    """What a kickoff with these inputs would be told of each."""
    try:
        require_fitting_inputs(schema or {}, inputs)
    except Invalid as refused:
        return {name.partition(".")[2].partition(".")[0]: "" for name in refused.details}
    return {}


@pytest.mark.parametrize(
    "cannot_be_used", [{"pattern": r"^\p{L}+$"}, {"$ref": "http://127.0.0.1:1/name"}]
)
def test_what_only_the_code_can_check_is_left_to_it(cannot_be_used: dict[str, str]) -> None:
    count, name = {"type": "integer"}, {"type": "string"} | cannot_be_used
    schema = {"properties": {"count": count, "name": name}}
    assert refusals(schema, {"name": "Zoë", "count": 1}) == {}
    assert refusals(schema, {"name": "Zoë", "count": "one"}) == {"count": ""}


def test_the_plan_names_methods_and_inputs(deploy: Deploy) -> None:
    shape = plan(deploy(TYPED))
    assert (shape.name, shape.inputs) == ("F", ("topic", "tone", "count", "tags", "inner"))
    told = [(m.name, m.is_start, m.listens_to, m.is_router, m.asks, m.emit) for m in shape.methods]
    assert told == [
        ("begin", True, "", False, False, ()),
        ("choose", False, "begin", True, False, ("left", "right")),
        ("review", False, "(left and begin) or right", True, True, ("yes", "no")),
    ]


def test_a_changed_method_changes_the_digest(deploy: Deploy) -> None:
    before = digest(plan(deploy(TYPED)).digest_material)
    again = digest(plan(deploy(TYPED)).digest_material)
    after = digest(plan(deploy(TYPED.replace('"draft"', '"other"'))).digest_material)
    assert before == again
    assert before != after


@pytest.mark.parametrize(
    ("inputs", "refused"),
    [
        ({"topic": "milk", "count": 3, "tags": ["a"], "inner": {"topic": "x"}}, ()),
        ({"inner": None, "something": "else"}, ()),
        ({"topic": 3}, ("topic",)),
        ({"count": "3"}, ("count",)),
        ({"count": True}, ("count",)),
        ({"count": 10}, ("count",)),
        ({"tone": "loud"}, ("tone",)),
        ({"tags": ["a", 1]}, ("tags",)),
        ({"inner": {"topic": 1}}, ("inner",)),
        ({"topic": 1, "count": -1}, ("topic", "count")),
    ],
)
def test_inputs_that_the_state_refuses_are_named(
    deploy: Deploy, inputs: dict[str, Any], refused: tuple[str, ...]
) -> None:
    assert refusals(plan(deploy(TYPED)).state_schema, inputs).keys() == set(refused)


@pytest.mark.parametrize("declared", ["Flow", "Flow[dict]", "Flow[dict[str, Any]]"])
def test_a_state_that_is_a_dict_takes_any_input(deploy: Deploy, declared: str) -> None:
    shape = plan(deploy(f"class F({declared}):\n    @start()\n    def a(self):\n        pass\n"))
    assert (shape.inputs, shape.state_schema) == ((), None)
    assert refusals(shape.state_schema, {"anything": [1]}) == {}


def test_a_state_with_values_names_them_as_inputs(deploy: Deploy) -> None:
    shape = plan(
        deploy("""
        class F(Flow):
            initial_state = {"topic": "tea", "n": 0}

            @start()
            def a(self):
                pass
    """)
    )
    assert shape.inputs == ("topic", "n")


START = "    @start()\n    def a(self):\n        pass\n"
BROKEN = {
    "no start": "class F(Flow):\n    @listen('x')\n    def a(self):\n        pass\n",
    "inherited": f"""
class B(Flow):
{START}
class F(B):
    @listen('a')
    def b(self):
        pass
""",
    "state": f"class S(BaseModel):\n    n: int\n\nclass F(Flow[S]):\n{START}",
    "no flow": "class F:\n    pass\n",
    "no import": "1 / 0\n",
    "circle": f"class F(Flow):\n{START}\n    @listen('b')\n    def b(self):\n        pass\n",
}


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        ("no start", r"@start\(\)"),
        ("inherited", "those that it inherits: a of B"),
        ("state", "'n' has no default"),
        ("no flow", "not the class of a flow"),
        ("no import", "ZeroDivisionError"),
        ("circle", "do not fit together"),
    ],
)
def test_what_cannot_be_run_is_said_in_a_sentence(deploy: Deploy, broken: str, why: str) -> None:
    with pytest.raises(DeploymentBroken, match=why):
        plan(deploy(BROKEN[broken]))


def test_nothing_is_constructed(deploy: Deploy) -> None:
    code = f"class F(Flow):\n    def __init__(self, **d):\n        raise SystemExit\n\n{START}"
    assert plan(deploy(code)).name == "F"
