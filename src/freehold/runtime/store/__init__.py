"""What is acknowledged is on disk: SQLite databases with one writer each, and blobs by content."""
