"""`python -m farero` is `farero`."""

from farero.cli.main import run

run()
