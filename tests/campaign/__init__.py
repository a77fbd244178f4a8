"""Many clients change the same records while calls to DynamoDB fail; a checker then proves that
every acknowledged write has exactly one history entry, and that nothing else was written.

`proxy` makes the calls fail, `clients` run the real handler, `checker` compares what the clients
were told with what the tables and the API hold, and `run` puts them together.
"""
