"""What DNS lacks for mails to arrive, and what to write there."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from orchestrator.errors import CannotLookUp
from orchestrator.usecases.operations.mail_domains import examine_domains

Zone = Mapping[tuple[str, str], tuple[str, ...]]

SOUND: Zone = {
    ("example.com", "TXT"): ("google-site-verification=x", "v=spf1 include:_spf.example -all"),
    ("example.com", "MX"): ("10 mx.example.",),
    ("_dmarc.example.com", "TXT"): ("v=DMARC1; p=reject",),
    ("key._domainkey.example.com", "TXT"): ("v=DKIM1; k=rsa; p=MIGf",),
    ("replies.example.com", "MX"): ("10 mx.example.",),
}


class Records:
    def __init__(self, zone: Zone) -> None:
        self._zone = zone

    def look_up(self, name: str, kind: str) -> tuple[str, ...]:
        found = self._zone.get((name, kind), ())
        if found == ("away",):
            raise CannotLookUp(name, kind, "Timeout")
        return found


def wrong(zone: Zone, selector: str | None = "key") -> dict[str, str]:
    found = examine_domains(Records(zone), "example.com", "replies.example.com", selector)
    return {finding.check: str(finding.mend) for finding in found if finding.is_wrong}


def test_a_sound_domain_lacks_nothing() -> None:
    assert wrong(SOUND) == {}


@pytest.mark.parametrize(
    ("name", "kind", "instead", "check", "mend"),
    [
        ("example.com", "TXT", (), "spf", "v=spf1 include:"),
        ("example.com", "TXT", ("v=spf10 -all",), "spf", "v=spf1 include:"),
        ("example.com", "TXT", ("v=spf1 -all", "v=spf1 ~all"), "spf", "one TXT record"),
        ("example.com", "TXT", ("v=spf1 mx +all",), "spf", "end with -all"),
        ("example.com", "TXT", ("away",), "spf", "can resolve names"),
        ("_dmarc.example.com", "TXT", ("v=spf1",), "dmarc", "v=DMARC1; p=none"),
        ("key._domainkey.example.com", "TXT", (), "dkim", "at key._domainkey.example.com"),
        ("key._domainkey.example.com", "TXT", ("v=DKIM1; p=",), "dkim", "p=THE-KEY"),
        ("example.com", "MX", (), "bounces", "MX record at example.com"),
        ("replies.example.com", "MX", ("0 .",), "replies", "MX record at replies.example.com"),
    ],
)
def test_what_is_missing_is_said_with_what_to_write(
    name: str, kind: str, instead: tuple[str, ...], check: str, mend: str
) -> None:
    found = wrong({**SOUND, (name, kind): instead})
    assert found.keys() == {check}
    assert mend in found[check]


def test_a_key_that_nobody_named_is_not_looked_for() -> None:
    without = {key: value for key, value in SOUND.items() if "_domainkey" not in key[0]}
    assert wrong(without, None) == {}
