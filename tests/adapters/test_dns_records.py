"""DNS, asked of a real server on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from name_server import name_server

from orchestrator.adapters.dns_records import DnsRecords
from orchestrator.errors import CannotLookUp


@pytest.fixture
def records() -> Iterator[DnsRecords]:
    with name_server() as resolver:
        yield DnsRecords(resolver)


def test_a_name_has_its_records(records: DnsRecords) -> None:
    assert sorted(records.look_up("example.com", "TXT")) == ["other", "v=spf1 -all"]
    assert records.look_up("example.com", "MX") == ("10 mx.example.",)


@pytest.mark.parametrize(("name", "kind"), [("example.com", "A"), ("nowhere.example", "MX")])
def test_what_is_not_there_is_nothing(records: DnsRecords, name: str, kind: str) -> None:
    assert records.look_up(name, kind) == ()


def test_a_server_that_fails_says_nothing_of_the_name(records: DnsRecords) -> None:
    with pytest.raises(CannotLookUp, match="TXT records broken"):
        records.look_up("broken.example", "TXT")
