"""What in a mail or a notice gives the right to answer, and is shown to nobody else."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from orchestrator.domain.canonical import Json, JsonObject, decode, encode

HIDDEN = "…"
"""What stands in its place."""

_RIGHTS = frozenset({"token", "response_token", "callback_url"})
"""The keys of a mail's body, and of a notice's, by which whoever has them answers."""


def without_rights(body: bytes) -> str:
    """A body as people may see it: to see a review is not to decide it."""
    said = _said(body)
    rights = _rights(said)
    if not rights:
        return body.decode(errors="replace")
    hidden: dict[str, Json] = dict.fromkeys(rights, HIDDEN)
    if "callback_url" in rights:
        hidden["callback_url"] = f"{rights['callback_url'].partition('?')[0]}?{HIDDEN}"
    return encode({**said, **hidden}).decode()


def hide_rights(text: str, body: bytes) -> str:
    """What a receiver of this body answered: some send back what they were sent."""
    for key, value in _rights(_said(body)).items():
        query = parse_qsl(urlsplit(value).query) if key == "callback_url" else [(key, value)]
        for _, right in query:
            text = text.replace(right, HIDDEN)
    return text


def _rights(said: JsonObject) -> dict[str, str]:
    return {key: str(value) for key, value in said.items() if key in _RIGHTS and value}


def _said(body: bytes) -> JsonObject:
    try:
        said = decode(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}
