"""Callbacks that go on while a daemon is restarted, reloaded or killed."""

import asyncio
import collections
import random
import ssl
import threading

from harness import SLOW, new_sid, reply_params, signed_post, status_params, target_for, until
from proxies import NAME

CLIENTS = 64


class Rush:
    """Clients that post unique callbacks until stop, each after the answer to the last one: over one
    connection as long as it stays open, or over a new one each. Acknowledged callbacks are written to the
    ledger before they count. rest: the most seconds that every second client waits before it connects
    and before it posts. Runs in a separate thread."""

    def __init__(self, port, ledger, clients=CLIENTS, tls=False, keep=True, rest=0):
        self.port, self.tls, self.keep, self.rest = port, tls, keep, rest
        self.rng = random.Random("rush")
        self.ledger = open(ledger, "ab", buffering=0)
        self.sent_ledger = open(str(ledger) + ".sent", "ab", buffering=0)
        self.sent = self.acknowledged = self.connected = 0
        self.failures = collections.Counter()
        self.stopping = False
        self.thread = threading.Thread(
            target=lambda: asyncio.run(self.run(clients)), daemon=True)
        self.thread.start()

    async def run(self, clients):
        context = None
        if self.tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        await asyncio.gather(*(self.client(context, self.rest * (i % 2)) for i in range(clients)))

    async def client(self, context, rest):
        stream = None
        while not self.stopping:
            try:
                if stream is None:
                    await self.pause(rest)
                    stream = await asyncio.open_connection(
                        "127.0.0.1", self.port, ssl=context, server_hostname=context and NAME)
                    self.connected += 1
                await self.pause(rest)
                if not await asyncio.wait_for(self.post(*stream), 30 * SLOW) or not self.keep:
                    stream = self.hang_up(stream)
            except (OSError, asyncio.IncompleteReadError, asyncio.TimeoutError) as error:
                self.failures[type(error).__name__] += 1
                stream = self.hang_up(stream)
        self.hang_up(stream)

    async def pause(self, most):
        if most > 0:
            await asyncio.sleep(self.rng.uniform(0, most))

    @staticmethod
    def hang_up(stream):
        if stream is not None:
            stream[1].transport.abort()

    def compose(self):
        """The next callback: its name in the ledgers, and its request."""
        sid = new_sid()
        params = (reply_params(sid, "hello") if self.sent % 8 == 0
                  else status_params(sid, "sent"))
        return sid, signed_post(target_for(), params)

    async def post(self, reader, writer):
        """One callback; whether the connection stays."""
        self.sent += 1
        name, data = self.compose()
        self.sent_ledger.write(name.encode() + b"\n")
        writer.write(data)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        status = int(head.split(b" ", 2)[1])
        length = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or 0))
        if status in (200, 204):
            self.ledger.write(name.encode() + b"\n")
            self.acknowledged += 1
        else:
            self.failures[status] += 1
        return b"connection: close" not in head

    def wait_acknowledged(self, more, seconds=60):
        wanted = self.acknowledged + more
        until(lambda: self.acknowledged >= wanted or not self.thread.is_alive(), seconds,
              f"{more} acknowledgements")
        assert self.thread.is_alive()

    def stop(self):
        self.stopping = True
        self.thread.join(60 * SLOW)
        assert not self.thread.is_alive(), "a client still waits for its answer"
        self.ledger.close()
        self.sent_ledger.close()
