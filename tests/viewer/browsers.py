"""The installed Chromium, driven by Playwright, and viewers for it."""

import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from playwright.sync_api import Browser, sync_playwright

from lib import browser as installed
from records_cli.app_options import Role
from records_cli.viewer.server import Server
from records_cli.viewer.site import Api


@contextmanager
def launch() -> Iterator[Browser]:
    """Yield a headless browser. `installed.find()` must have found one."""
    with sync_playwright() as playwright:
        # Chromium's sandbox does not run as root.
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=installed.find(), args=arguments)
        try:
            yield browser
        finally:
            browser.close()


class _Server(Server):
    """A server whose end also closes its connections, as the end of the command does."""

    def __init__(self, *arguments: Any) -> None:
        self.sockets: list[socket.socket] = []
        super().__init__(*arguments)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        self.sockets.append(connection)
        return connection, address


@contextmanager
def serving(callers: Api | Mapping[Role, Api], port: int = 0) -> Iterator[Server]:
    """Run a viewer with a caller for each role, or with one for all."""
    each = callers if isinstance(callers, Mapping) else dict.fromkeys(Role, callers)
    server = _Server(each, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        for connection in server.sockets:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        thread.join()
