"""Floor 1: what the owner wants, and where the house stands; not how it is brought about."""
