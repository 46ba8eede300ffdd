"""One file is one room of the house as HTTP shows it; each ends with its `ROUTES`."""
