"""The text of a mail that is only HTML, without what clients mark as quoted.

One look at each character: parsers that build a tree, and the standard library's, take time that
grows with the square of what a hostile mail has (100,000 nested ``<div>``: half a minute).
"""

from __future__ import annotations

import re
from html import unescape

MOST_HTML = 512 * 1024
"""Characters that are looked at: Outlook writes some 50,000 of styles before the first word."""

_LONGEST_TAG = 2000
_NAME = re.compile(r"/*([^\s/]*).*", re.DOTALL)
_NAMES = re.compile(r"""(?<![\w-])(?:class|id)\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+)""", re.IGNORECASE)

_GONE = frozenset({"head", "style", "script", "title", "template", "blockquote", "svg"})
_GONE_NAMES = frozenset(
    {
        "gmail_attr",
        "gmail_signature",
        "yahoo_quoted",
        "protonmail_quote",
        "protonmail_signature_block",
        "moz-cite-prefix",
        "moz-signature",
        "moz-forward-container",
        "ms-outlook-mobile-signature",
        "signature",
        "applemailsignature",
        "composer_signature",
        "linebreakatbeginningofsignature",
    }
)
"""Classes and ids of what clients mark as quoted, or add."""

_ENDS = frozenset(
    {
        "appendonsend",
        "divrplyfwdmsg",
        "mail-editor-reference-message-container",
        "ms-outlook-mobile-reference-message",
        "olk_src_body_section",
        "stopspelling",
        "zwchr",
        "isreplycontent",
    }
)
"""The same of what stands where a quote begins that goes on to the end."""

_GMAIL = frozenset({"gmail_quote", "gmail_quote_container"})
_VOID = frozenset(
    "area base br col embed hr img input link meta source track wbr".split()  # noqa: SIM905
)
_BLOCKS = frozenset(
    "address article aside body center dd div dl dt footer form h1 h2 h3 h4 h5 h6 "  # noqa: SIM905
    "header hr li main nav ol p pre section table tr ul".split()
)
_SPACED = frozenset({"h1", "h2", "h3", "h4", "h5", "h6", "ol", "p", "table", "ul"})


def text_of(html: str) -> str:
    """The text as it would be seen, in lines; empty for what has none."""
    return _Scan(html[:MOST_HTML]).text()


class _Scan:
    """Goes through the tags once; what is between them is text, unless an element is left out."""

    def __init__(self, html: str) -> None:
        self._html = html
        self._last_blockquote = html.casefold().rfind("<blockquote")
        self._left_out = ""
        self._depth = 0
        self._is_tight = False  # Outlook has a paragraph for each line
        self._lines: list[str] = []
        self._line: list[str] = []

    def text(self) -> str:
        """All lines."""
        at = 0
        while at < len(self._html):
            begin = self._html.find("<", at)
            self._say(self._html[at : begin if begin >= 0 else None])
            if begin < 0:
                break
            at = self._after_tag(begin)
        self._break()
        return "\n".join(self._lines).strip()

    def _after_tag(self, begin: int) -> int:
        """See to what begins here; returns where the text goes on."""
        html = self._html
        if html.startswith("<!--", begin):
            end = html.find("-->", begin + 4)
            return end + 3 if end >= 0 else len(html)
        if not (html[begin + 1 : begin + 2].isalpha() or html[begin + 1 : begin + 2] in "/!?"):
            self._say("<")
            return begin + 1
        end = html.find(">", begin)
        if end < 0:
            return len(html)
        goes_on = self._tag(html[begin + 1 : min(end, begin + _LONGEST_TAG)], begin)
        return end + 1 if goes_on else len(html)

    def _tag(self, tag: str, at: int) -> bool:
        """False where all that follows is quoted."""
        closes = tag.startswith("/")
        name = _NAME.sub(r"\1", tag).casefold()
        if self._left_out:
            self._depth += 0 if name != self._left_out else -1 if closes else 1
            self._left_out = self._left_out if self._depth else ""
            return True
        names = frozenset() if closes else _names(tag)
        if names & _ENDS or (names & _GMAIL and at > self._last_blockquote):
            return False
        if not closes and name not in _VOID and (name in _GONE or names & _GONE_NAMES):
            self._left_out, self._depth = name, 1
        if name == "p" and not closes:
            self._is_tight = "msonormal" in names
        self._lay_out(name, closes=closes)
        return True

    def _lay_out(self, name: str, *, closes: bool) -> None:
        if name == "br":
            self._lines.append(self._taken())
        elif name in ("td", "th"):
            self._line.append(" ")
        elif name in _BLOCKS:
            has_words = self._break()
            is_tight = name == "p" and self._is_tight and has_words
            if closes and name in _SPACED and not is_tight:
                self._lines.append("")
            elif name == "li" and not closes:
                self._line.append("- ")

    def _say(self, text: str) -> None:
        if text and not self._left_out:
            begins, ends = text[0].isspace(), text[-1].isspace()
            words = " ".join(unescape(text).split())
            self._line.append(f"{' ' if begins else ''}{words}{' ' if ends else ''}")

    def _break(self) -> bool:
        """End the line; False where there was nothing in it."""
        line = self._taken()
        if line:
            self._lines.append(line)
        return bool(line)

    def _taken(self) -> str:
        line = " ".join("".join(self._line).split())
        self._line = []
        return line


def _names(tag: str) -> frozenset[str]:
    """The classes and the id of a tag; Outlook puts ``x_`` before those that it takes over."""
    found = " ".join(match[1].strip("\"'") for match in _NAMES.finditer(tag))
    return frozenset(name.removeprefix("x_") for name in found.casefold().split())
