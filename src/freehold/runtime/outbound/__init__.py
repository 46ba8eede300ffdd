"""The one HTTP client of the product; see `client`."""
