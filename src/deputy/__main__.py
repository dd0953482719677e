"""`python -m deputy` is `deputy`."""

import sys

from deputy.cli.main import main

sys.exit(main())
