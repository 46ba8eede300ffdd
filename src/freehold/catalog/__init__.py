"""Floor 2: what exists, as data."""
