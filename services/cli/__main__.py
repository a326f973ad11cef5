"""`python -m services.cli` is `mailcase`."""

from services.cli import main

main()
