"""What DNS says of a domain."""

from __future__ import annotations

from dns.exception import DNSException
from dns.resolver import NXDOMAIN, NoAnswer, Resolver

from orchestrator.errors import CannotLookUp

SECONDS_TO_ANSWER = 5.0


class DnsRecords:
    """Keeps ``ports.DomainRecords``, by the resolver of this machine or another one."""

    def __init__(self, resolver: Resolver | None = None) -> None:
        self._resolver = resolver or Resolver()

    def look_up(self, name: str, kind: str) -> tuple[str, ...]:
        """The records of that kind. Raises CannotLookUp."""
        try:
            found = self._resolver.resolve(name, kind, lifetime=SECONDS_TO_ANSWER)
        except (NXDOMAIN, NoAnswer):
            return ()
        except (DNSException, OSError) as error:
            raise CannotLookUp(name, kind, type(error).__name__) from error
        if kind == "TXT":
            return tuple(b"".join(each.strings).decode(errors="replace") for each in found)
        return tuple(each.to_text() for each in found)
