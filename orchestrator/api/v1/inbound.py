"""Mails that a service posts to us. What lets one in is its signature."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

from orchestrator.api.common.access import World
from orchestrator.api.common.json_response import JsonResponse
from orchestrator.api.common.request_body import parse_json, read_up_to
from orchestrator.domain.inbound_mail import LARGEST_MAIL
from orchestrator.errors import NotFound, Transient
from orchestrator.ports import Ports
from orchestrator.usecases.intake.take_mail import Envelope, store_mail
from orchestrator.wire import sns
from orchestrator.wire.mailgun import Form, mail_of, read_form, require_signed
from orchestrator.wire.sns import mail_in, read_post

inbound = APIRouter(prefix="/v1/inbound", include_in_schema=False)

_LARGEST_POST = 4 * LARGEST_MAIL
"""Bytes: forms and base64 write a mail larger than it is."""


@inbound.post("/mailgun")
@inbound.post("/mailgun/mime")
async def take_from_mailgun(request: Request, ports: World) -> JsonResponse:
    """Store a mail that Mailgun posts. The same post again changes nothing."""
    key = ports.replies.mailgun_key
    if key is None:
        raise NotFound("Nothing takes mails of Mailgun here: ORCHESTRATOR_MAIL_MAILGUN_KEY.")
    body = await read_up_to(request, _LARGEST_POST)
    content_type = request.headers.get("content-type", "")
    await run_in_threadpool(_store, ports, content_type, body, key)
    return JsonResponse({"status": "stored"})


def _store(ports: Ports, content_type: str, body: bytes, key: str) -> None:
    form = read_form(content_type, body)
    token = require_signed(form, key, ports.clock.now())
    envelope = Envelope(_text(form, "sender"), (_text(form, "recipient"),))
    store_mail(ports, mail_of(form), envelope, once=f"mailgun:{token}")


@inbound.post("/ses")
async def take_from_ses(request: Request, ports: World) -> JsonResponse:
    """Store a mail that Amazon SES publishes, or confirm the subscription to its topic."""
    topic = ports.replies.ses_topic
    if topic is None:
        raise NotFound("Nothing takes mails of Amazon SES here: ORCHESTRATOR_MAIL_SES_TOPIC.")
    body = await read_up_to(request, _LARGEST_POST)
    await run_in_threadpool(_take_published, ports, body, topic)
    return JsonResponse({"status": "stored"})


def _take_published(ports: Ports, body: bytes, topic: str) -> None:
    post = read_post(parse_json(body), topic)
    sns.require_signed(post, _fetched(ports, post.certificate_url).encode())
    if post.confirms_at is not None:
        _fetched(ports, post.confirms_at)
        return
    mail = mail_in(post)
    store_mail(ports, mail.raw, Envelope(mail.sender, mail.recipients), once=f"sns:{post.id}")


def _fetched(ports: Ports, url: str) -> str:
    """What lies at Amazon; through the one guarded way out."""
    fetcher = ports.replies.fetcher
    if fetcher is None:
        raise Transient("Nothing here gets what is at Amazon.")
    result = fetcher.get(url)
    if not result.succeeded:
        raise Transient(f"Amazon does not answer just now: {result.error or result.status}")
    return result.response


def _text(form: Form, name: str) -> str:
    return form.get(name, b"").decode("utf-8", "replace")[:1000]
