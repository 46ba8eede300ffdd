"""Floor 3, right wing: from a spec to every other place it can run."""
