"""Long work with progress that people can watch: reading folders, fetching models."""
