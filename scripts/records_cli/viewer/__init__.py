"""The page of `records open`: a server on loopback, and the files in static/ that it serves.

`rules` decides which requests are served, `site` answers them, `server` speaks HTTP and `command`
is the command. The browser never gets the caller's credentials: the server signs its requests.
"""
