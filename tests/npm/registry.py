"""A registry on loopback that answers whatever a test tells it to, the truth or worse.

Never listens but on a port that the system chose, and never outlives the test.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import re
import sys
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from cdnserve.npm.settings import DownloadLimits, NpmSettings

QUICK = DownloadLimits(
    first_pause=0.0, longest_pause=1.0, connect=5.0, silence=5.0, exchange=10.0, total=30.0, attempts=3
)


@dataclass(frozen=True)
class Answer:
    """One response; `write` takes over once the head is out, for what no whole body can show."""

    status: int = 200
    body: bytes = b""
    fields: Mapping[str, str] = field(default_factory=dict)
    write: Callable[[BaseHTTPRequestHandler], None] | None = None

    def part(self, asked: Asked) -> Answer:
        """Return what an honest server answers to a Range that goes to the end: RFC 9110 §14."""
        first = re.fullmatch(r"bytes=([0-9]+)-", asked.fields.get("range", ""))
        if self.status != 200 or not first or asked.fields.get("if-range") != self.fields.get("ETag"):
            return self
        start, size = int(first[1]), len(self.body)
        if start >= size:
            return Answer(416, fields={"Content-Range": f"bytes */{size}"})
        return Answer(206, self.body[start:], {**self.fields, "Content-Range": f"bytes {start}-{size - 1}/{size}"})


@dataclass(frozen=True)
class Asked:
    """One request that arrived."""

    path: str
    fields: Mapping[str, str]

    @property
    def authorization(self) -> str | None:
        """The Authorization field, `None` where there was none."""
        return self.fields.get("authorization")


class LocalRegistry:
    """Answers by path; a list of answers is given out one by one, the last one for ever."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[Asked] = []
        self.documents: dict[str, dict[str, Any]] = {}
        self.closing = threading.Event()
        self.connections = 0

    @property
    def authority(self) -> str:
        """Host and port, as npm's keys for credentials have them."""
        return self.url.removeprefix("https:").removeprefix("http:").strip("/")

    def answer(self, path: str, *answers: Answer) -> str:
        """Answer a path so, and give its URL."""
        self.answers[path] = list(answers)
        return f"{self.url.rstrip('/')}{path}"

    def paths(self) -> list[str]:
        """Return the paths that were asked for, in order."""
        return [asked.path for asked in self.asked]

    def publish(self, name: str, version: str, package: bytes, **changes: Any) -> str:
        """Answer for a package as an honest registry does, but for the changes; give the tarball's integrity.

        What was published before stays, and `latest` is what comes last. The changes are `integrity`, `shasum`,
        `signatures`, `unpackedSize` and `tarball` of the version, `deprecated`, `tags`, and `document` and `entry` to
        replace whole parts.
        """
        path = f"/{name}/-/{name.rpartition('/')[2]}-{version}.tgz"
        url = self.answer(path, Answer(body=package, fields={"Content-Type": "application/octet-stream"}))
        dist = {"tarball": url, "integrity": sha512(package), "shasum": "0" * 40}
        dist |= {key: value for key, value in changes.items() if key in (*dist, "signatures", "unpackedSize")}
        entry = changes.get("entry", {"name": name, "version": version, "dist": dist})
        entry = entry | {key: value for key, value in changes.items() if key == "deprecated"}
        known = self.documents.setdefault(name, {"name": name, "dist-tags": {}, "versions": {}})
        known["dist-tags"] |= {"latest": version, **changes.get("tags", {})}
        known["versions"][version] = entry
        document = changes.get("document", known)
        self.answer(f"/{name.replace('/', '%2F')}", Answer(body=json.dumps(document).encode()))
        return sha512(package)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    registry: LocalRegistry

    def setup(self) -> None:
        super().setup()
        self.registry.connections += 1

    def do_GET(self) -> None:
        fields = {name.lower(): value for name, value in self.headers.items()}
        asked = Asked(self.path, fields)
        self.registry.asked.append(asked)
        answers = self.registry.answers.get(self.path, [Answer(404)])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        # A body that is shorter than it says ends with the connection.
        whole = answer.fields.get("Content-Length", str(len(answer.body))) == str(len(answer.body))
        self.close_connection = not whole or answer.write is not None
        with suppress(BrokenPipeError, ConnectionResetError):
            self._write(answer.part(asked))

    def _write(self, answer: Answer) -> None:
        self.send_response(answer.status)
        fields = {"Content-Length": str(len(answer.body))} if not answer.write else {}
        for name, value in {**fields, **answer.fields}.items():
            self.send_header(name, value)
        self.end_headers()
        if answer.write:
            answer.write(self)
        else:
            self.wfile.write(answer.body)

    def log_message(self, *args: object) -> None:
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that leave, or that don't trust the certificate."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def serving(wrap: Callable[[ThreadingHTTPServer], None] | None = None) -> Iterator[LocalRegistry]:
    """Run a registry while the block runs; `wrap` may put TLS around its socket."""
    handler = type("Handler", (_Handler,), {})
    server = _Server(("127.0.0.1", 0), handler)
    registry = LocalRegistry(f"{'https' if wrap else 'http'}://127.0.0.1:{server.server_port}/")
    handler.registry = registry  # type: ignore[attr-defined]
    if wrap:
        wrap(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield registry
    finally:
        registry.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def settings_for(
    folder: Path, registry: str = "", environment: Mapping[str, str] | None = None, *, limits: DownloadLimits = QUICK
) -> NpmSettings:
    """Make settings of a person who has nothing configured but what is given."""
    home, directory = folder / "home", folder / "work"
    home.mkdir(exist_ok=True)
    directory.mkdir(exist_ok=True)
    return NpmSettings(environment or {}, home, directory, registry, limits)


def sha512(data: bytes) -> str:
    """Return a hash expression."""
    return f"sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"


def listed_key(key: Any, keyid: str = "mine", expires: str | None = None) -> dict[str, Any]:
    """Return the public part of a key as registries list theirs."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    kind = "ecdsa-sha2-nistp256"
    listed = {"keyid": keyid, "keytype": kind, "scheme": kind, "key": base64.b64encode(public).decode()}
    return {**listed, "expires": expires}


def signature(key: ec.EllipticCurvePrivateKey, message: str, keyid: str = "mine") -> dict[str, str]:
    """Sign as a registry does."""
    signed = key.sign(message.encode(), ec.ECDSA(SHA256()))
    return {"keyid": keyid, "sig": base64.b64encode(signed).decode()}


def packed(files: Mapping[str, bytes | str], *, folder: str = "package", modified: int = 499162500) -> bytes:
    """Pack files as npm does."""
    return tarball(*(member(f"{folder}/{path}", content, mtime=modified) for path, content in files.items()))


def member(name: str, content: bytes | str = b"", **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    """Make one member of an archive; the fields are those of TarInfo."""
    data = content.encode() if isinstance(content, str) else content
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in fields.items():
        setattr(info, key, value)
    return info, data


def tarball(*members: tuple[tarfile.TarInfo, bytes], style: int = tarfile.PAX_FORMAT) -> bytes:
    """Write members into a gzip'd archive, without asking whether they are decent."""
    return gzip.compress(archive(*members, style=style), 6, mtime=0)


def archive(*members: tuple[tarfile.TarInfo, bytes], style: int = tarfile.PAX_FORMAT) -> bytes:
    """Write members into an archive that is not compressed."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=style, encoding="utf-8", errors="surrogateescape") as out:
        for info, data in members:
            out.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
