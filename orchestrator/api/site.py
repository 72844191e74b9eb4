"""The pages for people: the inbox, what mails link to, what operators look at."""

from __future__ import annotations

from fastapi import FastAPI

from orchestrator.api.front_page import front_page
from orchestrator.api.pages.analytics import analytics_page
from orchestrator.api.pages.answer_page import answer_page
from orchestrator.api.pages.assets import assets
from orchestrator.api.pages.bulk import bulk
from orchestrator.api.pages.endpoint_pages import endpoint_pages
from orchestrator.api.pages.execution_pages import execution_pages
from orchestrator.api.pages.inbox import inbox
from orchestrator.api.pages.live import LiveRows, live
from orchestrator.api.pages.live_review import live_review
from orchestrator.api.pages.operations import operations
from orchestrator.api.pages.review_page import review_page
from orchestrator.api.pages.sign_in import sign_in
from orchestrator.api.pages.sign_on import sign_on

PAGES = (
    answer_page,
    sign_on,
    sign_in,
    assets,
    live,
    bulk,
    inbox,
    live_review,
    review_page,
    analytics_page,
    execution_pages,
    operations,
    endpoint_pages,
    front_page,
)


def keep_live_rows(app: FastAPI) -> None:
    """Keep the rows that pages show as they change."""
    app.state.live_rows = LiveRows(app.state.ports, app.state.feed)
