"""What whoever writes mails and whoever reads the replies have to agree on."""

from __future__ import annotations

import hashlib

DELIMITER = "-- Please answer above this line --"
"""Begins a mail that may be replied to: what a reply has below it is quoted, and is not read."""


def reply_address(token: str, reply_domain: str) -> str:
    """Where the reply of whoever got this token goes."""
    return f"reply+{token}@{reply_domain}"


def thread_id(execution_id: str, task_name: str, domain: str) -> str:
    """The message id that all mails about one task of an execution refer to: one thread."""
    digest = hashlib.sha256(f"{execution_id}\n{task_name}".encode()).hexdigest()[:32]
    return f"<{digest}.thread@{domain}>"


def message_id(delivery_id: str, domain: str) -> str:
    """The message id of a mail, the same on every try: who gets it twice can tell."""
    return f"<{delivery_id}@{domain}>"
