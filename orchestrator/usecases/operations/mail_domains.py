"""Say what DNS has to tell others of the domains of our mails, so that they arrive."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.errors import CannotLookUp
from orchestrator.ports import DomainRecords
from orchestrator.usecases.operations.finding import Finding

_ALLOWS_ALL = {"all", "+all", "?all"}


def examine_domains(
    records: DomainRecords, sender: str, reply_domain: str | None, selector: str | None
) -> Iterator[Finding]:
    """Check the sender's domain and that of replies.

    ``selector`` names the DKIM key that the mail server signs with: DNS lists none.
    """
    yield from _asked("spf", _spf(records, sender))
    yield from _asked("dmarc", _dmarc(records, sender))
    yield from _asked("bounces", _bounces(records, sender))
    yield from _asked("dkim", _dkim(records, sender, selector))
    if reply_domain is not None:
        yield from _asked("replies", _replies(records, reply_domain))


def _asked(check: str, found: Iterator[Finding]) -> Iterator[Finding]:
    try:
        yield from found
    except CannotLookUp as error:
        mend = "See that this machine can resolve names, then try again"
        yield Finding(check, error.message.rstrip("."), mend)


def _spf(records: DomainRecords, domain: str) -> Iterator[Finding]:
    found = [text for text in records.look_up(domain, "TXT") if _is(text, "v=spf1")]
    publish = f"Publish one TXT record at {domain}: v=spf1 include:YOUR-MAIL-PROVIDER -all"
    if len(found) != 1:
        says = f"{domain} has {len(found) or 'no'} SPF record{'s' * (len(found) > 1)}"
        yield Finding("spf", says, publish)
        return
    lax = _ALLOWS_ALL.intersection(found[0].lower().split())
    mend = "Have it end with -all or ~all: as it is, anybody may send in your name" if lax else None
    yield Finding("spf", f"{domain} says {found[0]}", mend)


def _dkim(records: DomainRecords, domain: str, selector: str | None) -> Iterator[Finding]:
    if selector is None:
        says = "not looked at: name the key that your mail server signs with, by --selector"
        yield Finding("dkim", says)
        return
    name = f"{selector}._domainkey.{domain}"
    tags = [_tags(text) for text in records.look_up(name, "TXT")]
    if any(each.get("p") for each in tags):
        yield Finding("dkim", f"{name} has a key")
        return
    mend = f"Publish the TXT record that your mail server names, at {name}: v=DKIM1; p=THE-KEY"
    yield Finding("dkim", f"{name} has no key", mend)


def _dmarc(records: DomainRecords, domain: str) -> Iterator[Finding]:
    name = f"_dmarc.{domain}"
    found = [text for text in records.look_up(name, "TXT") if _is(text, "v=dmarc1")]
    if found:
        yield Finding("dmarc", f"{name} says {found[0]}")
        return
    mend = f"Publish a TXT record at {name}: v=DMARC1; p=none; rua=mailto:postmaster@{domain}"
    yield Finding("dmarc", f"{name} says nothing", mend)


def _bounces(records: DomainRecords, domain: str) -> Iterator[Finding]:
    """What cannot be delivered comes back to the sender's address."""
    yield _mail_exchange("bounces", records, domain, "YOUR-MAIL-SERVER")


def _replies(records: DomainRecords, domain: str) -> Iterator[Finding]:
    yield _mail_exchange("replies", records, domain, "THE-SERVER-THAT-HANDS-REPLIES-ON")


def _mail_exchange(check: str, records: DomainRecords, domain: str, target: str) -> Finding:
    found = [text for text in records.look_up(domain, "MX") if text.split()[-1] != "."]
    if found:
        return Finding(check, f"mails to {domain} go to {', '.join(sorted(found))}")
    mend = f"Publish an MX record at {domain}: 10 {target}."
    return Finding(check, f"{domain} takes no mails", mend)


def _is(text: str, version: str) -> bool:
    """Whether a TXT record is of that kind: its first word, or tag, says so."""
    return text.lower().replace(";", " ").split()[:1] == [version]


def _tags(text: str) -> dict[str, str]:
    pairs = (part.partition("=") for part in text.split(";"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
