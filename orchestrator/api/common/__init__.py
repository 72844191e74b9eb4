"""What all calls share: who calls, what they send, how answers and errors look."""
