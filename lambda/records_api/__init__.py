"""Function code of the Internal Records API.

It depends on the standard library and python-json-logger only.
"""
