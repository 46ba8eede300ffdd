"""Child processes: started in order, watched, restarted with patience, never left behind."""
