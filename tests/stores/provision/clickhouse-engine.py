"""ClickHouse's engine (chdb) behind a stand-in for its HTTP interface: as much of it as @clickhouse/client and tests use.

The engine, its SQL, its types and its errors are ClickHouse's own; what is here is the door: addresses, credentials of the two
users, settings and parameters of a request, and errors as the server words them.
"""

import base64
import os
import re
import sys
import threading
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

from chdb import session

PASSWORD = os.environ["CLICKHOUSE_ENGINE_PASSWORD"]
# Who may only read may not change settings either, as by a profile of `readonly = 1`.
USERS = {"tests": {"max_threads": "1"}, "strict": {"max_threads": "1", "readonly": "1"}}
# What the server reads for itself.
OF_THE_DOOR = {
    "query", "database", "default_format", "session_id", "session_timeout", "session_check", "query_id", "user", "password",
    "role", "compress", "decompress", "enable_http_compression", "wait_end_of_query", "buffer_size", "quota_key",
    "cancel_http_readonly_queries_on_client_close", "http_write_exception_in_output_format", "http_headers_progress_interval_ms",
    "send_progress_in_http_headers",
}
STATUS = {"516": 403, "497": 403, "60": 404, "81": 404, "47": 404, "46": 404, "241": 500, "159": 408}
MOST_BYTES = 64 * 1024 * 1024


class Refused(Exception):
    pass


def quoted(text):
    return "'%s'" % text.replace("\\", "\\\\").replace("'", "\\'")


def named(text):
    return "`%s`" % text.replace("\\", "\\\\").replace("`", "\\`")


class Door(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def send(self, status, body, headers=()):
        self.send_response(status)
        self.send_header("content-type", "text/plain; charset=UTF-8")
        self.send_header("content-length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def fail(self, message):
        found = re.match(r"Code: (\d+)", message)
        code = found.group(1) if found else "1002"
        said = message if found else "Code: 1002. DB::Exception: %s. (UNKNOWN_EXCEPTION)" % message
        body = ("%s (version %s)\n" % (said.strip(), self.server.version)).encode()
        self.send(STATUS.get(code, 400 if code in ("62", "27", "26", "6", "53", "164") else 500), body, [("X-ClickHouse-Exception-Code", code)])

    def user(self, given):
        header = self.headers.get("authorization") or ""
        if header.startswith("Basic "):
            name, _, password = base64.b64decode(header[6:]).decode().partition(":")
        else:
            name = self.headers.get("x-clickhouse-user") or given.get("user") or "default"
            password = self.headers.get("x-clickhouse-key") or given.get("password") or ""
        if name not in USERS or password != PASSWORD:
            raise Refused(
                "Code: 516. DB::Exception: %s: Authentication failed: password is incorrect, or there is no user with such name. (AUTHENTICATION_FAILED)"
                % name
            )
        return USERS[name]

    def body(self):
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        parts = []
        while True:
            length = int(self.rfile.readline().split(b";")[0], 16)
            parts.append(self.rfile.read(length))
            self.rfile.readline()
            if length == 0:
                return b"".join(parts)

    def form(self, raw):
        """What a body of `multipart/form-data` says, in which a statement and its parameters may come."""
        whole = b"content-type: %s\r\n\r\n%s" % (self.headers["content-type"].encode(), raw)
        parts = BytesParser(policy=HTTP).parsebytes(whole).iter_parts()
        return {part.get_param("name", header="content-disposition"): part.get_payload(decode=True).decode() for part in parts}

    def handle_any(self):
        address, _, search = self.path.partition("?")
        raw = self.body()
        if address == "/ping":
            return self.send(200, b"Ok.\n")
        try:
            given = dict(parse_qsl(search, keep_blank_values=True))
            profile = self.user(given)
            if len(raw) > MOST_BYTES:
                raise Refused("Code: 307. DB::Exception: The body is too large. (TOO_MANY_BYTES)")
            if (self.headers.get("content-type") or "").startswith("multipart/form-data"):
                given.update(self.form(raw))
                raw = b""
            text = given.get("query", "")
            body = raw.decode("utf-8", "surrogateescape")
            statement = "%s\n%s" % (text, body) if text and body else text or body
            # Values of parameters are escaped as in a file with tabs between them.
            parameters = {name[6:]: value for name, value in given.items() if name.startswith("param_")}
            settings = {
                name: value for name, value in given.items() if name not in OF_THE_DOOR and not name.startswith("param_")
            }
            self.send(200, self.server.run(statement, given, profile, settings, parameters))
        except Refused as refused:
            self.fail(str(refused))
        except Exception as error:  # The engine's own have no class for each.
            self.fail(str(error))

    do_GET = do_POST = handle_any


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port, folder):
        super().__init__(("127.0.0.1", port), Door)
        self.folder = folder
        self.kept = session.Session(folder)
        self.version = self.kept.query("SELECT version()", "TSVRaw").bytes().decode().strip()

    def run(self, statement, given, profile, settings, parameters):
        # Its settings and its database are the request's alone.
        own = session.Session(self.folder)
        try:
            for some in (profile, settings):
                if some:
                    own.query("SET %s" % ", ".join("%s = %s" % (name, quoted(value)) for name, value in some.items()))
            if given.get("database"):
                own.query("USE %s" % named(given["database"]))
            answer = own.query(statement, given.get("default_format", "TabSeparated"), params=parameters)
            return b"" if answer is None else bytes(answer.bytes())
        finally:
            own.close()


def main():
    port, folder = int(sys.argv[1]), sys.argv[2]
    threading.stack_size(64 * 1024 * 1024)
    Server(port, folder).serve_forever()


main()
