from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from world import migrated, world_of

from orchestrator.adapters.deployment_file import RunnerKind
from orchestrator.adapters.runners.crewai import CrewaiRunner
from orchestrator.domain.deployment import Deployment

pytestmark = [
    pytest.mark.crewai,
    pytest.mark.skipif(find_spec("crewai") is None, reason="needs the extra crewai"),
    pytest.mark.filterwarnings("ignore"),
]

DEMO = Deployment("article", RunnerKind.CREWAI, "orchestrator.demo.crew:ArticleCrew")


@pytest.fixture
def demo(start: Callable[..., Any], storage: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return start(CrewaiRunner(storage), DEMO, {"topic": "owls"})


def test_a_person_reviews_what_the_writer_wrote(demo: Any) -> None:
    assert demo.plan.names == ("research", "write", "edit")
    assert [task.human_input for task in demo.plan.tasks] == [False, True, False]
    assert demo.plan.inputs == ("topic",)


def test_the_editor_has_the_article_of_the_writer(demo: Any) -> None:
    facts, article, published = demo.all()
    assert "owls" in facts
    assert article in published


def test_the_words_change_the_article(demo: Any) -> None:
    demo.task(0)
    first = demo.task(1).output.raw
    demo.answer(1, "Mention barn owls.", approved=False)
    again = demo.task(1).output.raw
    assert again != first
    assert "Mention barn owls." in again


def test_the_flow_asks_until_the_letter_is_sent(
    tmp_path: Path, storage: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    world = world_of(
        f"sqlite:///{migrated(tmp_path)}",
        CrewaiRunner(storage, flows=True),
        target="orchestrator.demo.flow:LetterFlow",
    )
    execution_id = world.halted(inputs={"topic": "owls"})
    world.say(execution_id, "write", outcome="revise", human_feedback="Mention barn owls.")
    world.work()
    world.say(execution_id, "write", outcome="send")
    world.work()
    found = world.snapshot(execution_id)
    world.ports.store.dispose()
    assert [each.path for each in found.committed] == [
        "collect#1",
        "write#1",
        "write#2",
        "deliver#1",
    ]
    assert found.result is not None
    assert "Mention barn owls." in found.result.raw
