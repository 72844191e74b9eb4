"""Figures of the reviews that were closed."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from orchestrator.api.common.access import Manager
from orchestrator.api.common.json_response import JsonResponse, without_nones
from orchestrator.api.common.openapi import documented
from orchestrator.api.v1.executions import OneDeployment
from orchestrator.domain.analytics import Kept, Outcomes, Rejected, Rounds, Volume
from orchestrator.usecases.reviews.analytics import asked, figures
from orchestrator.wire.moment import Day

review_analytics = APIRouter(prefix="/v1/analytics", tags=["reviews"])

Since = Annotated[Day | None, Query(description="The first day, in UTC; by default 30 in all.")]
Until = Annotated[Day | None, Query(description="The last day, in UTC; by default today.")]


class TimesRecord(BaseModel):
    """How long answers took: of a deployment, of one of its tasks, or of a person."""

    deployment: str | None = None
    task_name: str | None = None
    person: str | None = None
    reviews: int
    median_seconds: float
    p90_seconds: float


class ReviewAnalytics(BaseModel):
    """Figures of the reviews that were closed on these days, in UTC.

    Times are right to a tenth. ``behind``: the newest reviews are not counted yet.
    """

    since: date
    until: date
    by_deployment: list[TimesRecord]
    by_task: list[TimesRecord]
    by_person: list[TimesRecord]
    days: list[Volume]
    weeks: list[Volume]
    outcomes: list[Outcomes]
    rounds: list[Rounds]
    kept: list[Kept]
    rejected: list[Rejected]
    behind: bool | None = None


@review_analytics.get(
    "",
    responses=documented(ReviewAnalytics, 422),
    summary="Figures of the reviews that were closed",
)
def read_analytics(
    visitor: Manager,
    deployment: OneDeployment = None,
    since: Since = None,
    until: Until = None,
) -> JsonResponse:
    """How long answers took, how many there were, what they said, and what rejected work cost.

    Of the deployments that the token may manage.
    """
    wanted = asked(visitor.ports.clock.now(), since, until, visitor.narrowed(deployment))
    found = figures(visitor.ports, wanted)
    told = {
        name: [without_nones(each) for each in lines]
        for name, lines in asdict(found.analytics).items()
    }
    days = {"since": found.since.isoformat(), "until": found.until.isoformat()}
    return JsonResponse({**days, **told, **({"behind": True} if found.is_behind else {})})
