"""Processes that send mails, with the settings of an operator, and one that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from mails import MailServer, notice_body
from post import let_leases_lapse, make_post

from orchestrator.adapters.sql.migrate import upgrade

pytestmark = pytest.mark.processes

DRAIN = """
import sys
from orchestrator.settings import Settings
from orchestrator.usecases.webhooks.deliver import drain
from orchestrator.wiring import make_ports
print(drain(make_ports(Settings(), lambda job: None), sys.argv[1], sys.argv[2]))
"""


def test_a_worker_that_is_killed_leaves_its_mail_to_another_which_sends_the_same(
    tmp_path: Path,
) -> None:
    template = tmp_path / "template.db"
    upgrade(f"sqlite:///{template}")
    post = make_post(tmp_path, template)
    post.clock.at = datetime.now(UTC)
    deployments = tmp_path / "deployments.toml"
    deployments.write_text('[deployments.news]\nfunctions = "no:where"\n')
    with MailServer() as server:
        (sent,) = post.commit("mailto:ann@example.com", body=notice_body())
        endpoint_id = post.jobs[0].arguments["endpoint_id"]
        environment = {
            **os.environ,
            "ORCHESTRATOR_DATA": str(tmp_path / "data"),
            "ORCHESTRATOR_DEPLOYMENTS": str(deployments),
            "ORCHESTRATOR_DATABASE_URL": f"sqlite:///{tmp_path / 'post.db'}",
            "ORCHESTRATOR_SECRET_KEY": "a key",
            "ORCHESTRATOR_BROKER_URL": "redis://127.0.0.1:1/0",
            "ORCHESTRATOR_SMTP_URL": f"smtp://127.0.0.1:{server.port}?tls=off",
            "ORCHESTRATOR_MAIL_FROM": "Crews <crews@example.com>",
        }

        def worker(name: str, **more: str) -> int:
            command = [sys.executable, "-c", DRAIN, endpoint_id, name]
            return subprocess.run(command, env={**environment, **more}, check=False).returncode

        assert worker("w-1", ORCHESTRATOR_CRASH_POINT="after-send") == -signal.SIGKILL
        let_leases_lapse(post)
        assert worker("w-2") == 0
    post.ports.store.dispose()
    assert post.get(sent).state == "DELIVERED"
    assert [mail["Message-ID"] for mail in server.taken] == [f"<{sent}@example.com>"] * 2
    assert "reply+" not in str(server.taken[0]["Reply-To"])
