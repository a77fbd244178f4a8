"""What the commands beside this folder are made of. Standard library only, except where a module says otherwise."""
