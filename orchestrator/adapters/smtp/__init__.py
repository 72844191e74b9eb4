"""Asks people by mail: keeps the port ``Sender`` for endpoints that are mail addresses."""
