"""Which addresses belong to the public internet, and which never to send to.

The networks are those of IANA's special-purpose address registries, and the addresses under which
clouds give their machines credentials. They stand here, rather than relying on ``ipaddress`` alone,
because its idea of what is global changed between patch releases of Python; it has its say too.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_FORBIDDEN: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(network), why)
    for network, why in (
        ("168.63.129.16/32", "cloud metadata"),
        ("169.254.169.254/32", "cloud metadata"),
        ("100.100.100.200/32", "cloud metadata"),
        ("fd00:ec2::254/128", "cloud metadata"),
        ("fd20:ce::254/128", "cloud metadata"),
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "shared address space"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.52.193.0/24", "multicast tunnels"),
        ("192.88.99.0/24", "6to4"),
        ("192.168.0.0/16", "private"),
        ("192.175.48.0/24", "AS112"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", "IPv4 inside IPv6"),
        ("::ffff:0:0/96", "IPv4 inside IPv6"),
        ("::ffff:0:0:0/96", "IPv4 inside IPv6"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "protocol assignments"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("2620:4f:8000::/48", "AS112"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)

_GLOBAL_UNICAST = IPv6Network("2000::/3")

# The last 32 bits are the IPv4 address that is reached. The compatible form shares its network with
# the loopback and the unspecified address, which are none.
_CARRIES_IPV4 = (
    IPv6Network("::ffff:0:0/96"),
    IPv6Network("::/96"),
    IPv6Network("64:ff9b::/96"),
)
_NO_IPV4 = (IPv6Address("::"), IPv6Address("::1"))


def inner(address: Address) -> Address:
    """The IPv4 address inside a mapped, compatible or NAT64 one; any other address itself."""
    if address.version == 4 or address in _NO_IPV4:  # noqa: PLR2004 - IPv4 is what it is called
        return address
    if any(address in network for network in _CARRIES_IPV4):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def objection(address: Address) -> str | None:
    """Why nothing may be sent to the address, in a word or two; None for a public one."""
    for network, why in _FORBIDDEN:
        if address in network:
            return why
    if isinstance(address, IPv6Address) and _is_isatap(address):
        return "IPv4 inside IPv6"
    return None if _is_global(address) else "reserved"


def _is_isatap(address: IPv6Address) -> bool:
    """Whether the interface's half is ``[02]00:5efe`` and an IPv4 address (RFC 5214)."""
    return (int(address) >> 32) & 0xFDFFFFFF == 0x00005EFE  # noqa: PLR2004 - the form's own mark


def _is_global(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    return address.is_global and not address.is_multicast
