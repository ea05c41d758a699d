"""Caching (RFC 9111, RFC 8246, RFC 5861, RFC 9213): the Cache-Control of each class of response."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cache:
    """How long a resource stays fresh; ages in seconds, `None` leaves a directive out.

    >>> Cache("weekly", max_age=604800, shared_max_age=86400).control
    'public, max-age=604800, s-maxage=86400'
    """

    name: str
    max_age: int | None = None
    shared_max_age: int | None = None
    stale_while_revalidate: int | None = None
    immutable: bool = False
    cdn_max_age: int | None = None
    cdn_stale_while_revalidate: int | None = None

    @property
    def control(self) -> str:
        """Return the value of Cache-Control."""
        later = self.shared_max_age is not None or self.stale_while_revalidate is not None
        ages = {
            # no-cache would make the other ages dead (RFC 9111 §5.2.2.4), so they stand beside an age of none.
            "max-age": 0 if self.max_age is None and later else self.max_age,
            "s-maxage": self.shared_max_age,
            "stale-while-revalidate": self.stale_while_revalidate,
        }
        # "no-cache" without any age: stored, but validated before each use (RFC 9111 §5.2.2.4).
        directives = ["public"] + (["no-cache"] if self.max_age is None and not later else [])
        directives += [f"{name}={age}" for name, age in ages.items() if age is not None]
        # no-transform (RFC 9111 §5.2.2.6): an edge that recompresses would break entity tags and digests.
        return ", ".join(directives + (["immutable", "no-transform"] if self.immutable else []))

    @property
    def cdn_control(self) -> str:
        """Return the value of CDN-Cache-Control, `""` where no age is meant for a CDN alone.

        >>> Cache("edge", cdn_max_age=86400, cdn_stale_while_revalidate=60).cdn_control
        'max-age=86400, stale-while-revalidate=60'
        """
        if self.cdn_max_age is None and self.cdn_stale_while_revalidate is None:
            return ""
        # RFC 9213 §2.2: who obeys it takes no notice of Cache-Control, so it says the shared age again.
        ages = (self.cdn_max_age, self.shared_max_age, self.max_age)
        directives = [f"max-age={next((age for age in ages if age is not None), 0)}"]
        if self.cdn_stale_while_revalidate is not None:
            directives.append(f"stale-while-revalidate={self.cdn_stale_while_revalidate}")
        return ", ".join(directives)


IMMUTABLE = Cache("immutable", max_age=31_536_000, immutable=True)
REVALIDATE = Cache("revalidate")
ALIAS = Cache("alias", max_age=600, stale_while_revalidate=86_400)
"""A redirect to what is best today: fresh for ten minutes, then at hand for a day while a cache asks anew."""
NOT_FOUND = Cache("not-found", max_age=60)
NO_STORE = "no-store"
