"""What comes in by another way than the API: producers' messages, and mails."""
