"""Reviews: answer, expire, find."""
