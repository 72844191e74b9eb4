"""``orchestrator deliveries`` and ``orchestrator endpoints``, in this process."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import structlog
from post import MoodyReceiver, Post, make_post
from typer.testing import CliRunner, Result

from orchestrator.cli import application
from orchestrator.errors import Invalid

Run = Callable[..., Result]


@pytest.fixture
def shared(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Post:
    """A post office whose database the command finds."""
    (tmp_path / "deployments.toml").write_text('[deployments.news]\nfunctions = "no:where"\n')
    settings = {
        "DATA": str(tmp_path),
        "DEPLOYMENTS": str(tmp_path / "deployments.toml"),
        "DATABASE_URL": f"sqlite:///{tmp_path}/post.db",
        "BROKER_URL": "memory://",  # without one, a thread would go on trying to publish
        "SECRET_KEY": "a key",
        "WEBHOOK_ALLOW_NETWORKS": "127.0.0.0/8",
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"ORCHESTRATOR_{name}", value)
    monkeypatch.setenv("COLUMNS", "200")
    return make_post(tmp_path, template)


@pytest.fixture
def run(shared: Post) -> Iterator[Run]:
    """Run a command; what it sets up for logging ends with the test."""
    before, handlers = structlog.get_config(), logging.root.handlers.copy()
    runner = CliRunner()
    yield lambda *words: runner.invoke(application, words)
    structlog.configure(**before)
    logging.root.handlers[:] = handlers


def test_deliveries_are_listed_and_shown(shared: Post, run: Run) -> None:
    (sent,) = shared.commit("nonsense")
    shared.work()

    assert sent in run("deliveries", "list", "--state", "BLOCKED").stdout
    assert sent not in run("deliveries", "list", "--state", "PENDING").stdout
    assert "BLOCKED" in run("deliveries", "show", sent).stdout


def test_deliveries_are_replayed(shared: Post, run: Run) -> None:
    (sent, _) = shared.commit("nonsense", 2)
    shared.work()

    assert run("deliveries", "replay", sent).stdout.endswith("Replayed.\n")
    since = ("--since", "2026-01-01T00:00:00")
    assert run("deliveries", "replay", *since).stdout.endswith("Replayed 1.\n")
    assert isinstance(run("deliveries", "replay").exception, Invalid)


def test_endpoints_are_seen_to(shared: Post, run: Run) -> None:
    with MoodyReceiver() as receiver:
        shared.commit(receiver.url)
        endpoint_id = shared.endpoint(receiver.url).id

        assert run("endpoints", "disable", endpoint_id, "--reason", "moved").exit_code == 0
        assert "moved" in run("endpoints", "list").stdout
        assert run("endpoints", "enable", endpoint_id).exit_code == 0
        assert run("endpoints", "rotate", endpoint_id).stdout.startswith("whsec_")
        assert run("endpoints", "rotate", "--deployment", "news").stdout.startswith("whsec_")
        assert run("endpoints", "ping", endpoint_id).stdout.startswith("200 after")


def test_scripts_read_json(shared: Post, run: Run) -> None:
    (sent,) = shared.commit("nonsense")
    shared.work()

    (line,) = json.loads(run("deliveries", "list", "--json").stdout)
    record = json.loads(run("deliveries", "show", sent, "--json").stdout)
    assert (line["delivery_id"], line["state"]) == (sent, "BLOCKED")
    assert (record["delivery_id"], len(record["tries"])) == (sent, 1)
    assert json.loads(run("deliveries", "replay", sent, "--json").stdout) == {"replayed": 1}
    (endpoint,) = json.loads(run("endpoints", "list", "--json").stdout)
    told = run("endpoints", "disable", endpoint["endpoint_id"], "--json").stdout
    assert json.loads(told)["state"] == "DISABLED"
