"""What a person wrote in a reply, without what the mail client quoted and added.

Each line is looked at a bounded number of times, so the work grows with the text and no faster.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from orchestrator.domain.mail_reply.phrases import (
    DEVICES,
    FROM,
    LABELS,
    OPENERS,
    ORIGINAL,
    SIGNATURES,
    WROTE,
)
from orchestrator.domain.mail_text import DELIMITER

LONGEST_TEXT = 32 * 1024
"""Characters of a mail's text that are looked at; a person's answer stands at its beginning."""

_ATTRIBUTION_LINES = 4
_HEADER_LINES = 8
_HEADERS_AT_LEAST = 3
_LONGEST_SIGNATURE = 120
_OUTLOOKS_RULE = 30
"""Underscores. Outlook writes 32 above what it quotes."""
_WRAPPED_FROM = 66
"""Characters from which on a quoted line may go on in the next, where a client wrapped it."""

_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
_COLONS = (":", "\uff1a")
_INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060\u00ad\x00"))
_TIME = re.compile(r"\d[:.h]\d\d|\d年")
_DELIMITER = DELIMITER.strip(f"{_DASHES} ").casefold()


def spoken(text: str) -> str:
    """What the person wrote, at the top or between quotes; empty where all of it is quoted."""
    return "\n\n".join(filter(None, _Parts(_lines(text)).read()))


def _lines(text: str) -> list[str]:
    plain = unicodedata.normalize("NFC", text[:LONGEST_TEXT].translate(_INVISIBLE))
    plain = plain.replace("\r\n", "\n").replace("\r", "\n").replace("\u00a0", " ")
    return plain.split("\n")


class _Parts:
    """Reads the lines once, from the top; what stands between two quotes is a part."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines
        self._parts: list[str] = []
        self._part: list[str] = []
        self._signs = False

    def read(self) -> list[str]:
        """The parts, each as it is meant."""
        at = 0
        while at < len(self._lines):
            line = self._lines[at]
            if _is_quoted(line) or self._wraps_a_quote(at):
                self._end_part()
                at += 1
            elif introduced := _attribution(self._lines, at):
                self._end_part()
                at += introduced
                if not self._goes_on_quoted(at):
                    return self._parts
            elif _begins_quote(line) or _is_header_block(self._lines, at):
                break
            else:
                self._keep(line)
                at += 1
        self._end_part(quoted=at < len(self._lines))
        return self._parts

    def _keep(self, line: str) -> None:
        """A line ``-- `` begins a signature, which goes on until the next quote."""
        self._signs = self._signs or line.strip() == "--"
        if not self._signs:
            self._part.append(line)

    def _end_part(self, *, quoted: bool = True) -> None:
        part = self._part
        if quoted and not self._signs:
            _drop_attribution(part)
        _drop_added_end(part)
        if said := _tidy(part):
            self._parts.append(said)
        self._part, self._signs = [], False

    def _goes_on_quoted(self, at: int) -> bool:
        """Whether the quote that begins here has marks, so that its end can be seen."""
        following = next((line for line in self._lines[at : at + 4] if line.strip()), "")
        return _is_quoted(following)

    def _wraps_a_quote(self, at: int) -> bool:
        """Whether a client broke a quoted line in two, and marked the first half only."""
        if not 0 < at < len(self._lines) - 1:
            return False
        before, line, after = self._lines[at - 1 : at + 2]
        return (
            _is_quoted(before)
            and len(before) >= _WRAPPED_FROM
            and line[:1].islower()
            and _is_quoted(after)
        )


def _is_quoted(line: str) -> bool:
    return line.lstrip().startswith(">")


def _begins_quote(line: str) -> bool:
    """Whether all from here on is quoted: our delimiter, or a client's own."""
    bare = line.strip().strip("*").strip()
    if len(bare) >= _OUTLOOKS_RULE and not bare.strip("_"):
        return True
    if _DELIMITER in " ".join(bare.casefold().split()):
        return True
    if bare.casefold().startswith("begin forwarded message"):
        return True
    dashes = len(bare) - len(bare.lstrip(_DASHES))
    return dashes > 1 and bare.strip(f"{_DASHES} :").casefold() in ORIGINAL


def _attribution(lines: Sequence[str], at: int) -> int:
    """How many lines from here on say who wrote what is quoted below them; 0 for none."""
    first = lines[at].strip()
    if not first:
        return 0
    most = _ATTRIBUTION_LINES if first.casefold().startswith(OPENERS) else 1
    joined = ""
    for count, line in enumerate(lines[at : at + most], 1):
        bare = line.strip()
        if not bare or _is_quoted(bare):
            return 0
        joined = f"{joined} {bare}".strip()
        if bare.endswith(_COLONS) or _goes_on_behind_it(bare):
            return count if _says_who_wrote(joined) else 0
    return 0


def _goes_on_behind_it(bare: str) -> bool:
    """Whether the quote begins in the same line, as Yahoo's on telephones does."""
    before, sign, _ = bare.partition(">")
    return bool(sign) and "@" in before and f"{WROTE[0]}:" in bare


def _says_who_wrote(joined: str) -> bool:
    if not (_TIME.search(joined) or "@" in joined):
        return False
    said = joined.casefold()
    dated = joined[:4].isdigit() and "@" in joined
    return dated or any(verb in said for verb in WROTE)


def _is_header_block(lines: Sequence[str], at: int) -> bool:
    """Whether From, Sent, To and Subject stand here, in whatever language."""
    if _label(lines[at]) is None:
        return False
    some = [line for line in lines[at : at + 2 * _HEADER_LINES] if line.strip()][:_HEADER_LINES]
    found = {_label(line) for line in some} - {None}
    return FROM in found and len(found) >= _HEADERS_AT_LEAST


def _label(line: str) -> str | None:
    bare = line.strip()[:_LONGEST_SIGNATURE].replace("\uff1a", ":")
    label, colon, _ = bare.partition(":")
    return LABELS.get(label.strip(" *").casefold()) if colon else None


def _drop_attribution(part: list[str]) -> None:
    """Take away the line above a quote that says who wrote it, in a language that is not known."""
    end = len(part)
    while end and not part[end - 1].strip():
        end -= 1
    if not end or not part[end - 1].strip().endswith(_COLONS):
        return
    begin = end - 1
    while begin and part[begin - 1].strip() and end - begin < _ATTRIBUTION_LINES:
        begin -= 1
    for start in (end - 1, begin):
        joined = " ".join(part[start:end])
        if "@" in joined and any(map(str.isdigit, joined)):
            del part[start:]
            return


def _drop_added_end(part: list[str]) -> None:
    """Take away the rules and the lines that telephones add, from the end."""
    while part and (not part[-1].strip() or _is_added(part[-1].strip())):
        part.pop()


def _is_added(bare: str) -> bool:
    if len(bare) > 1 and not bare.strip(f"{_DASHES}_=*"):
        return True
    said = bare.partition("<http")[0].casefold().replace("[", "").replace("]", "").strip("*_ ")
    return (
        len(said) <= _LONGEST_SIGNATURE
        and said.startswith(SIGNATURES)
        and any(device in said for device in DEVICES)
    )


def _tidy(part: Sequence[str]) -> str:
    """Without space at the ends of lines, and with one empty line where there are several."""
    lines: list[str] = []
    for line in part:
        bare = line.rstrip()
        if bare or (lines and lines[-1]):
            lines.append(bare)
    return "\n".join(lines).strip()
