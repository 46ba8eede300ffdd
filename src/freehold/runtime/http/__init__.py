"""The one port: every route in one table, one guard, one door out for errors."""
