"""The database: SQLite or PostgreSQL, behind ``ports.Store``."""

from orchestrator.adapters.sql.cipher import Cipher
from orchestrator.adapters.sql.limits import ConnectionLimits
from orchestrator.adapters.sql.store import SqlStore, make_store

__all__ = ["Cipher", "ConnectionLimits", "SqlStore", "make_store"]
