from __future__ import annotations

import smtplib
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mails import MailServer
from processes import free_port

from orchestrator.adapters.deployment_file import DeploymentFile
from orchestrator.adapters.mail_sink import MailSink
from orchestrator.adapters.supervisor import Template
from orchestrator.cli.mail_checks import mail_findings
from orchestrator.cli.up import Extras
from orchestrator.domain.deployment import Deployment
from orchestrator.domain.review_policy import ReviewPolicy
from orchestrator.errors import DatabaseAway, InvalidSettings
from orchestrator.settings import Settings
from orchestrator.settings.mail import Relay, Security

if TYPE_CHECKING:
    from conftest import Command


@pytest.fixture
def set_up(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Names a mail server by its port."""

    def name(port: int, **more: str) -> None:
        url = f"smtp://127.0.0.1:{port}?tls=off"
        for key, value in {"smtp_url": url, "mail_from": "c@example.com", **more}.items():
            monkeypatch.setenv(f"ORCHESTRATOR_{key.upper()}", value)

    return name


def test_one_mail_is_sent_with_the_settings(command: Command, set_up: Any) -> None:
    with MailServer(data=["250 queued as 4711"]) as server:
        set_up(server.port)
        assert "250 queued as 4711" in command("mail", "test", " ann@example.com")
    assert server.recipients == ["ann@example.com"]


@pytest.mark.parametrize("address", ["ann@example.com", "nobody", ""])
def test_what_went_wrong_is_said(command: Command, set_up: Any, address: str) -> None:
    with MailServer(rcpt=["550 Not here"]) as server:
        set_up(server.port)
        found = command.json("mail", "test", address, status=1)
    assert (found["taken"], bool(found["error"])) == (False, True)


def test_without_a_mail_server_there_is_nothing_to_test(command: Command) -> None:
    for call in (["mail", "test", "ann@example.com"], ["mail", "check"]):
        assert isinstance(command.run(*call).exception, InvalidSettings)


def findings(**given: Any) -> dict[str, str | None]:
    return {found.says: found.mend for found in mail_findings(Settings(**given))}


def test_a_doctor_looks_whether_the_mail_server_lets_us_in(set_up: Any) -> None:
    with MailServer() as server:
        set_up(server.port, public_url="https://crews.example")
        (says,) = [says for says, mend in findings().items() if mend is None]
    assert says.endswith("takes mails from us")


def test_a_doctor_sees_a_mail_server_that_is_away_and_links_that_lead_nowhere(set_up: Any) -> None:
    set_up(free_port())
    away, no_links = findings()
    assert "refuses connections" in away
    assert "no links" in no_links


def test_a_doctor_misses_the_folder_of_templates(set_up: Any, tmp_path: Path) -> None:
    with MailServer() as server:
        folder = tmp_path / "mistyped"
        set_up(server.port, public_url="https://crews.example", mail_templates=str(folder))
        (says,) = [says for says, mend in findings().items() if mend]
        folder.mkdir()
        assert not any(findings().values())
    assert f"there is no folder {folder}" in says


@pytest.mark.parametrize(("creator", "count"), [(None, 0), ("ann@example.com", 1)])
def test_a_doctor_sees_that_people_are_to_be_asked_and_no_mail_is_sent(
    monkeypatch: pytest.MonkeyPatch, creator: str | None, count: int
) -> None:
    policy = ReviewPolicy(creator=creator)
    declared = Deployment("news", "functions", "no:where", review_policy=policy)
    file = DeploymentFile({"news": declared})
    monkeypatch.setattr("orchestrator.cli.mail_checks.load_deployments", lambda _: file)
    assert len(findings()) == count


def test_up_has_all_its_processes_send_to_the_sink(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun: list[tuple[Settings, Template, Extras]] = []
    for name in ("SMTP_URL", "MAIL_FROM", "MAIL_REPLY_DOMAIN", "LOG_FILE"):
        monkeypatch.setenv(f"ORCHESTRATOR_{name}", "")  # what a command sets ends with the test
    monkeypatch.setattr(
        "orchestrator.cli.up.run_everything", lambda *given: begun.append(given) or 0
    )
    command("up", "--mail-sink", "--mail-sink-port", "3025")
    ((_, _, extras),) = begun
    assert extras == Extras(mail_sink=3025)
    assert Settings().relay == Relay("127.0.0.1", 3025, Security.OFF)
    assert Settings().mail_reply_domain


@pytest.mark.parametrize(
    "arguments",
    [
        ("up", "--flower", "--flower-port", "70000"),
        ("up", "--mail-sink", "--mail-sink-port", "0"),
        ("mail", "sink", "--port", "70000"),
    ],
)
def test_a_port_that_is_none_is_a_wrong_use(command: Command, arguments: tuple[str, ...]) -> None:
    assert command.run(*arguments).exit_code == 2


def test_a_server_of_replies_does_not_listen_on_a_port_that_is_none(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_MAIL_REPLY_DOMAIN", "answers.example")
    refused = command.run("mail", "serve", "--lmtp", "127.0.0.1:70000").exception
    assert isinstance(refused, InvalidSettings)


@pytest.fixture
def sink(tmp_path: Any) -> Any:
    shown: list[str] = []
    port = free_port()
    with MailSink(port, tmp_path / "mail", shown.append):
        yield port, shown, tmp_path / "mail"


def test_the_sink_shows_a_mail_and_keeps_it(sink: Any) -> None:
    port, shown, folder = sink
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "c@example.com", "ann@example.com", "Owls\u202e"
    mail.set_content("Answer here: https://crews.example/r/x\n\x1b[31mred\n")
    with smtplib.SMTP("127.0.0.1", port, "tests") as client:
        client.send_message(mail)
    (text,) = shown
    assert "Subject: Owls" in text
    assert "https://crews.example/r/x" in text
    assert not {"\x1b", "\u202e"}.intersection(text)
    (kept,) = folder.iterdir()
    assert b"Answer here" in kept.read_bytes()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_sink_takes_a_mail_that_is_none(sink: Any) -> None:
    port, shown, folder = sink
    with smtplib.SMTP("127.0.0.1", port, "tests") as client:
        client.sendmail("a@example.com", ["b@example.com"], b"\xff\xfe: \x00\r\n\r\n\xff")
    assert len(shown) == len(list(folder.iterdir())) == 1


def test_a_reply_to_what_the_sink_took_is_kept_as_an_answer(tmp_path: Path) -> None:
    kept: list[tuple[bytes, str, tuple[str, ...]]] = []
    busy = [True]

    def keep(raw: bytes, sender: str, recipients: tuple[str, ...]) -> None:
        if busy:
            busy.clear()
            raise DatabaseAway
        kept.append((raw, sender, recipients))

    shown: list[str] = []
    to = f"reply+{'a' * 32}@replies.localhost"
    with (
        MailSink(free_port(), tmp_path / "mail", shown.append, "replies.localhost", keep) as sink,
        smtplib.SMTP("127.0.0.1", sink.port, "tests") as server,
    ):
        with pytest.raises(smtplib.SMTPDataError, match="451"):
            server.sendmail("ann@example.com", to, "Subject: x\r\n\r\nsend")
        server.sendmail("ann@example.com", to, "Subject: x\r\n\r\nsend")
        server.sendmail("ann@example.com", "ben@example.com", "Subject: y\r\n\r\nhello")
    ((raw, sender, recipients),) = kept
    assert (b"send" in raw, sender, recipients) == (True, "ann@example.com", (to,))
    assert len(shown) == 1
