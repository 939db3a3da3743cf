"""Ports for servers that tests start."""

import random
import socket


def free_port() -> int:
    """A port that nobody listens on, below those that systems give to outgoing connections.

    A server takes it seconds later. From 32768 on Linux gives ports to clients: one may have it by then.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        while True:
            port = random.randrange(20000, 32000)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
