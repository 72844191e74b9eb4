"""The lines that the documents tell a reader to type at a shell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = sorted({*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*.md")})

_CONSOLE = re.compile(r"^ *```console\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
_ANY_FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"((?:^ {4}\S.*\n)+(?:^ {5,}\S.*\n)*)+", re.MULTILINE)
_PROGRAMS = re.compile(
    r"(orchestrator|curl|make|celery|docker|python3?|pip|pytest|cd|cp|sqlite3)\b"
)


def typed_lines() -> list[tuple[str, str]]:
    """Each with the name of its page; a line that goes on in the next is one."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        name = str(page.relative_to(ROOT))
        found += [(name, line) for line in _typed(text)]
    return found


def _typed(text: str) -> Iterator[str]:
    for block in _CONSOLE.findall(text):
        for line in _whole(block):
            if line.startswith("$ "):
                yield line[2:]
    for block in _INDENTED.finditer(_ANY_FENCE.sub("", text)):
        for line in _whole(block[0]):
            if _PROGRAMS.match(_without_variables(line)):
                yield line


def _whole(block: str) -> Iterator[str]:
    """Lines, each joined with those that it goes on in: after a backslash, or within quotes."""
    held = ""
    for line in block.splitlines():
        held = f"{held} {line.strip()}" if held else line.strip()
        if held.endswith("\\"):
            held = held[:-1].rstrip()
        elif held.count("'") % 2 == 0:
            yield held
            held = ""


def _without_variables(line: str) -> str:
    return re.sub(r"^([A-Z_]+=\S+ +)+", "", line)
