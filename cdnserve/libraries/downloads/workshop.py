"""What all downloads of one command share: the client, the cache, and what registries said already.

Never asks the same thing twice, and asks nothing before somebody needs it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Generic, TypeVar

from cdnserve.libraries.downloads.cache import Cache, cache_folder
from cdnserve.libraries.registries.address import Address
from cdnserve.libraries.registries.client import Client
from cdnserve.libraries.registries.configuration import ask_npm, read_configuration
from cdnserve.libraries.registries.connections import http_client
from cdnserve.libraries.registries.metadata import Package, find_package
from cdnserve.libraries.registries.registry import Registry, find_registry
from cdnserve.libraries.registries.signatures import Keys, find_keys
from cdnserve.libraries.settings import Progress, Settings

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Once(Generic[Question, Answer]):
    """Asks each question once; threads that ask it meanwhile wait, and get the same answer or error."""

    def __init__(self, ask: Callable[[Question], Answer]) -> None:
        self._ask = ask
        self._lock = threading.Lock()
        self._answers: dict[Question, Future[Answer]] = {}

    def __call__(self, question: Question) -> Answer:
        """Give the answer."""
        with self._lock:
            is_first = question not in self._answers
            answer = self._answers.setdefault(question, Future())
        if is_first:
            try:
                answer.set_result(self._ask(question))
            except BaseException as error:
                answer.set_exception(error)
        return answer.result()

    def know(self, question: Question, answer: Answer) -> None:
        """Have the answer to a question that has not been asked."""
        known = self._answers.setdefault(question, Future())
        known.set_result(answer)


class Workshop:
    """The downloads of one command, from several threads at once."""

    def __init__(self, settings: Settings, progress: Progress, packages: Iterable[Package] = ()) -> None:
        configuration = read_configuration(settings)
        npm = Once[str, str](lambda key: ask_npm(key, settings))
        folder = cache_folder(settings)
        self.settings = settings
        self.progress = progress
        self.cache = Cache(folder, settings.limits.tarball) if folder else None
        self._http = http_client(settings, configuration)
        self.client = Client(self._http, settings)
        self._registry = Once[str, Registry](lambda name: find_registry(name, settings, configuration, npm))
        self._package = Once[str, Package](self._find_package)
        self._keys = Once[Address, Keys](lambda address: find_keys(Registry(address, configuration), self.client))
        for package in packages:
            self._package.know(package.name, package)

    def __enter__(self) -> Workshop:
        """Begin."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close every connection."""
        self._http.close()

    def stop(self) -> None:
        """Call everything off."""
        self.client.stop()

    def require_going(self) -> None:
        """Raise `StoppedError` once everything was called off."""
        self.client.require_going()

    def registry(self, name: str) -> Registry:
        """Give the registry of a package."""
        return self._registry(name)

    def package(self, name: str) -> Package:
        """Give what the registry says of a package."""
        return self._package(name)

    def keys(self, registry: Registry) -> Keys:
        """Give the keys that a registry signs with."""
        return self._keys(registry.address)

    def _find_package(self, name: str) -> Package:
        return find_package(name, self.registry(name), self.client, self.settings.limits.metadata, self.progress)
