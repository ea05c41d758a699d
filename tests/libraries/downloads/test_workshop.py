"""What all downloads of one command share."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cdnserve.libraries.downloads.workshop import Once, Workshop
from cdnserve.libraries.settings import Silent
from tests.libraries.registry import LocalRegistry, packed, settings_for


def test_a_question_is_asked_once() -> None:
    asked: list[str] = []

    def ask(question: str) -> int:
        asked.append(question)
        return len(question)

    once = Once[str, int](ask)
    assert [1, 2, 1] == [once("a"), once("bb"), once("a")]
    assert ["a", "bb"] == asked


def test_whoever_asks_meanwhile_waits() -> None:
    answering = threading.Event()
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        assert answering.wait(20)
        return "answer"

    once = Once[str, str](ask)
    with ThreadPoolExecutor(4) as threads:
        waiting = [threads.submit(once, "question") for _ in range(4)]
        answering.set()
        assert ["answer"] * 4 == [one.result(20) for one in waiting]
    assert ["question"] == asked


def test_an_error_is_everybodys() -> None:
    asked: list[str] = []

    def ask(question: str) -> str:
        asked.append(question)
        raise ValueError(question)

    once = Once[str, str](ask)
    for _ in range(2):
        with pytest.raises(ValueError, match="question"):
            once("question")
    assert ["question"] == asked


def test_what_is_known_is_not_asked() -> None:
    once = Once[str, str](lambda question: pytest.fail("it was asked"))
    once.know("question", "answer")
    assert "answer" == once("question")


def test_a_document_is_fetched_once(tmp_path: Path, registry: LocalRegistry) -> None:
    registry.publish("x", "1.0.0", packed({"a.js": "1"}))
    with Workshop(settings_for(tmp_path, registry.url), Silent()) as workshop:
        package = workshop.package("x")
        assert package is workshop.package("x")
    with Workshop(settings_for(tmp_path, registry.url), Silent(), [package]) as workshop:
        assert package is workshop.package("x")
    assert ["/x"] == registry.paths()
