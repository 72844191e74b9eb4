# Crew Orchestrator: the API, the workers, the sweep and Flower are one image with several commands.
# Your crews are mounted at /app/crews, or installed by an image that begins FROM this one.
FROM python:3.12.11-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /app/venv
COPY pyproject.toml README.md LICENSE ./
COPY orchestrator ./orchestrator
COPY workers ./workers
COPY config ./config
COPY examples ./examples
RUN /app/venv/bin/pip install --no-cache-dir ".[calendars,crewai,mail,oidc,postgres]"

FROM python:3.12.11-slim-bookworm
RUN useradd --uid 10001 --create-home app \
    && install --directory --owner=app --group=app --mode=0700 /data
COPY --from=build /app/venv /app/venv
ENV PATH=/app/venv/bin:$PATH \
    PYTHONPATH=/app/crews \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    ORCHESTRATOR_DATA=/data \
    ORCHESTRATOR_DEPLOYMENTS=/app/config/deployments.toml
WORKDIR /app
COPY config ./config
USER 10001:10001
VOLUME /data
EXPOSE 8000
CMD ["orchestrator", "api"]
