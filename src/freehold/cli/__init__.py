"""Floor 4: the command line, the only floor that sees both wings."""
