"""The command line of the Internal Records API."""


def version() -> str:
    """Return the version: of the sources in a checkout, otherwise of the installed distribution."""
    try:
        from records_api import __version__
    except ImportError:
        from importlib import metadata

        return metadata.version("records")
    return __version__
