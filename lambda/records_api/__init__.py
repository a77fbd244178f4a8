"""The deployed code of the Internal Records API: the standard library and python-json-logger, nothing else."""
