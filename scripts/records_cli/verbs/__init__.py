"""The verbs of `records`: their options, help texts and output. The work is in the other modules.

These modules are imported by `records --help`: they import what is slow where it is used.
"""
