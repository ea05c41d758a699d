"""Package names, versions (Semantic Versioning 2.0.0), their precedence (§11), and npm's ranges over them.

A request may hold a range, so what is read of it is bounded: in characters, and in comparators.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

# Capitals are allowed, for some old packages have them; a scope never had any.
NAME = re.compile(r"(?:@[a-z0-9~-][a-z0-9._~-]*/)?[A-Za-z0-9~-][A-Za-z0-9._~-]*")
_LONGEST_NAME = 214
_RESERVED = frozenset({"node_modules", "favicon.ico"})

_INTEGER = r"(?:0|[1-9][0-9]{0,15})"
_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
_PRERELEASE = rf"(?:-{_IDENTIFIER}(?:\.{_IDENTIFIER})*)?"
# Without build metadata, for npm drops it.
VERSION = re.compile(rf"{_INTEGER}(?:\.{_INTEGER}){{2}}{_PRERELEASE}")
_LONGEST_VERSION = 256

LONGEST_RANGE = 128
# Each comparator is compared with each version.
_MOST_WORDS = 12

# npm's range grammar; a comparator has one operator, and `=` and `v` may stand before a bare version.
_NUMBER = r"(?:0|[1-9][0-9]{0,15}|[xX*])"
_PARTIAL = rf"v?{_NUMBER}(?:\.{_NUMBER}(?:\.{_NUMBER}{_PRERELEASE}(?:\+[0-9A-Za-z.-]+)?)?)?"
# An operator brings its blanks along: two runs of blanks side by side would be matched in every split of them.
_COMPARATOR = rf"(?:(?:>=|<=|~>|[><=~^]) *)?{_PARTIAL}"
_COMPARATORS = rf" *(?:{_COMPARATOR}(?: +{_COMPARATOR})* *)?"
_HYPHEN = rf" *{_PARTIAL} +- +{_PARTIAL} *"
_SET = re.compile(rf"{_HYPHEN}|{_COMPARATORS}", re.ASCII)
# What every version without a prerelease satisfies; beside it, an alternative adds nothing.
_ANY = re.compile(r" *(?:(?:>=|~>|<=|[=~^]) *)?(?:(?:v|v?[xX*](?:\.[xX*])*) *)?|>= *0(?:\.0)*", re.ASCII)


def is_package_name(name: str) -> bool:
    """Return whether npm could have a package of this name.

    >>> [is_package_name(name) for name in ("jquery", "@fontsource/inter", "../x", "@a/b/c")]
    [True, True, False, False]
    """
    whole = NAME.fullmatch(name) is not None and len(name) <= _LONGEST_NAME
    return whole and name.lower() not in _RESERVED


def is_exact_version(version: str) -> bool:
    """Return whether a version is one version, neither a range nor a tag.

    >>> [is_exact_version(version) for version in ("3.7.1", "5.0.0-beta.1", "^3.7.1", "3.7", "latest")]
    [True, True, False, False, False]
    """
    return VERSION.fullmatch(version) is not None and len(version) <= _LONGEST_VERSION


def is_pin(text: str) -> bool:
    """Return whether a text is a name and an exact version, as `name@version`.

    >>> is_pin("@fontsource/inter@5.1.0"), is_pin("jquery")
    (True, False)
    """
    name, _, version = text.rpartition("@")
    return is_package_name(name) and is_exact_version(version)


def is_range(text: str) -> bool:
    """Return whether npm would take a text for a range of versions; an exact version is one, a tag is none.

    >>> [is_range(text) for text in ("^3.6", "3", ">=1.2 <2 || 3.x", "", "latest", "1 || beta")]
    [True, True, True, True, False, False]
    """
    if len(text) > LONGEST_RANGE or len(text.replace("||", " | ").split()) > _MOST_WORDS:
        return False
    return all(_SET.fullmatch(one) for one in text.split("||"))


def best(text: str, versions: Iterable[str]) -> str | None:
    """Return the highest of the exact versions that satisfies a range, `None` where none does or it is no range.

    As with npm, a prerelease satisfies only a range that names a prerelease of the same three numbers.

    >>> best("^3.6", ["3.5.1", "3.7.1", "4.0.0", "3.8.0-rc.1"])
    '3.7.1'
    """
    if not is_range(text):
        return None
    versions = list(versions)
    if text in versions:
        return text
    if plain := _PLAIN.fullmatch(text):
        fitting = [one for one in versions if "-" not in one and _lets_in(plain[1], plain[2], one)]
        return max(fitting, key=_precedence, default=None)
    import nodesemver  # noqa: PLC0415 - it takes longer to load than most commands take

    wanted = "*" if any(_ANY.fullmatch(one) for one in text.split("||")) else text
    found: str | None = nodesemver.max_satisfying(versions, wanted, loose=False)
    return found


# What `add` writes, and what most dependents ask for.
_PLAIN = re.compile(rf"([~^])({_INTEGER}(?:\.{_INTEGER}){{2}})")


def _lets_in(operator: str, least: str, version: str) -> bool:
    """Return whether a version is at least another, and the same up to the first number that isn't 0, or the second."""
    low, numbers = _numbers(least), _numbers(version)
    leading = next((at for at, number in enumerate(low) if number), 2) if operator == "^" else 1
    return numbers >= low and numbers[: leading + 1] == low[: leading + 1]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(one) for one in version.partition("-")[0].split("."))


def newest(versions: Iterable[str]) -> str | None:
    """Return the highest exact version; a prerelease only where there is nothing else.

    >>> newest(["3.9.0", "3.10.0", "4.0.0-beta.1"]), newest(["4.0.0-beta.1", "4.0.0-alpha"]), newest([])
    ('3.10.0', '4.0.0-beta.1', None)
    """
    every = ascending(versions)
    return next((one for one in reversed(every) if "-" not in one), every[-1] if every else None)


def ascending(versions: Iterable[str]) -> list[str]:
    """Sort exact versions by precedence.

    >>> ascending(["10.0.0", "2.0.0", "2.0.0-rc.1"])
    ['2.0.0-rc.1', '2.0.0', '10.0.0']
    """
    return sorted(versions, key=_precedence)


def _precedence(version: str) -> tuple[tuple[int, ...], bool, list[tuple[bool, int, str]]]:
    # §11.3: a prerelease comes before its release. §11.4: numbers by value and before words, words by ASCII.
    prerelease = version.partition("-")[2]
    parts = [(False, int(one), "") if one.isdecimal() else (True, 0, one) for one in prerelease.split(".") if one]
    return _numbers(version), not prerelease, parts


REQUIREMENT = r"[ <>=~^v|]*[0-9xX*][ 0-9A-Za-z.*+<>=~^|-]*"
"""What every requirement looks like, for editors; it lets some texts through that are none."""


_VERSION_LIKE = re.compile(REQUIREMENT)


def is_requirement(text: str) -> bool:
    """Return whether a text is an exact version or an npm range.

    >>> [is_requirement(text) for text in ("3.7.1", "^3.6", "1 || 2", "latest", "", " ")]
    [True, True, True, False, False, False]
    """
    # npm takes an empty text for any version; here it is rather something that was forgotten.
    return is_exact_version(text) or (_VERSION_LIKE.fullmatch(text) is not None and is_range(text))


def resolve(requirement: str, versions: Collection[str]) -> str | None:
    """Return the version that a requirement stands for, the highest that it allows; `None` where it allows none.

    >>> resolve("^3.6", ["3.5.1", "3.6.0", "3.7.1"]), resolve("3.7.1", ["3.7.0"])
    ('3.7.1', None)
    """
    if is_exact_version(requirement):
        return requirement if requirement in versions else None
    return best(requirement, versions)
