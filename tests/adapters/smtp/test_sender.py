"""The mail sender against real servers on loopback, of every mood."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from certificates import make_certificates
from mails import TOKEN, MailServer, letterhead, notice_body, only_ann
from processes import free_port

from orchestrator.adapters.smtp.sender import Limits, MailSender
from orchestrator.domain.canonical import encode
from orchestrator.domain.delivery import Authentication, SendResult
from orchestrator.settings.mail import Relay, Security, relay_of

HEADERS = {"webhook-id": "delivery-1", "webhook-timestamp": "1700000000"}
ANN = "mailto:ann@example.com"


def sender(
    port: int, security: Security = Security.OFF, user: str | None = None, **how: Any
) -> MailSender:
    relay = Relay("localhost", port, security, user, "secret" if user else None)
    limits = Limits(connect=0.5, total=how.pop("total", 2.0))
    return MailSender(relay, letterhead(**how.pop("head", {})), limits, **how)


def sent(one: MailSender, url: str = ANN, body: bytes | None = None) -> SendResult:
    return one.send(url, notice_body() if body is None else body, HEADERS)


def test_a_mail_arrives() -> None:
    with MailServer() as server:
        result = sent(sender(server.port))
    assert (result.status, result.succeeded, result.response) == (250, True, "OK")
    (mail,) = server.taken
    assert server.recipients == ["ann@example.com"]
    assert (mail["Message-ID"], mail["X-Peer"]) == ("<delivery-1@example.com>", None)


def test_a_ping_is_a_mail_too() -> None:
    with MailServer() as server:
        assert sent(sender(server.port), body=encode({"type": "ping"})).succeeded
    assert "A test" in server.taken[0]["Subject"]


@pytest.mark.parametrize(
    ("answers", "status", "says"),
    [
        ({"rcpt": ["450 4.7.1 Greylisted"]}, 450, "450: 4.7.1 Greylisted"),
        ({"rcpt": ["550 5.1.1 Nobody"]}, 550, "550: 5.1.1 Nobody"),
        ({"data": ["552 Too much"]}, 552, "552: Too much"),
        ({"data": ["421 Later"]}, 421, "421: Later"),
    ],
)
def test_what_the_server_answers_is_the_status(
    answers: dict[str, Any], status: int, says: str
) -> None:
    with MailServer(**answers) as server:
        result = sent(sender(server.port))
    assert (result.status, result.blocked, result.timed_out) == (status, False, False)
    assert result.summary == f"The mail server answered {says}"


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("mailto:nobody", None),
        ("mailto:ann@example.com\r\nRCPT TO:<eve@example.com>", None),
        ("mailto:a@b@example.com", None),
        ("mailto:ann@" + "x" * 70 + ".example", None),
        ("mailto:änn@example.com", None),
        (ANN, b"{}"),
    ],
)
def test_what_can_be_no_mail_is_not_tried_again(url: str, body: bytes | None) -> None:
    with MailServer(enable_SMTPUTF8=False) as server:
        result = sent(sender(server.port), url, body)
    assert (result.status, result.blocked, server.taken) == (None, True, [])


def test_a_name_that_is_not_ascii_goes_to_a_server_that_takes_it() -> None:
    with MailServer(enable_SMTPUTF8=True) as server:
        assert sent(sender(server.port), "mailto:änn@bücher.example").succeeded
    assert server.recipients == ["änn@xn--bcher-kva.example"]


def test_credentials_are_for_webhooks() -> None:
    result = sender(1).send(ANN, notice_body(), HEADERS, Authentication("bearer", token="x"))
    assert result.blocked


def test_a_template_that_is_broken_waits_to_be_mended(tmp_path: Path) -> None:
    (tmp_path / "notice.txt").write_text("{{ nothing_by_that_name }}")
    result = sent(sender(1, head={"templates": tmp_path}))
    assert (result.status, result.blocked) == (None, False)
    assert "'nothing_by_that_name' is undefined" in result.summary


@pytest.mark.parametrize(
    "mistake", ["{{ mail.token | int / 0 }}", "{{ mail.token + 1 }}", "{{ \xff"]
)
def test_whatever_a_template_does_wrong_ends_the_try_alone(tmp_path: Path, mistake: str) -> None:
    (tmp_path / "notice.txt").write_bytes(b"As it was.\n" + mistake.encode("latin-1"))
    result = sent(sender(1, head={"templates": tmp_path}))
    assert (result.status, result.blocked) == (None, False)
    assert result.summary.startswith("the template cannot be used: ")
    assert TOKEN not in result.summary


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificates(tmp_path_factory.mktemp("authority"), "localhost")


@pytest.fixture(scope="module")
def server_tls(certificates: tuple[Path, Path]) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates[1])
    return context


def secured(context: ssl.SSLContext, security: Security) -> MailServer:
    """A server that speaks TLS alone, and knows ann alone."""
    if security is Security.TLS:
        return MailServer(ssl_context=context, auth_require_tls=False, authenticator=only_ann)
    how = {"require_starttls": True, "auth_required": True, "authenticator": only_ann}
    return MailServer(tls_context=context, **how)


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_the_login_and_the_mail_go_under_tls(
    security: Security, certificates: tuple[Path, Path], server_tls: ssl.SSLContext
) -> None:
    with secured(server_tls, security) as server:
        one = sender(server.port, security, "ann", ca_bundle=certificates[0])
        assert one.check().succeeded
        assert sent(one).succeeded
    assert len(server.taken) == 1


@pytest.mark.parametrize("security", [Security.STARTTLS, Security.TLS])
def test_a_certificate_of_a_stranger_is_refused(
    security: Security, server_tls: ssl.SSLContext
) -> None:
    with secured(server_tls, security) as server:
        result = sent(sender(server.port, security, "ann"))
    assert (result.status, server.taken) == (None, [])
    assert result.summary.startswith("the mail server's certificate is not accepted")


def test_a_certificate_of_another_name_is_refused(
    certificates: tuple[Path, Path], server_tls: ssl.SSLContext
) -> None:
    with secured(server_tls, Security.TLS) as server:
        relay = Relay("127.0.0.1", server.port, Security.TLS)
        one = MailSender(relay, letterhead(), Limits(), ca_bundle=certificates[0])
        assert "certificate is not accepted" in sent(one).summary


def test_a_login_that_is_refused_says_nothing_of_the_recipient(
    certificates: tuple[Path, Path], server_tls: ssl.SSLContext
) -> None:
    with secured(server_tls, Security.STARTTLS) as server:
        one = sender(server.port, Security.STARTTLS, "eve", ca_bundle=certificates[0])
        for result in (one.check(), sent(one)):
            assert result.status is None
            assert "does not let us send: 535" in result.summary
            assert "secret" not in repr(result)


def test_without_tls_nothing_is_said_to_a_server_that_should_have_it() -> None:
    with MailServer() as server:
        result = sent(sender(server.port, Security.STARTTLS))
    assert (result.status, server.taken) == (None, [])
    assert "does not offer TLS" in result.summary


@contextmanager
def scripted(script: Callable[[socket.socket], None]) -> Iterator[int]:
    """A server that does to each connection what the script says; gives its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            try:
                while True:
                    with listening.accept()[0] as taken:
                        script(taken)
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


def _goes_at_once(_taken: socket.socket) -> None: ...


def _greets_and_goes(taken: socket.socket) -> None:
    taken.sendall(b"220 hello\r\n")


def _goes_in_the_middle_of_a_mail(taken: socket.socket) -> None:
    said = taken.makefile("rb")
    taken.sendall(b"220 hello\r\n")
    for line in said:
        if line.upper().startswith(b"DATA"):
            taken.sendall(b"354 go on\r\n")
            said.read(100)
            return
        taken.sendall(b"250 OK\r\n")


def _says_nothing(taken: socket.socket) -> None:
    taken.recv(1)


def _drips(taken: socket.socket) -> None:
    taken.settimeout(0.01)
    while True:
        taken.sendall(b"2")
        try:
            if not taken.recv(1):
                return
        except TimeoutError:
            continue


def _talks(taken: socket.socket) -> None:
    taken.sendall(b"220-more\r\n" * 100_000)


def _challenges_with_nonsense(taken: socket.socket) -> None:
    taken.sendall(b"220 hello\r\n")
    for line in taken.makefile("rb"):
        asks_to_log_in = line.upper().startswith(b"AUTH")
        taken.sendall(b"334 a\r\n" if asks_to_log_in else b"250-hello\r\n250 AUTH CRAM-MD5\r\n")


def _speaks_http(taken: socket.socket) -> None:
    taken.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")


@pytest.mark.parametrize(
    ("script", "late"),
    [
        (_goes_at_once, False),
        (_greets_and_goes, False),
        (_goes_in_the_middle_of_a_mail, False),
        (_says_nothing, True),
        (_drips, True),
        (_speaks_http, False),
    ],
)
def test_a_server_that_does_not_answer_leaves_the_mail_to_be_tried_again(
    script: Callable[[socket.socket], None], *, late: bool
) -> None:
    with scripted(script) as port:
        result = sent(sender(port, total=0.3))
    assert (result.status, result.blocked, result.timed_out) == (None, False, late)
    assert result.error


def test_a_login_that_makes_no_sense_leaves_the_mail_to_be_tried_again() -> None:
    with scripted(_challenges_with_nonsense) as port:
        result = sent(sender(port, user="ann"))
    assert (result.status, result.blocked) == (None, False)
    assert result.summary == "the mail server says what none says"


def test_a_server_that_talks_without_end_is_not_listened_to() -> None:
    with scripted(_talks) as port:
        assert "says more than" in sent(sender(port)).summary


def test_a_server_that_is_not_there() -> None:
    assert sent(sender(free_port())).summary == "the mail server refuses connections"


@pytest.mark.parametrize("security", list(Security))
def test_a_relay_is_shown_without_its_password(security: Security) -> None:
    relay = Relay("127.0.0.1", 25, security, "ann", "secret")
    assert "secret" not in repr(relay) + relay.shown
    assert relay_of(relay.shown) == Relay("127.0.0.1", 25, security, "ann", "…")
