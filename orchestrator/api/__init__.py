"""HTTP: each handler parses, calls one use case, and renders what it returned."""

from orchestrator.api.app import create_app

__all__ = ["create_app"]
