"""Every request for a model passes here."""
