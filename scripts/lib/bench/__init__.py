"""Measures this service and its peers doing the same work, in the same run."""
