"""`python -m sepconv` is the `sepconv` command."""

import sys

from sepconv.cli import main

if __name__ == "__main__":
    sys.exit(main())
