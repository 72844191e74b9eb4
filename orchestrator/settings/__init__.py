"""What an operator sets, read from the environment once per process: ``Settings()``."""

from __future__ import annotations

from orchestrator.settings.data_folder import (
    LONGEST_SOCKET_PATH,
    PREFIX,
    embedded_broker_url,
    embedded_socket,
    load_or_make_secret_key,
    make_data_folder,
    require_writable,
)
from orchestrator.settings.inbound_mail import InboundMailSettings
from orchestrator.settings.mail import MailSettings
from orchestrator.settings.service import ServiceSettings
from orchestrator.settings.sign_on import SignOnSettings
from orchestrator.settings.values import Network

__all__ = [
    "LONGEST_SOCKET_PATH",
    "PREFIX",
    "Network",
    "Settings",
    "embedded_broker_url",
    "embedded_socket",
    "load_or_make_secret_key",
    "make_data_folder",
    "require_writable",
]


class Settings(SignOnSettings, InboundMailSettings, MailSettings, ServiceSettings):
    """All settings, frozen. Each is read from ``ORCHESTRATOR_`` and its name in capitals.

    Raises InvalidSettings, with one line that names every variable at fault.
    """
