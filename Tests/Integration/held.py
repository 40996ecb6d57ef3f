"""psql, psycopg, asyncpg and JDBC behind one interface, for commands that wait: each runs one command at a time in the
background, and says how it ended. `%s` stands for a value in the text of all of them."""

import asyncio
import contextlib
import queue
import signal
import socket
import threading

import asyncpg
import psycopg

# How a command ended besides a SQLSTATE.
DONE, GONE = "00000", "gone"


class Client:
    """`start` sends, `end` waits for (SQLSTATE or GONE, message)."""

    def __init__(self):
        self.answers = queue.Queue()

    def end(self, seconds=15):
        return self.answers.get(timeout=seconds)

    def waits(self):
        return self.answers.empty()

    def run(self, text, *values, seconds=15):
        self.start(text, *values)
        return self.end(seconds)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leave()


class Process(Client):
    """A client that reads commands from standard input and prints `DONE code message` lines."""

    def __init__(self, process):
        super().__init__()
        self.process = process
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            if line.startswith("DONE "):
                code, _, message = line[5:].strip().partition(" ")
                lost = code.startswith("08") or code.startswith("57P")
                # psql keeps the last error's message.
                self.answers.put((GONE if lost else code, "" if code == DONE else message))
        self.answers.put((GONE, ""))

    def _write(self, line):
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()

    def leave(self):
        self.process.kill()
        self.process.wait()


class Psql(Process):
    name = "psql"

    def __init__(self, at, java):
        arguments = ["stdbuf", "-oL", at.bin / "psql", "-X", "-q", "-v", "ON_ERROR_STOP=0"]
        super().__init__(at.process(*arguments))

    def start(self, text, *values):
        for value in values:
            text = text.replace("%s", "'" + str(value).replace("'", "''") + "'", 1)
        # On one line: psql stops reading it when the connection is lost.
        self._write(f"{text};\n\\echo DONE :SQLSTATE :LAST_ERROR_MESSAGE")

    def cancel(self):
        self.process.send_signal(signal.SIGINT)


class Jdbc(Process):
    name = "jdbc"

    def __init__(self, at, java):
        super().__init__(java(at))

    def start(self, text, *values):
        self._write("\t".join(["run", text.replace("%s", "?"), *map(str, values)]))

    def cancel(self):
        self._write("cancel")


class Psycopg(Client):
    name = "psycopg"

    def __init__(self, at, java):
        super().__init__()
        self.connection = psycopg.connect(at.dsn, autocommit=True)

    def start(self, text, *values):
        threading.Thread(target=self._run, args=(text, values), daemon=True).start()

    def _run(self, text, values):
        try:
            self.connection.execute(text, values)
            self.answers.put((DONE, ""))
        except psycopg.Error as error:
            lost = self.connection.closed or error.sqlstate is None
            self.answers.put((GONE if lost else error.sqlstate, str(error)))

    def cancel(self):
        self.connection.cancel()

    def leave(self):
        if not self.connection.closed:
            with contextlib.suppress(OSError), socket.socket(fileno=self.connection.fileno()) as channel:
                channel.shutdown(socket.SHUT_RDWR)
                channel.detach()


class Asyncpg(Client):
    name = "asyncpg"

    def __init__(self, at, java):
        super().__init__()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.connection = asyncio.run_coroutine_threadsafe(asyncpg.connect(
            host=at.host, port=at.port, user=at.user, password=at.password, database=at.database, ssl=at.tls),
            self.loop).result(30)
        self.task = None

    def start(self, text, *values):
        for place in range(len(values)):
            text = text.replace("%s", f"${place + 1}", 1)
        self.task = asyncio.run_coroutine_threadsafe(self._run(text, values), self.loop)

    async def _run(self, text, values):
        try:
            await self.connection.execute(text, *values)
            self.answers.put((DONE, ""))
        except asyncpg.PostgresError as error:
            lost = self.connection.is_closed() or error.sqlstate[:3] in ("57P", "08P", "080")
            self.answers.put((GONE if lost else error.sqlstate, str(error)))
        except asyncio.CancelledError:
            self.answers.put(("57014", "cancelled"))
            raise
        except (asyncpg.InterfaceError, OSError) as error:
            self.answers.put((GONE, str(error)))

    def cancel(self):
        self.task.cancel()

    def leave(self):
        self.loop.call_soon_threadsafe(self.connection.terminate)


ALL = {client.name: client for client in (Psql, Psycopg, Asyncpg, Jdbc)}
