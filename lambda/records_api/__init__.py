"""Function code of the Internal Records API.

It depends on the standard library and python-json-logger only.
"""

# The one place of the version, of the service and the command line (Semantic Versioning 2.0.0).
# `-dev` until its section of CHANGELOG.md has a date: see docs/release.md.
__version__ = "1.0.0-dev"
