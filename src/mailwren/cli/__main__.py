"""`python -m mailwren.cli` is `mailwren`."""

from mailwren.cli.main import main

main()
