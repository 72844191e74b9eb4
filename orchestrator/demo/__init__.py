"""The demo's crew and flow: users' code, as users write it. Nothing else imports it."""
