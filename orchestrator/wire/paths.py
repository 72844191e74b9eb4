"""Ids and names in the paths of calls."""

from __future__ import annotations

from urllib.parse import quote

from orchestrator.errors import Invalid

ANSWER_PAGES = "/r"
"""Where the pages are that mails link to; the token of the mail is the rest of the path."""

INBOX = "/inbox"
"""Where the pages are on which reviewers see what waits for them."""

REVIEW_PAGES = f"{INBOX}/reviews"
"""Where each review has its page; its id is the rest of the path."""

SIGN_IN = f"{INBOX}/sign-in"
"""Where one signs in to them; the secret of a link that was mailed is the rest of the path."""


def sign_in_path(secret: str) -> str:
    """The path of the page that signs in whoever has this secret."""
    return f"{SIGN_IN}/{secret}"


def path_part(text: str) -> str:
    """An id or a name as one part of a path. Raises Invalid for what would lead elsewhere."""
    if text in ("", ".", ".."):
        raise Invalid(f"{text!r} is no id and no name.")
    return quote(text, safe="")
