"""What all calls share: who calls, what they send, how responses and errors look."""
