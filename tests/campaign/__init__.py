"""Many clients change the same records while calls to DynamoDB fail; a checker then proves that
every acknowledged write has exactly one history entry, and that nothing else was written.

`proxy` makes the calls fail, `clients` run the real handler, `checker` compares the responses that
they received with the tables and the API, and `run` runs them all.
"""
