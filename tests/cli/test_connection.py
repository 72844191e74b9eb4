"""Which service a command speaks to, by what is said, what is here and what was logged in to."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.cli.connection import meant
from orchestrator.cli.profile import Profile, profile_path, write_profile
from orchestrator.errors import InvalidSettings

KEPT = Profile("https://kept.example", "kept")
NAMED = Profile("https://named.example", "given")


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a service, and a home without a profile."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    for name in ("DATA", "DATABASE_URL", "URL", "TOKEN"):
        monkeypatch.delenv(f"ORCHESTRATOR_{name}", raising=False)
    return tmp_path


@pytest.fixture
def logged_in(elsewhere: Path) -> Path:
    write_profile(KEPT)
    return elsewhere


@pytest.fixture
def here(logged_in: Path) -> Path:
    """A folder with a service's data, of somebody who has logged in elsewhere."""
    (logged_in / ".orchestrator").mkdir()
    return logged_in


def test_what_was_logged_in_to_is_meant(logged_in: Path) -> None:
    assert meant(None, None, None) == KEPT
    assert profile_path().stat().st_mode & 0o777 == 0o600


def test_a_given_token_takes_the_place_of_the_kept_one(logged_in: Path) -> None:
    assert meant(None, "given", None) == Profile(KEPT.url, "given")


def test_what_is_here_goes_before_a_login(here: Path) -> None:
    assert meant(None, None, None) is None


def test_a_url_goes_before_what_is_here(here: Path) -> None:
    assert meant(NAMED.url, NAMED.token, None) == NAMED


@pytest.mark.parametrize(
    "url", ["crews.example", "http://[::1", "http://a..b", "http://:80", "http://a:b", "https://"]
)
def test_a_url_that_is_none_is_refused(elsewhere: Path, url: str) -> None:
    with pytest.raises(InvalidSettings, match="is no URL"):
        meant(url, "given", None)


@pytest.mark.parametrize("url", ["http://[::1]:8000", "https://bücher.example", "http://a.b./c"])
def test_a_url_of_any_form_is_taken(elsewhere: Path, url: str) -> None:
    assert meant(url, "given", None) == Profile(url, "given")


def test_a_url_that_was_logged_in_to_needs_no_token(here: Path) -> None:
    assert meant(f"{KEPT.url}/", None, None) == KEPT


@pytest.mark.parametrize(
    ("url", "token", "data", "said"),
    [
        (NAMED.url, None, None, "--url needs a token"),
        (NAMED.url, "given", Path("data"), "not both"),
        (None, "given", None, "needs --url"),
        (None, "given", Path("data"), "needs --url"),
        ("named.example", "given", None, "no URL"),
        (NAMED.url, "t\u00f6ken", None, "characters that no token has"),
        (NAMED.url, "a\nb", None, "characters that no token has"),
    ],
)
def test_what_says_two_things_or_none_is_refused(
    here: Path, url: str | None, token: str | None, data: Path | None, said: str
) -> None:
    with pytest.raises(InvalidSettings, match=said):
        meant(url, token, data)


def test_nothing_is_meant_where_there_is_nothing(elsewhere: Path) -> None:
    with pytest.raises(InvalidSettings, match="There is no service here"):
        meant(None, None, None)
