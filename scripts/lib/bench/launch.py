"""Runs a handler under Lambda's runtime client, as `python -m awslambdaric HANDLER` does.

Before the handler's module is imported, it reports the processor time and the monotonic time, both
in nanoseconds, to the file descriptor in its second argument. What happened until then (the start
of the interpreter and of the runtime client) is the same for every function.
"""

import os
import sys
import time

from awslambdaric import bootstrap
from awslambdaric.lambda_runtime_client import LambdaRuntimeClient


def main(handler: str, descriptor: int) -> None:
    """Report the times to `descriptor`, then serve invocations until the process is ended."""
    sys.path[0] = os.environ["LAMBDA_TASK_ROOT"]
    client = LambdaRuntimeClient(os.environ["AWS_LAMBDA_RUNTIME_API"])
    os.write(descriptor, f"{time.process_time_ns()} {time.monotonic_ns()}\n".encode())
    os.close(descriptor)
    bootstrap.run(handler, client)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
