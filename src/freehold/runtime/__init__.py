"""Floor 3, left wing: the house that runs."""
