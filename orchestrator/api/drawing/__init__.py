"""Pictures, drawn on the server: SVG with a text that says the same, and no script."""
