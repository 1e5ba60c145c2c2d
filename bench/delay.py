"""A resolver that is far away: a proxy that gives each DNS answer back a fixed time after its question came.

`python bench/delay.py SECONDS PORT TARGET_PORT` on loopback, over UDP and TCP. What the resolver behind it takes itself
is part of the delay, so a client sees one exact time for each round trip. A TCP connection costs nothing to open here,
which a far one does: that flatters whoever needs TCP.
"""

from __future__ import annotations

import collections
import contextlib
import select
import socket
import sys
import threading
import time

LOOPBACK = "127.0.0.1"
LARGEST = 65535


def datagrams(delay: float, port: int, target: int) -> None:
    """Pass UDP on, for ever."""
    front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    front.bind((LOOPBACK, port))
    behind = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    behind.connect((LOOPBACK, target))
    for each in (front, behind):
        each.setblocking(False)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    # All are delayed alike, so those that came first go back first.
    held: collections.deque[tuple[float, bytes, tuple[str, int]]] = collections.deque()
    waiting: dict[int, tuple[bytes, tuple[str, int], float]] = {}
    ident = 0
    while True:
        pause = max(0.0, held[0][0] - time.monotonic()) if held else None
        ready, _, _ = select.select([front, behind], [], [], pause)
        now = time.monotonic()
        if front in ready:
            packet, asker = front.recvfrom(LARGEST)
            ident = (ident + 1) & 0xFFFF
            waiting[ident] = packet[:2], asker, now
            behind.send(ident.to_bytes(2, "big") + packet[2:])
        if behind in ready:
            packet = behind.recv(LARGEST)
            asked = waiting.pop(int.from_bytes(packet[:2], "big"), None)
            if asked is not None:
                held.append((asked[2] + delay, asked[0] + packet[2:], asked[1]))
        while held and held[0][0] <= time.monotonic():
            _, packet, asker = held.popleft()
            front.sendto(packet, asker)


def streams(delay: float, port: int, target: int) -> None:
    """Pass TCP on, a thread for each connection, for ever."""
    with socket.create_server((LOOPBACK, port), backlog=512) as server:
        while True:
            connection, _ = server.accept()
            threading.Thread(target=_converse, args=(connection, delay, target), daemon=True).start()


def _converse(connection: socket.socket, delay: float, target: int) -> None:
    with (
        contextlib.suppress(OSError),
        connection,
        socket.create_connection((LOOPBACK, target)) as behind,
        connection.makefile("rb") as questions,
        behind.makefile("rb") as answers,
    ):
        while length := questions.read(2):
            due = time.monotonic() + delay
            behind.sendall(length + questions.read(int.from_bytes(length, "big")))
            length = answers.read(2)
            answer = length + answers.read(int.from_bytes(length, "big"))
            time.sleep(max(0.0, due - time.monotonic()))
            connection.sendall(answer)


def main(arguments: list[str]) -> None:
    delay, port, target = float(arguments[0]), int(arguments[1]), int(arguments[2])
    threading.Thread(target=streams, args=(delay, port, target), daemon=True).start()
    datagrams(delay, port, target)


if __name__ == "__main__":
    main(sys.argv[1:])
