"""What a question shows people beside the output, encrypted where outputs are.

That is a flow's state, and whatever stands in its metadata: the arguments of a tool's call, or what
the user's code put there. Kind, message and options stay readable: lists show them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from orchestrator.adapters.sql.cipher import Cipher, WrongKey
from orchestrator.domain.canonical import JsonObject, decode, encode
from orchestrator.domain.question import Question

_HIDDEN = "$encrypted"
"""The one key of the metadata that stands in place of both."""


def hidden_of(question: Question) -> bytes | None:
    """What is encrypted of a question; None where nothing is."""
    token = question.metadata.get(_HIDDEN)
    return token.encode() if isinstance(token, str) else None


def hide(question: Question, cipher: Cipher) -> Question:
    """The question as it is written. What none of the keys could open stays as it is."""
    shows_nothing = not question.metadata and question.state is None
    if not cipher.encrypts_outputs or shows_nothing or hidden_of(question) is not None:
        return question
    shown = encode({"metadata": question.metadata, "state": question.state})
    return replace(question, metadata={_HIDDEN: cipher.encrypt(shown).decode()}, state=None)


def show(question: Question, cipher: Cipher) -> Question:
    """The question as it was asked. Raises WrongKey."""
    hidden = hidden_of(question)
    if hidden is None:
        return question
    shown = cast("JsonObject", decode(cipher.decrypt(hidden)))
    metadata, state = shown["metadata"], shown["state"]
    return replace(
        question,
        metadata=cast("JsonObject", metadata),
        state=cast("JsonObject | None", state),
    )


def shown_if_possible(question: Question, cipher: Cipher) -> Question:
    """The same; as it lies there where none of the keys opens it."""
    try:
        return show(question, cipher)
    except WrongKey:
        return question
