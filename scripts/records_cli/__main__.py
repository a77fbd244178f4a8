"""Makes `python -m records_cli` the same as `records`."""

from records_cli.app import main

main()
