"""Pages for people: what their mails link to."""
