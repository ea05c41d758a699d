"""Caching (RFC 9111, RFC 8246, RFC 5861): the Cache-Control of each class of response."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cdnserve.rules.caching import ALIAS, IMMUTABLE, NO_STORE, NOT_FOUND, REVALIDATE, Cache


@pytest.mark.parametrize(
    ("cache", "control"),
    [
        pytest.param(IMMUTABLE, "public, max-age=31536000, immutable, no-transform", id="immutable file"),
        pytest.param(REVALIDATE, "public, no-cache", id="revalidate file"),
        pytest.param(ALIAS, "public, max-age=600, stale-while-revalidate=86400", id="alias"),
        pytest.param(NOT_FOUND, "public, max-age=60", id="not found"),
        pytest.param(Cache("none", max_age=0), "public, max-age=0", id="stale at once"),
        pytest.param(
            Cache("weekly", max_age=604800, shared_max_age=86400, stale_while_revalidate=3600),
            "public, max-age=604800, s-maxage=86400, stale-while-revalidate=3600",
            id="all ages",
        ),
        pytest.param(Cache("edge", 60, shared_max_age=0), "public, max-age=60, s-maxage=0", id="a shared age of zero"),
        pytest.param(
            Cache("serve stale", 60, stale_while_revalidate=0),
            "public, max-age=60, stale-while-revalidate=0",
            id="stale for no time",
        ),
    ],
)
def test_the_control_of_a_class(cache: Cache, control: str) -> None:
    assert control == cache.control


@pytest.mark.parametrize(
    ("cache", "control"),
    [
        pytest.param(IMMUTABLE, "", id="immutable file"),
        pytest.param(REVALIDATE, "", id="revalidate file"),
        pytest.param(ALIAS, "", id="alias"),
        pytest.param(NOT_FOUND, "", id="not found"),
        pytest.param(Cache("all but these", 60, 5, 3), "", id="no age for a CDN"),
        pytest.param(Cache("edge", cdn_max_age=0), "max-age=0", id="stale at once"),
        pytest.param(Cache("edge", 60, 5, 3, cdn_max_age=86400), "max-age=86400", id="an age"),
        pytest.param(
            Cache("edge", cdn_max_age=1, cdn_stale_while_revalidate=2),
            "max-age=1, stale-while-revalidate=2",
            id="both",
        ),
        pytest.param(
            Cache("edge", 60, 5, cdn_stale_while_revalidate=2),
            "max-age=5, stale-while-revalidate=2",
            id="with the age for shared caches",
        ),
        pytest.param(
            Cache("edge", 60, cdn_stale_while_revalidate=0),
            "max-age=60, stale-while-revalidate=0",
            id="with the age for all",
        ),
        pytest.param(
            Cache("edge", cdn_stale_while_revalidate=2), "max-age=0, stale-while-revalidate=2", id="with no age at all"
        ),
    ],
)
def test_the_control_for_a_cdn(cache: Cache, control: str) -> None:
    """RFC 9213 §2.2: a Dictionary of Structured Fields, and whoever obeys it takes no notice of Cache-Control."""
    assert control == cache.cdn_control
    assert replace(cache, cdn_max_age=None, cdn_stale_while_revalidate=None).control == cache.control


def test_what_must_not_be_kept_says_nothing_else() -> None:
    assert NO_STORE == "no-store"


ages = st.none() | st.integers(min_value=0, max_value=2**31)


@given(ages, ages, ages, st.booleans())
def test_directives_never_contradict_each_other(
    age: int | None, shared: int | None, stale: int | None, immutable: bool
) -> None:
    control = Cache("any", age, shared, stale, immutable).control
    directives = control.split(", ")
    names = [directive.partition("=")[0] for directive in directives]
    assert len(set(names)) == len(names)
    assert names[0] == "public"
    assert ("no-cache" in names) != ("max-age" in names)
    assert immutable == ("immutable" in names)
    assert all(directive.partition("=")[2].isdecimal() for directive in directives if "=" in directive)
