"""The bodies that clients send and receivers get, in the words of CrewAI's platform."""
