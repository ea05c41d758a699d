"""Objects in S3, Google Cloud Storage, Azure Blob Storage or a folder: read, created once, replaced, listed, deleted.

What a store answers is hostile: every read has a bound, and its text is never shown, but for a status and a code.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from cdnserve.display import printable
from cdnserve.errors import ConfigurationError, Problem
from cdnserve.release.store import blob_missing

if TYPE_CHECKING:
    from obstore import GetOptions, UpdateVersion
    from obstore.store import ClientConfig, ObjectStore, RetryConfig, S3CredentialProvider

_URL = re.compile(
    r"(s3|gs|az)://[A-Za-z0-9][A-Za-z0-9._-]{0,254}(/[^\x00-\x20?#@\\%\x7f]*)?|file:///[^\x00-\x1f?#%\x7f]+"
)
_STATUS = re.compile(r"status code: ([1-5][0-9]{2})")
_CODE = re.compile(r"<Code>([A-Za-z0-9._-]{1,64})</Code>")
_SYSTEM = re.compile(r"[A-Za-z ]{1,80} \(os error [0-9]{1,5}\)")
_SLOW = re.compile(r"kind: Timeout|TimedOut")
# The variables by which each kind of store is told another address.
_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
_PLAIN_HTTP = {"s3": "AWS_ALLOW_HTTP", "gs": "GOOGLE_ALLOW_HTTP", "az": "AZURE_ALLOW_HTTP"}
_PIECE = 1 << 20
_PART = 16 << 20
# More than any store of ours has; who lists more than that does not come to an end.
MOST_LISTED = 10_000_000


class ObjectStoreError(ConfigurationError):
    """What an object store refused, or answered wrong.

    `passing` says that the same may go well later, as when the store can't be reached.
    """

    def __init__(self, problem: Problem, *, passing: bool = False) -> None:
        super().__init__([problem])
        self.passing = passing


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for a connection, for more of an answer and for a whole request, and how often to try again."""

    connect: float = 5.0
    read: float = 20.0
    whole: float = 600.0
    retries: int = 3


@dataclass(frozen=True, slots=True)
class Content:
    """The octets of an object, its entity tag, which is empty where the store has none, and when it was written.

    That is in seconds since 1970, by the store's clock. Google's conditions are on a `version`, its generation.
    """

    octets: bytes
    tag: str
    written: float = 0.0
    version: str | None = None


@dataclass(frozen=True, slots=True)
class ObjectEntry:
    """An object in a listing; `written` is in seconds since 1970, by the store's clock."""

    name: str
    size: int
    written: float


class Objects:
    """The objects below one URL; safe to use from several threads. Raises ObjectStoreError."""

    def __init__(self, url: str, timeouts: Timeouts | None = None) -> None:
        self.url = url.rstrip("/")
        _check(url)
        timeouts = timeouts or Timeouts()
        # While something is sent, nothing is read: a limit for reading would be one for sending.
        self._writer = _open(url, replace(timeouts, read=0))
        self._reader = _open(url, timeouts)
        # What is tried once: after a second try a condition may fail because of the first.
        self._once = _open(url, replace(timeouts, read=0, retries=0))

    def get(self, name: str, most: int, known: Content | None = None) -> Content | None:
        """Return an object of at most so many octets, `None` where there is none; `known` itself if that is it."""
        from obstore.exceptions import NotModifiedError  # noqa: PLC0415

        with self._failing(name):
            try:
                condition: GetOptions = {"if_none_match": known.tag} if known and known.tag else {}
                found = self._reader.get(name, options=condition)
                if found.meta["size"] > most:
                    raise self._too_large(name, most)
                octets = b"".join(self._bounded(name, found.stream(_PIECE), found.meta["size"]))
            except FileNotFoundError as error:
                self._insist_on_bucket(error)
                return None
            except NotModifiedError:
                return known
        meta = found.meta
        return Content(octets, meta["e_tag"] or "", meta["last_modified"].timestamp(), meta["version"])

    def stream(self, name: str, size: int) -> Iterator[bytes]:
        """Yield an object of exactly so many octets in pieces; that there is none is a problem, too."""
        with self._failing(name):
            try:
                found = self._reader.get(name)
            except FileNotFoundError as error:
                self._insist_on_bucket(error)
                raise ObjectStoreError(blob_missing(self.url, (name,))) from None
            if found.meta["size"] != size:
                raise self._wrong_size(name, f"{found.meta['size']} octets instead of {size}")
            yield from self._bounded(name, found.stream(_PIECE), size)

    def create(self, name: str, octets: bytes) -> bool:
        """Write an object unless there is one of this name; return whether it was written.

        After a connection that broke it may have been written by this call, and `False` be returned.
        """
        from obstore.exceptions import AlreadyExistsError  # noqa: PLC0415

        with self._failing(name):
            try:
                self._writer.put(name, octets, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
        return True

    def replace(self, name: str, octets: bytes) -> None:
        """Write an object, whatever was there."""
        with self._failing(name):
            self._writer.put(name, octets, use_multipart=False)

    def replace_file(self, name: str, path: Path) -> None:
        """Write a large object from a file in parts, whatever was there; it is there once it is whole."""
        with self._failing(name):
            self._writer.put(name, path, use_multipart=True, chunk_size=_PART, max_concurrency=4)

    def exchange(self, name: str, octets: bytes, known: Content) -> bool:
        """Write an object if it is still the `known` one; return whether it was.

        Where the store has no such condition, it is written whatever was there.
        """
        from obstore.exceptions import PreconditionError  # noqa: PLC0415

        with self._failing(name):
            try:
                condition: UpdateVersion = {"e_tag": known.tag}
                if known.version:
                    condition["version"] = known.version
                self._once.put(name, octets, mode=condition, use_multipart=False)
            except PreconditionError:
                return False
            except Exception as error:
                if not _is_unsupported(error):
                    raise
                self._writer.put(name, octets, use_multipart=False)
        return True

    def written(self, name: str) -> float | None:
        """Return when an object was written, `None` where there is none."""
        with self._failing(name):
            try:
                return self._reader.head(name)["last_modified"].timestamp()
            except FileNotFoundError as error:
                self._insist_on_bucket(error)
                return None

    def list(self, folder: str) -> Iterator[ObjectEntry]:
        """Yield the objects in a folder; the names are relative to it. A store that repeats itself is told."""
        seen: set[str] = set()
        with self._failing(folder):
            for page in self._reader.list(folder, chunk_size=1000):
                for meta in page:
                    name = meta["path"].removeprefix(f"{folder}/")
                    if name in seen or len(seen) == MOST_LISTED:
                        raise ObjectStoreError(self._endless(folder))
                    seen.add(name)
                    yield ObjectEntry(name, meta["size"], meta["last_modified"].timestamp())

    def delete(self, names: Sequence[str]) -> None:
        """Delete objects; those that are gone already are none to tell of."""
        with self._failing(""):
            try:
                self._writer.delete(names)
            except FileNotFoundError:
                for name in names:
                    with _gone():
                        self._writer.delete(name)

    def place(self, name: str) -> str:
        """Return where an object lies, for messages."""
        return f"{self.url}/{name}" if name else self.url

    @contextmanager
    def _failing(self, name: str) -> Iterator[None]:
        """Turn whatever the library raises into an ObjectStoreError."""
        from obstore.exceptions import BaseError  # noqa: PLC0415

        try:
            yield
        except FileNotFoundError:  # what may be missing is caught before; this is what all lies in
            raise ObjectStoreError(_no_bucket(self.url)) from None
        except (BaseError, OSError, ValueError, NotImplementedError) as error:
            problem, passing = _problem(error, self.place(name))
            raise ObjectStoreError(problem, passing=passing) from None

    def _bounded(self, name: str, pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
        left = size
        for piece in pieces:
            octets = bytes(piece)
            left -= len(octets)
            if left < 0:
                raise self._wrong_size(name, f"more than {size} octets")
            yield octets
        if left:
            raise self._wrong_size(name, f"{size - left} octets instead of {size}")

    def _wrong_size(self, name: str, value: str) -> ObjectStoreError:
        message = "the object store answered with another length than it should have"
        hint = "try again; if it stays so, cdnserve publish stores the bytes anew"
        return ObjectStoreError(Problem("store-truncated", message, self.place(name), value, hint))

    def _too_large(self, name: str, most: int) -> ObjectStoreError:
        message = f"this object is larger than {most:,} octets, so it is none of ours"
        return ObjectStoreError(Problem("store-too-large", message, self.place(name), hint="look what wrote it"))

    def _endless(self, folder: str) -> Problem:
        message = "the object store's listing repeats itself or does not end"
        return Problem(
            "store-listing", message, self.place(folder), hint="this is a fault of the store: tell its operator"
        )

    def _insist_on_bucket(self, error: FileNotFoundError) -> None:
        """Raise unless only the object is missing."""
        if "<Code>NoSuchBucket</Code>" in str(error) or "<Code>ContainerNotFound</Code>" in str(error):
            raise ObjectStoreError(_no_bucket(self.url)) from None


@contextmanager
def _gone() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        return


def _open(url: str, timeouts: Timeouts) -> ObjectStore:
    from obstore.store import AzureStore, GCSStore, S3Store  # noqa: PLC0415

    from cdnserve.release.object_folder import ObjectFolder  # noqa: PLC0415

    client: ClientConfig = {
        "connect_timeout": timedelta(seconds=timeouts.connect),
        "timeout": timedelta(seconds=timeouts.whole),
    }
    if timeouts.read:
        client["read_timeout"] = timedelta(seconds=timeouts.read)
    if _is_loopback(_endpoint(url)) or _allows_http(url):
        client["allow_http"] = True
    tries: RetryConfig = {"max_retries": timeouts.retries, "retry_timeout": timedelta(seconds=timeouts.whole)}
    with _refusing(url):
        match url[:2]:
            case "s3":
                return S3Store.from_url(url, client_options=client, retry_config=tries, credential_provider=_profile())
            case "gs":
                return GCSStore.from_url(url, client_options=client, retry_config=tries)
            case "az":
                return AzureStore.from_url(url, client_options=client, retry_config=tries)
    folder = Path(url.removeprefix("file://"))
    if not folder.is_dir():
        raise ObjectStoreError(_no_bucket(url))
    return ObjectFolder(folder)


def _profile() -> S3CredentialProvider | None:
    """Return who knows the keys of the profile that is asked for; keys in the environment go first, as in the SDKs."""
    if not os.environ.get("AWS_PROFILE") or os.environ.get("AWS_ACCESS_KEY_ID"):
        return None
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415
    except ImportError:
        hint = "pip install boto3, or give the keys as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        message = "profiles are read by boto3, which is not installed"
        raise ObjectStoreError(Problem("store-not-installed", message, "AWS_PROFILE", hint=hint)) from None
    return Boto3CredentialProvider()


@contextmanager
def _refusing(url: str) -> Iterator[None]:
    from obstore.exceptions import BaseError  # noqa: PLC0415

    try:
        yield
    except (BaseError, ValueError, OSError):
        # The library's text may hold keys.
        message = "the settings of this object store can't be used"
        hint = "look at the variables that name its keys, region and endpoint"
        raise ObjectStoreError(Problem("store-settings", message, url, hint=hint)) from None


def _check(url: str) -> None:
    if not find_spec("obstore"):
        message, hint = "object stores need the extra `store`", "pip install 'cdnserve[store]'"
        raise ObjectStoreError(Problem("store-not-installed", message, url, hint=hint))
    parts = urlsplit(url).path.split("/")
    if not _URL.fullmatch(url) or {".", ".."} & set(parts) or "" in parts[1:-1]:
        message = "this names no object store"
        hint = "write s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, az://CONTAINER/PREFIX or file:///FOLDER, without keys"
        raise ObjectStoreError(
            Problem("store-url", message, value="" if "@" in url else printable(url[:200]), hint=hint)
        )
    endpoint = _endpoint(url)
    if endpoint.lower().startswith("http:") and not _is_loopback(endpoint) and not _allows_http(url):
        message = "the endpoint of the object store is plain http, which anybody on the way can read and change"
        hint = f"use https, or say {_PLAIN_HTTP[url[:2]]}=true where the network is trusted"
        raise ObjectStoreError(Problem("store-plain-http", message, value=printable(endpoint[:200]), hint=hint))


def _endpoint(url: str) -> str:
    names = _ENDPOINTS.get(url[:2], ())
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


def _allows_http(url: str) -> bool:
    return os.environ.get(_PLAIN_HTTP.get(url[:2], ""), "").lower() in ("true", "1")


def _is_loopback(endpoint: str) -> bool:
    try:
        host = urlsplit(endpoint).hostname or ""
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _is_unsupported(error: Exception) -> bool:
    return isinstance(error, NotImplementedError) or _status(error) == 501


def _status(error: Exception) -> int:
    found = _STATUS.search(str(error))
    return int(found[1]) if found else 0


def _problem(error: Exception, place: str) -> tuple[Problem, bool]:
    """Return what an error of the library means, and whether it may pass."""
    text, status = str(error), _status(error)
    code = _CODE.search(text)
    value = " ".join(filter(None, (str(status or ""), code[1] if code else "")))
    if status in (401, 403):
        hint = "look at the keys, their rights on this bucket and prefix, and the clock of this machine"
        return Problem("store-denied", "the object store refused access", place, value, hint), False
    if status == 404:
        return _no_bucket(place), False
    if status:
        hint = "try again later; what was published before is untouched"
        return Problem("store-failed", "the object store answered with an error", place, value, hint), status >= 500
    if place.startswith("file:"):
        system = _SYSTEM.search(text)
        hint = "look at the folder, its owner and its disk"
        value = (isinstance(error, OSError) and error.strerror) or (system[0] if system else "")
        return Problem("store-failed", "the object store could not do this", place, value, hint), False
    value = "it took too long" if _SLOW.search(text) else ""
    hint = "look at the network, the endpoint and the region"
    return Problem("store-unreachable", "the object store can't be reached, or broke off", place, value, hint), True


def _no_bucket(place: str) -> Problem:
    if place.startswith("file:"):
        return Problem("store-missing", "there is no such folder", place, hint="create it, or correct the URL")
    hint = "create it, or correct the URL; the endpoint may be another one, too"
    return Problem("store-missing", "there is no such bucket", place, hint=hint)
