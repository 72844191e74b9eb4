"""The verbs, a file each: load, decide, save."""
