import re
import stat
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network
from pathlib import Path
from threading import Barrier

import pytest
from cryptography.fernet import Fernet

from orchestrator.errors import InvalidSettings
from orchestrator.settings import (
    LONGEST_SOCKET_PATH,
    PREFIX,
    Settings,
    embedded_broker_url,
    embedded_socket,
    load_or_make_secret_key,
)


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"{PREFIX}{name.upper()}", raising=False)
    monkeypatch.chdir(tmp_path)


def settings(monkeypatch: pytest.MonkeyPatch, **values: str) -> Settings:
    for name, value in values.items():
        monkeypatch.setenv(f"{PREFIX}{name.upper()}", value)
    return Settings()


def test_paths_are_absolute(tmp_path: Path) -> None:
    read = Settings()
    assert (read.data, read.deployments) == (
        tmp_path / ".orchestrator",
        tmp_path / "config" / "deployments.toml",
    )


def test_without_a_database_there_is_a_file_in_the_data_folder(tmp_path: Path) -> None:
    expected = f"sqlite:///{tmp_path}/.orchestrator/orchestrator.db"
    assert Settings().resolved_database_url == expected


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_postgresql_is_reached_by_psycopg_3(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    read = settings(monkeypatch, database_url=f"{scheme}://user:password@host/name")
    assert read.resolved_database_url == "postgresql+psycopg://user:password@host/name"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("keep_finished", "inf"),
        ("keep_finished", "1000000"),
        ("webhook_timeout", "inf"),
        ("shutdown_grace", "1e300"),
        ("data", "~nobody-of-that-name/data"),
        ("database_url", "postgresql://user:hunter2@host:hunter2/name"),
        ("database_url", "postgresql://one:5432,two:5432/name"),
        ("database_url", "sqlite://"),
        ("secret_key", ","),
        ("webhook_secret", " , "),
        ("public_url", "https://crews.example/?a=b"),
        ("public_url", "https://crews.example/#inbox"),
        ("public_url", "https://crews.example and more"),
        ("public_url", "https://user:hunter2@crews.example"),
        ("database_url", "sqlite:///:memory:"),
        ("broker_url", "redis://:hun/ter2@host:6379/0"),
        ("broker_url", "sentinel://one:26379;sentinel://two:hunter2"),
    ],
)
def test_what_nothing_can_be_done_with_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(InvalidSettings, match=f"^{PREFIX}{name.upper()}: ") as refused:
        settings(monkeypatch, **{name: value})
    assert "hunter2" not in refused.value.message


def test_without_a_broker_there_is_the_embedded_one() -> None:
    read = Settings()
    assert read.resolved_broker_url == embedded_broker_url(read.data)


def test_a_broker_may_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings(monkeypatch, broker_url="redis://host:6379/0")
    assert read.resolved_broker_url == "redis://host:6379/0"


@pytest.mark.parametrize(
    "named",
    [
        {"broker_url": "pyamqp://guest@localhost//"},
        {"broker_url": "rediss://:p%2Fw@one:6379/1?ssl_cert_reqs=none;rediss://two"},
        {"database_url": "sqlite+pysqlite:///here.db"},
        {"database_url": "postgresql://user:a/b:c#d@[::1]:5432/name?sslmode=require"},
        {"database_url": "postgresql:///name?host=/var/run/postgresql"},
        {"broker_url": "redis+socket:///run/valkey.sock?virtual_host=0"},
    ],
)
def test_what_libraries_write_of_the_same_is_taken(
    monkeypatch: pytest.MonkeyPatch, named: dict[str, str]
) -> None:
    read = settings(monkeypatch, **named)
    assert [getattr(read, name) for name in named] == list(named.values())


@pytest.mark.parametrize(
    "named",
    [
        {"broker_url": "valkey://host:6379/0"},
        {"broker_url": "sentinel://one:26379;sentinel://two:26379"},
        {"database_url": "mysql://host/name"},
    ],
)
def test_what_nothing_here_can_use_is_refused(
    monkeypatch: pytest.MonkeyPatch, named: dict[str, str]
) -> None:
    (name,) = named
    with pytest.raises(InvalidSettings, match=f"ORCHESTRATOR_{name.upper()}: .*begins with none"):
        settings(monkeypatch, **named)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:half/other@host:6379/0",
        "redis://host:6379/crews",
        "redis://host:6379/0;redis://other:port/0",
        "amqp://guest:half/other@host:5672//",
    ],
)
def test_a_broker_url_that_cannot_be_read_is_refused_and_not_told(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    with pytest.raises(
        InvalidSettings, match=r"BROKER_URL: its (port|database) is no number"
    ) as no:
        settings(monkeypatch, broker_url=url)
    assert "half" not in str(no.value)


def test_what_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings(monkeypatch, broker_url="", secret_key="", port="")
    assert (read.broker_url, read.secret_key, read.port) == (None, None, 8000)


def test_networks_and_ports_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings(
        monkeypatch, webhook_allow_networks="10.1.2.0/24, fd00::/8", webhook_ports="443,8443"
    )
    assert read.webhook_allow_networks == (ip_network("10.1.2.0/24"), ip_network("fd00::/8"))
    assert read.webhook_ports == (443, 8443)


def test_the_public_url_ends_without_a_slash(monkeypatch: pytest.MonkeyPatch) -> None:
    assert settings(monkeypatch, public_url="https://crews.example/").public_url == (
        "https://crews.example"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("webhook_allow_networks", "10.1.2.3/24"),
        ("webhook_allow_networks", "10.1.2.0/24,nonsense"),
        ("webhook_ports", "0"),
        ("webhook_https_only", "perhaps"),
        ("port", "65536"),
        ("data", "what?"),
        ("public_url", "crews.example"),
        ("concurrency", "0"),
        ("log_format", "xml"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    with pytest.raises(InvalidSettings) as refused:
        settings(monkeypatch, **{name: value})
    assert refused.value.message.startswith(f"ORCHESTRATOR_{name.upper()}: ")
    assert "\n" not in refused.value.message


def test_every_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidSettings, match=r"ORCHESTRATOR_PORT: .*; ORCHESTRATOR_CONCURRENCY: "):
        settings(monkeypatch, port="x", concurrency="x")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("secret_key", "hunter2"),
        ("api_token", "hunter2"),
        ("webhook_secret", "hunter2"),
        ("database_url", "postgresql://user:hunter2@host/name"),
        ("broker_url", "redis://:hunter2@host"),
    ],
)
def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    assert "hunter2" not in repr(settings(monkeypatch, **{name: value}))


@pytest.mark.parametrize("name", ["database_url", "broker_url"])
def test_a_url_that_is_refused_is_not_shown(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(InvalidSettings) as refused:
        settings(monkeypatch, **{name: "scheme://:hunter2@host"})
    assert "hunter2" not in refused.value.message


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings().port = 1


def test_keys_are_several_while_they_are_rotated(monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings(monkeypatch, secret_key="new, old", webhook_secret="whsec_b,whsec_a")
    assert read.secret_keys == ("new", "old")
    assert read.webhook_secrets == ("whsec_b", "whsec_a")


def test_without_a_secret_key_one_is_made_and_kept() -> None:
    assert Settings().secret_keys == Settings().secret_keys


def test_the_made_key_encrypts(tmp_path: Path) -> None:
    Fernet(load_or_make_secret_key(tmp_path / "data"))


def test_the_made_key_is_readable_to_its_owner_only(tmp_path: Path) -> None:
    load_or_make_secret_key(tmp_path / "data")
    made = (tmp_path / "data", tmp_path / "data" / "secret_key")
    assert [stat.S_IMODE(path.stat().st_mode) for path in made] == [0o700, 0o600]


def test_those_who_race_get_the_same_key(tmp_path: Path) -> None:
    together = Barrier(8)

    def load(_: int) -> str:
        together.wait()
        return load_or_make_secret_key(tmp_path / "data")

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(load, range(8)))) == 1
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["secret_key"]


def test_a_damaged_key_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "secret_key").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidSettings, match="is damaged: restore it"):
        load_or_make_secret_key(tmp_path)


def test_an_empty_key_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "secret_key").touch()
    with pytest.raises(InvalidSettings, match="is empty: restore it"):
        load_or_make_secret_key(tmp_path)


def test_a_short_folder_has_the_socket_inside() -> None:
    assert embedded_socket(Path("/data")) == Path("/data/broker/valkey.sock")


@pytest.mark.parametrize("folder", ["/" + "long/" * 30, "/my data", "/größe", "/100%", "/a?b#c"])
def test_any_folder_has_a_socket_that_fits_into_a_url(folder: str) -> None:
    socket = str(embedded_socket(Path(folder)))
    assert len(socket) <= LONGEST_SOCKET_PATH
    assert embedded_broker_url(Path(folder)) == f"redis+socket://{socket}?virtual_host=0"


def test_folders_do_not_share_a_socket() -> None:
    assert embedded_socket(Path("/my data")) != embedded_socket(Path("/your data"))


RELAY = "smtp://ann:s%2Fecret@mail.example"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        (RELAY, "smtp://ann:…@mail.example:587"),
        ("smtps://mail.example", "smtps://mail.example:465"),
        ("smtp://127.0.0.1:1025?tls=off", "smtp://127.0.0.1:1025?tls=off"),
        ("smtp://[::1]:25?tls=off", "smtp://[::1]:25?tls=off"),
    ],
)
def test_a_mail_server_is_read_from_its_url(
    monkeypatch: pytest.MonkeyPatch, url: str, shown: str
) -> None:
    read = settings(monkeypatch, smtp_url=url, mail_from="Crews <crews@example.com>")
    assert read.relay is not None
    assert read.relay.shown == shown
    assert not re.search(r"s(/|%2F)ecret", repr(read) + repr(read.relay))


def test_a_password_may_have_any_character(monkeypatch: pytest.MonkeyPatch) -> None:
    read = settings(monkeypatch, smtp_url=RELAY, mail_from="crews@example.com")
    assert read.relay is not None
    assert (read.relay.user, read.relay.password) == ("ann", "s/ecret")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"smtp_url": "http://mail.example"}, "SMTP_URL: has to begin with smtp://"),
        ({"smtp_url": "smtp://mail.example?tls=off"}, "127.0.0.1, ::1 and localhost alone"),
        ({"smtp_url": "smtp://127.evil.example?tls=off"}, "127.0.0.1, ::1 and localhost alone"),
        ({"smtp_url": "smtps://127.0.0.1?tls=off"}, "which is both"),
        ({"smtp_url": "smtp://mail.example?tls=maybe"}, "one thing only"),
        ({"smtp_url": "smtp://ann@mail.example"}, "both user and password"),
        ({"smtp_url": "smtp://ann:s/ecret@mail.example"}, "SMTP_URL: "),
        ({"smtp_url": "smtp://mail.example:70000"}, "is not a URL"),
        ({"mail_from": ""}, "MAIL_FROM: has to be set"),
        ({"mail_from": "crews"}, "MAIL_FROM: has to be an address"),
        ({"mail_from": "a@b.example\r\nBcc: eve@c.example"}, "MAIL_FROM: has to be an address"),
        ({"mail_reply_domain": "x y"}, "MAIL_REPLY_DOMAIN: has to be a domain"),
    ],
)
def test_what_cannot_be_right_of_mails_is_said_without_the_password(
    monkeypatch: pytest.MonkeyPatch, wrong: dict[str, str], says: str
) -> None:
    given = {"smtp_url": RELAY, "mail_from": "crews@example.com", **wrong}
    with pytest.raises(InvalidSettings) as refused:
        settings(monkeypatch, **given)
    assert says in refused.value.message
    assert "ecret" not in refused.value.message
