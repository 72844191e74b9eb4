"""Addresses and message ids of mails: the same on every try, and told apart."""

from __future__ import annotations

from orchestrator.domain.mail_text import message_id, reply_address, thread_id


def test_all_mails_about_a_task_of_an_execution_are_one_thread() -> None:
    thread = thread_id("k-1", "write", "desk.example")
    others = [
        thread_id("k-2", "write", "desk.example"),
        thread_id("k-1", "print", "desk.example"),
        thread_id("k-1\nwrite", "", "desk.example"),
    ]
    # Mails that were sent before refer to it: it stays what it is.
    assert thread == "<a852d11fe1cd872c7131f4002366f2b8.thread@desk.example>"
    assert thread not in others


def test_a_mail_is_the_same_on_every_try_and_its_reply_names_who_was_asked() -> None:
    assert message_id("d-1", "desk.example") == "<d-1@desk.example>"
    assert reply_address("secret", "desk.example") == "reply+secret@desk.example"
