"""How callers and engines write things down: JSON to typed calls and back. Pure."""
