"""The demo's crew: users' code, as users write it. Nothing else imports it."""
