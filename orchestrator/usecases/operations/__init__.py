"""What keeps the service going, and what operators ask of it."""
