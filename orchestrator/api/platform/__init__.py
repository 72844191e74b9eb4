"""The calls of CrewAI's platform, one set for each deployment."""
