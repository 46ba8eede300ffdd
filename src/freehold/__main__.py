"""`python -m freehold` is the command line."""

import sys

from freehold.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
