"""URLs that lead inward, in every notation that a parser or a resolver may read."""

from __future__ import annotations

import pytest

ATTACKS = """
    http://127.0.0.1/                         loopback
    http://127.255.255.254/                   the far end of the loopback
    http://127.0.0.1./                        with the root's dot
    http://127.1/                             short
    http://127.0.1/                           shorter than usual
    http://2130706433/                        decimal
    http://017700000001/                      octal
    http://0177.0.0.1/                        octal in its first part
    http://0177.0.0.01/                       octal in two parts
    http://0x7f000001/                        hexadecimal
    http://0x7F.0.0.1/                        hexadecimal in one part, capitals
    http://0x7f.0x0.0x0.0x1/                  hexadecimal in every part
    http://0x7f.1/                            hexadecimal and short
    http://0177.0x0.1/                        mixed
    http://00000177.0.0.1/                    octal with leading zeros
    http://4294967296/                        more than an address holds
    http://256.256.256.256/                   no address at all
    http://1.2.3.4.5/                         too many parts
    http://08.8.8.8/                          bad octal
    http://\u2460\u2461\u2466.\u24ea.\u24ea.\u2460/   circled digits
    http://127\u30020\u30020\u30021/          ideographic full stops
    http://\uff11\uff12\uff17.0.0.1/          full-width digits
    http://0/                                 this host, short
    http://0.0.0.0/                           this host
    http://0.1.2.3/                           this network
    http://10.0.0.1/                          private
    http://172.16.0.1/                        private
    http://172.31.255.255/                    the far end of it
    http://192.168.1.1/                       private
    http://100.64.0.1/                        carrier's own
    http://100.127.255.254/                   the far end of it
    http://169.254.1.1/                       link-local
    http://169.254.169.254/latest/meta-data/  metadata of most clouds
    http://2852039166/                        the same in decimal
    http://0xa9fea9fe/                        the same in hexadecimal
    http://0251.0376.0251.0376/               the same in octal
    http://168.63.129.16/                     metadata of Azure
    http://100.100.100.200/                   metadata of Alibaba
    http://192.0.0.192/                       metadata of Oracle
    http://192.0.2.1/                         documentation
    http://198.51.100.1/                      documentation
    http://203.0.113.1/                       documentation
    http://198.18.0.1/                        benchmarking
    http://192.88.99.1/                       relay of 6to4
    http://224.0.0.1/                         multicast
    http://239.255.255.250/                   multicast
    http://240.0.0.1/                         reserved
    http://255.255.255.255/                   broadcast
    http://[::]/                              unspecified
    http://[::1]/                             loopback
    http://[0:0:0:0:0:0:0:1]/                 loopback in full
    http://[::127.0.0.1]/                     compatible
    http://[::7f00:1]/                        compatible, in hexadecimal
    http://[::ffff:127.0.0.1]/                mapped
    http://[::ffff:7f00:1]/                   mapped, in hexadecimal
    http://[::FFFF:169.254.169.254]/          mapped metadata
    http://[0:0:0:0:0:ffff:10.0.0.1]/         mapped in full
    http://[::ffff:8.8.8.8]/                  mapped, though public inside
    http://[::ffff:0:127.0.0.1]/              translated
    http://[64:ff9b::127.0.0.1]/              NAT64
    http://[64:ff9b::a9fe:a9fe]/              NAT64 of the metadata
    http://[64:ff9b:1::a00:1]/                NAT64 of a network's own
    http://[2002:7f00:1::]/                   6to4
    http://[2002:a9fe:a9fe::1]/               6to4 of the metadata
    http://[2001:0:4136:e378:8000:63bf:3fff:fdd2]/  Teredo
    http://[2001:20::1]/                      ORCHID
    http://[2001:db8::1]/                     documentation
    http://[3fff::1]/                         documentation
    http://[fc00::1]/                         private
    http://[fd12:3456:789a::1]/               private
    http://[fd00:ec2::254]/                   metadata of AWS
    http://[fd20:ce::254]/                    metadata of Google
    http://[fe80::1]/                         link-local
    http://[fe80::1%25eth0]/                  link-local with its zone
    http://[fec0::1]/                         site-local
    http://[ff02::1]/                         multicast
    http://[100::1]/                          discard
    http://[4000::1]/                         not given out
    http://[2606:4700::5efe:7f00:1]/          ISATAP
    http://[2606:4700::0200:5efe:a00:1]/      ISATAP, the other form
    http://[2606:4700::1%25lo]/               public with a zone
    http://user@93.184.216.34/                user in the URL
    http://user:password@example.org/         credentials in the URL
    http://@example.org/                      empty user
    http://example.org@127.0.0.1/             a host that is a user
    http://example.org\\@127.0.0.1/           parsers disagree on backslashes
    http://127.0.0.1\\.example.org/           the same the other way round
    http://example.org:80\\@127.0.0.1/        and with a port
    http://%31%32%37.0.0.1/                   percent-encoded
    http://exa%00mple.org/                    an encoded zero
    http://*.example.org/                     a wildcard
    http://-example.org/                      no host name
    http://exam..ple.org/                     an empty label
    http:///hook                              no host
    http://:80/                               no host but a port
    http://example.org:65536/                 no such port
    http://example.org:1e3/                   no number
    ftp://example.org/                        another scheme
    file:///etc/passwd                        a file
    gopher://127.0.0.1:6379/_FLUSHALL         Redis by gopher
    dict://127.0.0.1:11211/                   memcached
    httpx://example.org/                      almost http
    unix:///run/docker.sock                   a socket
    http+unix://%2Frun%2Fdocker.sock/         a socket, as requests-unixsocket has it
    //127.0.0.1/                              no scheme
    example.org                               no URL
    javascript:alert(1)                       not for machines
"""


def urls(listed: str) -> list[str]:
    """The URLs of a list."""
    return [line.split()[0] for line in listed.strip().splitlines()]


def table(listed: str) -> list[object]:
    """The URLs of a list as parameters of a test, with what each is."""
    rows = (line.split(maxsplit=1) for line in listed.strip().splitlines())
    return [pytest.param(url, id=f"{number}: {what}") for number, (url, what) in enumerate(rows, 1)]
