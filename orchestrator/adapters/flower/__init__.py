"""Flower, as we set it up: passwords asked for, and a page of ours for one execution."""

from orchestrator.adapters.flower.pages import add_execution_page, show_every_queue
from orchestrator.adapters.flower.passwords import required_passwords

__all__ = ["add_execution_page", "required_passwords", "show_every_queue"]
