"""What DNS lacks for mails to arrive, and what to write there."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from orchestrator.errors import CannotLookUp
from orchestrator.usecases.operations.finding import Finding
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


def found(zone: Zone, selector: str | None = "key") -> list[Finding]:
    return list(examine_domains(Records(zone), "example.com", "replies.example.com", selector))


SAID = [
    Finding("spf", "example.com says v=spf1 include:_spf.example -all"),
    Finding("dmarc", "_dmarc.example.com says v=DMARC1; p=reject"),
    Finding("bounces", "mails to example.com go to 10 mx.example."),
    Finding("dkim", "key._domainkey.example.com has a key"),
    Finding("replies", "mails to replies.example.com go to 10 mx.example."),
]


def test_a_sound_domain_lacks_nothing() -> None:
    assert found(SOUND) == SAID


def test_where_no_replies_are_taken_nothing_is_said_of_them() -> None:
    assert list(examine_domains(Records(SOUND), "example.com", None, "key")) == SAID[:-1]


SPF = "Publish one TXT record at example.com: v=spf1 include:YOUR-MAIL-PROVIDER -all"
LAX = "Have it end with -all or ~all: as it is, anybody may send in your name"
DMARC = (
    "Publish a TXT record at _dmarc.example.com: "
    "v=DMARC1; p=none; rua=mailto:postmaster@example.com"
)
KEY = "key._domainkey.example.com"
DKIM = f"Publish the TXT record that your mail server names, at {KEY}: v=DKIM1; p=THE-KEY"
RESOLVE = "See that this machine can resolve names, then try again"


@pytest.mark.parametrize(
    ("name", "kind", "instead", "finding"),
    [
        ("example.com", "TXT", (), ("spf", "example.com has no SPF record", SPF)),
        ("example.com", "TXT", ("v=spf10 -all",), ("spf", "example.com has no SPF record", SPF)),
        (
            "example.com",
            "TXT",
            ("v=spf1 -all", "v=spf1 ~all"),
            ("spf", "example.com has 2 SPF records", SPF),
        ),
        (
            "example.com",
            "TXT",
            ("v=spf1 MX +ALL",),
            ("spf", "example.com says v=spf1 MX +ALL", LAX),
        ),
        ("example.com", "TXT", ("v=spf1 ?all",), ("spf", "example.com says v=spf1 ?all", LAX)),
        ("example.com", "TXT", ("v=spf1 all",), ("spf", "example.com says v=spf1 all", LAX)),
        (
            "_dmarc.example.com",
            "TXT",
            ("v=spf1",),
            ("dmarc", "_dmarc.example.com says nothing", DMARC),
        ),
        (KEY, "TXT", (), ("dkim", f"{KEY} has no key", DKIM)),
        (KEY, "TXT", ("v=DKIM1; p= ",), ("dkim", f"{KEY} has no key", DKIM)),
        (
            "example.com",
            "MX",
            (),
            (
                "bounces",
                "example.com takes no mails",
                "Publish an MX record at example.com: 10 YOUR-MAIL-SERVER.",
            ),
        ),
        (
            "replies.example.com",
            "MX",
            ("0 .",),
            (
                "replies",
                "replies.example.com takes no mails",
                "Publish an MX record at replies.example.com: 10 THE-SERVER-THAT-HANDS-REPLIES-ON.",
            ),
        ),
    ],
)
def test_what_is_missing_is_said_with_what_to_write(
    name: str, kind: str, instead: tuple[str, ...], finding: tuple[str, str, str]
) -> None:
    expected = Finding(*finding)
    assert found({**SOUND, (name, kind): instead}) == [
        expected if each.check == expected.check else each for each in SAID
    ]


@pytest.mark.parametrize(
    ("name", "kind", "check"),
    [
        ("example.com", "TXT", "spf"),
        ("_dmarc.example.com", "TXT", "dmarc"),
        ("example.com", "MX", "bounces"),
        (KEY, "TXT", "dkim"),
        ("replies.example.com", "MX", "replies"),
    ],
)
def test_a_dns_that_does_not_answer_keeps_no_other_check_back(
    name: str, kind: str, check: str
) -> None:
    silent = found({**SOUND, (name, kind): ("away",)})
    assert [each for each in silent if each.check != check] == [
        each for each in SAID if each.check != check
    ]
    (expected,) = (each for each in silent if each.check == check)
    why = CannotLookUp(name, kind, "Timeout").message
    assert (f"{expected.says}.", expected.mend) == (why, RESOLVE)


@pytest.mark.parametrize(
    ("name", "kind", "instead"),
    [
        ("example.com", "TXT", ("V=SPF1 -all",)),
        ("example.com", "TXT", ("v=spf1 ~all",)),
        ("_dmarc.example.com", "TXT", ("v=DMARC1;p=none",)),
        (KEY, "TXT", ("k=rsa; P = MIGf",)),
        (KEY, "TXT", ("v=DKIM1; p=", "v=DKIM1; p=M=")),
    ],
)
def test_records_may_be_written_in_other_ways(
    name: str, kind: str, instead: tuple[str, ...]
) -> None:
    assert [each for each in found({**SOUND, (name, kind): instead}) if each.is_wrong] == []


def test_all_servers_of_a_domain_are_named_in_order() -> None:
    servers = found({**SOUND, ("example.com", "MX"): ("20 b.example.", "10 a.example.")})
    assert servers[2].says == "mails to example.com go to 10 a.example., 20 b.example."


def test_a_key_that_nobody_named_is_not_looked_for() -> None:
    without = {key: value for key, value in SOUND.items() if "_domainkey" not in key[0]}
    says = "not looked at: name the key that your mail server signs with, by --selector"
    assert found(without, None)[3] == Finding("dkim", says)
