"""Webhooks: subscribe, deliver, see to endpoints."""
