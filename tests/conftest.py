"""What all tests need."""

import signal

# A job that a shell starts in the background ignores SIGINT, and so would the commands under test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
