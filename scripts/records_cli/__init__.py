"""The command line of the Internal Records API."""

__version__ = "0.1.0.dev0"
