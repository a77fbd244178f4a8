"""The command line of the Internal Records API."""


def version() -> str:
    """Return the version: of the sources in a checkout, otherwise of the installed distribution."""
    try:
        from records_api import __version__  # noqa: PLC0415 (not a part of the distribution)
    except ImportError:
        from importlib import metadata  # noqa: PLC0415 (slow)

        return metadata.version("records")
    return __version__
