"""Signs the requests of schemathesis with SigV4; SCHEMATHESIS_HOOKS names this module."""

import os
from typing import Any

import requests
import schemathesis
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials


class Signature(requests.auth.AuthBase):
    """Adds a signature that covers the host and the content type, with the keys of a caller."""

    def __init__(self) -> None:
        keys = os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"]
        self._auth = SigV4Auth(Credentials(*keys), "execute-api", os.environ["AWS_REGION"])

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return the request with its signature."""
        signed = {
            name: value for name, value in request.headers.items() if name.lower() == "content-type"
        }
        copy = AWSRequest(request.method, request.url, headers=signed, data=request.body or b"")
        self._auth.add_auth(copy)
        request.headers.update(copy.headers.items())
        return request


auth: Any = schemathesis.auth  # its stub lacks the method
auth.set_from_requests(Signature())
