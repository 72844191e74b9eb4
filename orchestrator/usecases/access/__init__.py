"""Who may do what: tokens, and the sessions of people who signed in."""
