"""`python -m sepconv` is the `sepconv` command."""

import sys

from sepconv.cli import main

sys.exit(main())
