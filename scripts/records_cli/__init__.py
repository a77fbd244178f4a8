"""The command line of the Internal Records API."""

from importlib import metadata


def version() -> str:
    """Return the version: of the sources in a checkout, otherwise of the installed distribution."""
    try:
        from records_api import __version__  # noqa: PLC0415 (not a part of the distribution)
    except ImportError:
        return metadata.version("records")
    return __version__
