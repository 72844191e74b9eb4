"""The one way out: HTTP to receivers that anybody may have named."""
