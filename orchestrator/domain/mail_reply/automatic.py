"""Mails that no person wrote: a decision is never read from one, and none is answered."""

from __future__ import annotations

from orchestrator.domain.mail_reply.inbound import InboundMail

_BULK = frozenset({"bulk", "junk", "list", "auto_reply", "auto-reply"})

_MARKS = (
    "x-autoreply",
    "x-autorespond",
    "x-autoresponder",
    "x-auto-reply-from",
    "x-mail-autoreply",
    "x-mail-auto-reply",
    "x-failed-recipients",
    "x-loop",
    "feedback-id",
    "list-id",
    "list-unsubscribe",
)
"""Headers that no mail has that a person wrote to us."""

_SUPPRESS = frozenset({"all", "oof", "autoreply"})
"""What a mail says that wants no automatic answer, and is one (MS-OXCMAIL, 2.2.3.2.14)."""

_DAEMONS = frozenset({"mailer-daemon", "postmaster", "mail-daemon", "mdaemon", "no-reply-bounce"})

_SUBJECTS = (
    "auto:",
    "auto reply",
    "auto-reply",
    "autoreply",
    "automatic reply",
    "automatic response",
    "out of office",
    "out of the office",
    "out-of-office",
    "vacation reply",
    "abwesend",
    "abwesenheit",
    "automatische antwort",
    "automatisch antwoord",
    "afwezig",
    "absence du bureau",
    "absent du bureau",
    "réponse automatique",
    "réponse auto",
    "message d'absence",
    "fuera de la oficina",
    "fuera de oficina",
    "respuesta automática",
    "risposta automatica",
    "fuori sede",
    "fuori ufficio",
    "resposta automática",
    "ausência temporária",
    "fora do escritório",
    "automatyczna odpowiedź",
    "odpowiedź automatyczna",
    "poza biurem",
    "nieobecność",
    "自動返信",
    "自動応答",
    "不在通知",
    "自动回复",
    "自动答复",
    "delivery status notification",
    "undeliverable",
    "undelivered mail",
    "mail delivery failed",
    "mail delivery failure",
    "mail delivery subsystem",
    "failure notice",
    "returned mail",
    "unzustellbar",
    "non remis",
    "no se puede entregar",
    "non recapitabile",
    "não entregue",
    "onbestelbaar",
    "niedostarczone",
)
"""How subjects begin, but for case, of what servers send by themselves.

A person's reply begins with ``Re:``, ``AW:`` and the like.
"""


def why_automatic(mail: InboundMail, sender: str | None, reply_domain: str | None) -> str | None:
    """Why a mail is not a person's answer; None where it may be one.

    ``sender`` is the address under which we send, ``reply_domain`` where replies to us go.
    """
    return _says_so(mail) or _is_a_bounce(mail) or _is_ours(mail, sender, reply_domain)


def _says_so(mail: InboundMail) -> str | None:
    headers = mail.headers
    submitted = _first_word(headers.get("auto-submitted", "no"))
    if submitted not in ("no", ""):
        return f"It was submitted automatically (Auto-Submitted: {submitted[:40]})."
    if _first_word(headers.get("precedence", "")) in _BULK:
        return "It was sent in bulk (Precedence)."
    for name in _MARKS:
        if name in headers:
            return f"It is from a list or an automatic sender ({name})."
    if _parts(headers.get("x-auto-response-suppress", "")) & _SUPPRESS:
        return "It wants no answer (X-Auto-Response-Suppress)."
    subject = mail.subject.strip().casefold()
    if subject.startswith(_SUBJECTS):
        return "Its subject is that of an automatic answer."
    return None


def _is_a_bounce(mail: InboundMail) -> str | None:
    if mail.return_path is not None and mail.return_path.strip("<> \t") == "":
        return "It has an empty return path: a bounce, or another notice of a server."
    if mail.content_type.casefold() in ("multipart/report", "message/delivery-status"):
        return "It is a report of a server (multipart/report)."
    for address in (*mail.senders, mail.return_path or ""):
        if address.partition("@")[0].casefold() in _DAEMONS:
            return "It comes from a mail server."
    return None


def _is_ours(mail: InboundMail, sender: str | None, reply_domain: str | None) -> str | None:
    for address in (*mail.senders, mail.return_path or ""):
        written = address.casefold()
        if sender is not None and written == sender.casefold():
            return "It comes from our own address."
        if reply_domain is not None and written.endswith(f"@{reply_domain.casefold()}"):
            return "It comes from the domain that replies go to."
    return None


def _first_word(value: str) -> str:
    words = value.replace(";", " ").split()
    return words[0].casefold() if words else ""


def _parts(value: str) -> set[str]:
    return {part.strip().casefold() for part in value.split(",")}
