"""The viewer's HTTP server, on 127.0.0.1 only."""

from collections.abc import Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from records_cli.app_options import Role
from records_cli.viewer import rules
from records_cli.viewer.site import Api, Reply, Site, problem, respond

MAX_BODY = 1024 * 1024  # the API takes 64 KiB and says so itself


class Server(ThreadingHTTPServer):
    """A server for one site. `port` 0 chooses a free port. Raises OSError if it is in use."""

    daemon_threads = True  # a request under way does not delay the end of the command
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, callers: Mapping[Role, Api], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.site = Site(self.server_address[1], callers)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = 60  # seconds until an idle connection is closed

    def do_GET(self) -> None:
        self._reply(self._answer())

    do_HEAD = do_POST = do_PUT = do_GET  # noqa: N815 (names of http.server)
    do_PATCH = do_DELETE = do_OPTIONS = do_GET  # noqa: N815 (names of http.server)

    def _answer(self) -> Reply:
        length = self.headers.get("content-length", "0")
        if "transfer-encoding" in self.headers or not length.isdecimal():
            self.close_connection = True
            detail = "The header Content-Length is missing or not a number."
            return problem(HTTPStatus.LENGTH_REQUIRED, "refused", detail)
        if int(length) > MAX_BODY:
            self.close_connection = True
            detail = f"The body takes more than {MAX_BODY} bytes."
            return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "refused", detail)
        headers: dict[str, str] = {}
        for name, value in self.headers.items():
            key = name.lower()  # a header that is sent twice gets a value that no rule accepts
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
        body = self.rfile.read(int(length))
        return respond(self.server.site, rules.Request(self.command, self.path, headers, body))

    def _reply(self, reply: Reply) -> None:
        self.send_response(reply.status)
        for name, value in {**rules.SECURITY_HEADERS, **reply.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(reply.body)

    def version_string(self) -> str:
        return "records"

    def log_message(self, *_: object) -> None:
        """Print nothing: the command's output is for people."""

    def handle_one_request(self) -> None:
        """Handle a request; a browser that closes the connection meanwhile is no error."""
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True
