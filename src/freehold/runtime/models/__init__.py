"""Which models this house has: GGUF files read and written, caches adopted, the hub, the shelf."""
