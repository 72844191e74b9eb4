"""What an operator sets, beside what mails need."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, PositiveInt, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from orchestrator.errors import InvalidSettings
from orchestrator.settings.data_folder import (
    PREFIX,
    embedded_broker_url,
    load_or_make_secret_key,
)
from orchestrator.settings.paths import AbsolutePath
from orchestrator.settings.values import (
    BrokerUrl,
    DatabaseUrl,
    Days,
    HttpUrl,
    Networks,
    Origins,
    Port,
    Ports,
    Seconds,
    Secrets,
    each_of,
)


class ServiceSettings(BaseSettings):
    """The settings of the service itself; see ``Settings``."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        hide_input_in_errors=True,
        validate_default=True,
    )

    data: AbsolutePath = Field(
        default=Path(".orchestrator"),
        description="Folder of what is kept on this machine: the SQLite database, the embedded "
        "broker's files and the made secret key.",
    )
    deployments: AbsolutePath = Field(
        default=Path("config/deployments.toml"),
        description="The file that declares the deployments.",
    )
    database_url: DatabaseUrl | None = Field(
        default=None,
        repr=False,
        description="SQLAlchemy URL of the database, SQLite or PostgreSQL. "
        "Without it: a SQLite file in the data folder.",
    )
    database_connect_timeout: Seconds = Field(
        default=5.0, description="Seconds that connecting to PostgreSQL may take; at least 2."
    )
    database_statement_timeout: Seconds = Field(
        default=15.0,
        description="Seconds that PostgreSQL may take over one statement. A connection on which "
        "nothing is answered for 2 seconds longer is given up.",
    )
    database_lock_timeout: Seconds = Field(
        default=5.0,
        description="Seconds that a statement waits for a lock that another one holds.",
    )
    database_pool_timeout: Seconds = Field(
        default=5.0,
        description="Seconds that a thread waits while all connections of its process are in use.",
    )
    broker_url: BrokerUrl | None = Field(
        default=None,
        repr=False,
        description="Celery URL of the broker: redis://… for Redis and Valkey, amqp://… for "
        "RabbitMQ. Without it: the embedded Valkey that `orchestrator up` starts.",
    )
    secret_key: Secrets | None = Field(
        default=None,
        description="Key that encrypts credentials at rest: a long random text. "
        "Several, separated by commas, while it is rotated: the first encrypts, all decrypt. "
        "Without it: one is made in the data folder.",
    )
    encrypt_outputs: bool = Field(
        default=False,
        description="Whether outputs, and webhooks and states of flows, which quote them, are "
        "encrypted at rest. What was written before is read either way; "
        "`orchestrator secrets reencrypt` converts it.",
    )
    api_token: SecretStr | None = Field(
        default=None,
        description="Bearer token that is valid for every deployment, beside those that "
        "`orchestrator token` makes.",
    )
    host: str = Field(default="127.0.0.1", description="Address that the API listens on.")
    port: Port = Field(default=8000, description="Port that the API listens on.")
    api_processes: PositiveInt = Field(
        default=1,
        description="API processes of `orchestrator up`, which share its port: one answers no more "
        "calls than one core has time for. Only Linux gives each its part of the connections.",
    )
    public_url: HttpUrl | None = Field(
        default=None,
        description="How clients reach the API, for the links in webhooks: https://crews.example.",
    )
    webhook_allow_networks: Networks = Field(
        default=(),
        description="Networks, separated by commas, that webhooks may reach although they are "
        "private: 10.1.2.0/24,fd00::/8.",
    )
    webhook_https_only: bool = Field(
        default=False, description="Whether webhooks to plain http:// URLs are refused."
    )
    webhook_ports: Ports = Field(
        default=(),
        description="Ports, separated by commas, that webhooks may reach. Without it: any.",
    )
    webhook_secret: Secrets | None = Field(
        default=None,
        description="Secret that signs webhooks: whsec_ and the base64 of 24 to 64 bytes; any "
        "other text is the key itself. "
        "Several, separated by commas, while it is rotated. Without it: webhooks are not signed.",
    )
    webhook_timeout: Seconds = Field(
        default=15.0, description="Seconds that one try of a webhook may take in all."
    )
    webhooks_per_endpoint: PositiveInt = Field(
        default=4, description="Webhooks that one receiver is sent at a time, by all workers."
    )
    webhooks_per_host: PositiveInt = Field(
        default=8, description="The same for all receivers at one host and port."
    )
    keep_finished: Days | None = Field(
        default=None,
        description="Days for which the outputs and webhooks of finished executions are kept. "
        "Without it: for ever.",
    )
    max_request_bytes: PositiveInt = Field(
        default=1024 * 1024, description="Largest body that the API takes; a larger one gets 413."
    )
    request_timeout: Seconds = Field(
        default=30.0,
        description="Seconds that a client may take to send a request to the API, "
        "headers and body.",
    )
    max_waiting_requests: PositiveInt = Field(
        default=100,
        description="Requests that wait at the API while others are worked on; "
        "a further one gets 503 at once.",
    )
    metrics_public: bool = Field(
        default=False,
        description="Whether /metrics needs no token. It tells the names of deployments and tasks.",
    )
    cors_origins: Origins = Field(
        default=(),
        description="Origins, separated by commas, whose pages may call the API from a browser: "
        "https://desk.example. Without it: none.",
    )
    concurrency: PositiveInt = Field(
        default=2, description="Tasks that the crew worker of `orchestrator up` runs at a time."
    )
    max_jobs_per_child: PositiveInt = Field(
        default=1000, description="Jobs after which a crew worker's process is replaced."
    )
    max_child_memory: PositiveInt = Field(
        default=2048, description="MiB after which a crew worker's process is replaced."
    )
    time_limit_grace: Seconds = Field(
        default=30.0,
        description="Seconds that a task has left, once it is told that its time limit is over, "
        "before its process is killed.",
    )
    shutdown_grace: Seconds = Field(
        default=10.0,
        description="Seconds that a worker that shuts down gives to the jobs it runs; "
        "after that they go back to other workers.",
    )
    log_format: Literal["auto", "json", "console"] = Field(
        default="auto", description="Form of log lines; auto: console on a terminal, else JSON."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least severe log lines that are written."
    )
    log_file: AbsolutePath | None = Field(
        default=None,
        description="File that log lines go to as well, as JSON; `orchestrator logs` reads it, and "
        "the sweep keeps it under 64 MiB. Without it: that of `orchestrator up` is in the data "
        "folder.",
    )
    log_console_level: Literal["debug", "info", "warning", "error"] | None = Field(
        default=None,
        description="Least severe log lines on standard error, where a file has all. Without it: "
        "all; `orchestrator up` on a terminal: warnings.",
    )

    @field_validator("data")
    @classmethod
    def _can_stand_in_a_url(cls, given: Path) -> Path:
        if "?" in str(given):  # what follows would be options of the database
            raise ValueError("its path has a question mark, which cannot stand in a database's URL")
        return given

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as wrong:
            raise InvalidSettings(_in_one_line(wrong)) from None  # its cause would show secrets

    @property
    def resolved_database_url(self) -> str:
        """The URL of the database in use, for SQLAlchemy with psycopg 3."""
        if self.database_url is None:
            return f"sqlite:///{self.data / 'orchestrator.db'}"
        scheme, separator, rest = self.database_url.partition("://")
        if scheme in ("postgres", "postgresql"):
            scheme = "postgresql+psycopg"
        return scheme + separator + rest

    @property
    def resolved_broker_url(self) -> str:
        """The URL of the broker in use, for Celery."""
        return self.broker_url or embedded_broker_url(self.data)

    @property
    def keeps_data_here(self) -> bool:
        """Whether something that must not be lost, or the broker, lies in the data folder."""
        return None in (self.database_url, self.broker_url, self.secret_key)

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys that encrypt at rest: the first encrypts, all decrypt. Made where none is given.

        Raises InvalidSettings when the made one cannot be read or written.
        """
        return each_of(self.secret_key) or (load_or_make_secret_key(self.data),)

    @property
    def given_api_token(self) -> str | None:
        """The API token that the operator gave."""
        return self.api_token.get_secret_value() if self.api_token else None

    @property
    def webhook_secrets(self) -> tuple[str, ...]:
        """The secrets that sign webhooks, the newest first; none when they are not signed."""
        return each_of(self.webhook_secret)


def _in_one_line(wrong: ValidationError) -> str:
    """Name the variables and what is wrong with each, without the values given."""
    faults = wrong.errors(include_url=False, include_input=False, include_context=False)
    return "; ".join(
        f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in faults
    )
