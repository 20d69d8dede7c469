"""What the load generator itself can do: the same connections against a server that does nothing but answer."""

import multiprocessing
import select
import socket
import time
from multiprocessing.connection import Connection

from bench.load import Task, together
from bench.wire import Imap

_BULK = b"* 1 FETCH (BODY[] {1000000}\r\n" + b"x" * 1_000_000 + b")\r\n"
_TIMES = 16


def _answer(line: Connection) -> None:
    """The server: every line is a command, and every command is OK."""
    poll = select.epoll()
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listener:
        line.send(listener.getsockname()[1])
        poll.register(listener.fileno(), select.EPOLLIN)
        connections: dict[int, socket.socket] = {}
        while True:
            for number, _event in poll.poll():
                if number == listener.fileno():
                    client = listener.accept()[0]
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    client.sendall(b"* OK hello\r\n")
                    connections[client.fileno()] = client
                    poll.register(client.fileno(), select.EPOLLIN)
                elif data := connections[number].recv(1 << 16):
                    tag, _space, command = data.partition(b" ")
                    for _ in range(_TIMES if command.startswith(b"BULK") else 0):
                        connections[number].sendall(_BULK)
                    connections[number].sendall(tag + b" OK done\r\n")
                else:
                    poll.unregister(number)
                    connections.pop(number).close()


def ceiling(seconds: float) -> dict[str, float]:
    """Commands a second over one connection and over sixteen, and megabytes a second over one."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_answer, args=(there,), daemon=True)
    process.start()
    try:
        port = here.recv()
        single = Imap(port)
        return {
            "1 connection (commands/s)": _rate(single, b"NOOP", seconds, 1),
            "16 connections (commands/s)": together(port, [Task("noop", f"u{n}") for n in range(16)], seconds)[0],
            "1 connection (MB/s)": _rate(single, b"BULK", seconds, len(_BULK) * _TIMES / 1e6),
        }
    finally:
        process.kill()
        process.join()


def _rate(connection: Imap, command: bytes, seconds: float, things: float) -> float:
    start, times = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - start) < seconds:
        connection.run(command)
        times += 1
    return times * things / elapsed
