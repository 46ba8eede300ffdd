"""Where passages are kept and found again: one module for each store; see `contract`."""
