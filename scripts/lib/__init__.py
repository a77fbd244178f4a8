"""The commands in scripts/. Standard library only, except where a module says otherwise."""
