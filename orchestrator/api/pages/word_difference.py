"""What changed from one text to another, word by word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

MOST_WORDS = 10_000
"""Words of each text; comparing longer ones would take seconds."""

_WORDS = re.compile(r"\s*\S+")


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some words of both texts, or of the one before (``removed``), or after (``added``)."""

    text: str
    removed: bool = False
    added: bool = False


def difference(before: str, after: str) -> tuple[Stretch, ...] | None:
    """Both texts as one, in order; None where they are too long to be compared.

    White space between words does not count.
    """
    old, new = _WORDS.findall(before), _WORDS.findall(after)
    if max(len(old), len(new)) > MOST_WORDS:
        return None
    matcher = SequenceMatcher(None, [each.strip() for each in old], [each.strip() for each in new])
    stretches: list[Stretch] = []
    for kind, i, i_end, j, j_end in matcher.get_opcodes():
        if kind == "equal":
            stretches.append(Stretch("".join(new[j:j_end])))
            continue
        if i_end > i:
            stretches.append(Stretch("".join(old[i:i_end]), removed=True))
        if j_end > j:
            stretches.append(Stretch("".join(new[j:j_end]), added=True))
    return tuple(stretches)
