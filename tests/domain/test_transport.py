"""An address as a URL, and back."""

from __future__ import annotations

import pytest

from orchestrator.domain.transport import Transport, mail_address, mail_url, transport_of


@pytest.mark.parametrize("address", ["ann@example.com", "mailto:ann@example.com", "ann@mailto:"])
def test_an_address_is_the_same_after_it_was_an_endpoint(address: str) -> None:
    assert mail_address(mail_url(address)) == address


def test_mails_go_to_a_url_of_their_own_kind() -> None:
    assert mail_url("ann@example.com") == "mailto:ann@example.com"
    assert transport_of(mail_url("ann@example.com")) is Transport.MAIL
