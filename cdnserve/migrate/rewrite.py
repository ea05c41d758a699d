"""Rewriting: a page's text with other addresses, their integrity and `crossorigin` (HTML Standard §13.1.2.3).

Never changes a character outside of the addresses that it is given and the attributes that belong to them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from urllib.parse import urlsplit

from cdnserve.markup.json_positions import JsonPositions, Members, places
from cdnserve.markup.loads import base_of
from cdnserve.markup.tag import Attribute, Page, Tag
from cdnserve.markup.urls import resolve
from cdnserve.migrate.references import Reference, first_module
from cdnserve.rules.integrity import HashExpression, matches, parse_metadata, strongest
from cdnserve.rules.urls import public_url
from cdnserve.snippets.importmap import script_json

Edit = tuple[int, int, str]
"""Begin, end, and the text that takes the place of what stands between."""

_ALGORITHM = "sha384"
_NEEDS_QUOTES = re.compile(r"[\s\"'=<>`]|/\Z")


@dataclass(frozen=True, slots=True)
class Counterpart:
    """A hosted file: its logical path and its digests; a folder ends in `/` and has none.

    `modules` are those that an import map lists too, because they load with it. One that `is_built` stands for what a
    CDN builds as the address's query says. `names` are those, with their paths, that these modules import by and an
    import map must have.
    """

    path: str
    digests: tuple[HashExpression, ...] = ()
    modules: tuple[Counterpart, ...] = ()
    is_built: bool = False
    names: tuple[tuple[str, str], ...] = ()

    @property
    def integrity(self) -> str:
        """The hash expression that is written, `""` for a folder."""
        return next((str(one) for one in self.digests if one.algorithm == _ALGORITHM), "")


@dataclass(frozen=True, slots=True)
class Replacement:
    """A reference, and the files that take its address's place; none where the tag is needed no more."""

    reference: Reference
    counterparts: tuple[Counterpart, ...]


def differs(reference: Reference, counterparts: Sequence[Counterpart]) -> bool:
    """Return whether the page demands other bytes than those of the counterparts."""
    if not parse_metadata(reference.integrity):
        return False
    digests = [{one.algorithm: one.digest for one in counterpart.digests} for counterpart in counterparts]
    return len(digests) != 1 or not matches(reference.integrity, digests[0])


def rewrite(page: Page, decided: Sequence[Replacement], site_url: str) -> str:
    """Return the page's text with the counterparts at the base URL in place of what was decided."""
    edits: list[Edit] = []
    maps: defaultdict[Tag, list[Replacement]] = defaultdict(list)
    first_map = next((tag for tag in page.tags if tag.is_import_map and not tag.inert), None)
    inline = [one for one in decided if one.reference.role == "inline"]
    for one in decided:
        tag = one.reference.tag
        if tag and one.reference.role == "import":
            maps[tag].append(one)
        elif tag and one.reference.role == "inline" and first_map:
            maps[first_map].append(one)
        elif tag and one.reference.role != "inline":
            edits += _tag_edits(page, tag, one, site_url)
    for tag, inside in maps.items():
        edits += _map_edits(page, tag, inside, site_url)
    if inline and not first_map and (first := first_module(page)):
        edits.append(_new_map(page, first, inline, site_url))
    return _applied(page.text, edits)


def _new_map(page: Page, first: Tag, decided: Sequence[Replacement], site_url: str) -> Edit:
    """Put an import map before the first module; its keys are the addresses that the page's modules import."""
    indent = _indentation(page.text, first.start)
    urls = _urls(decided, site_url) | _names(decided, site_url)
    text = script_json({"imports": urls, "integrity": _hashes(decided, site_url)}).replace("\n", indent or "\n")
    nonce = first.attribute("nonce")
    same = f' nonce="{escape(nonce.value)}"' if nonce else ""
    return (first.start, first.start, f'<script type="importmap"{same}>{text}</script>{indent}')


def _hashes(decided: Iterable[Replacement], site_url: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in decided:
        first = one.counterparts[0]
        found[new_url(one.reference, first, site_url)] = first.integrity
        found |= {public_url(file.path, site_url): file.integrity for file in first.modules}
    return {url: integrity for url, integrity in found.items() if integrity}


def _names(decided: Iterable[Replacement], site_url: str) -> dict[str, str]:
    return {name: public_url(path, site_url) for one in decided for name, path in one.counterparts[0].names}


def _urls(decided: Iterable[Replacement], site_url: str) -> dict[str, str]:
    return {one.reference.url: new_url(one.reference, one.counterparts[0], site_url) for one in decided}


def _applied(text: str, edits: Iterable[Edit], offset: int = 0) -> str:
    pieces, at = [], 0
    for start, end, new in sorted(edits, key=lambda edit: edit[:2]):
        pieces += [text[at : start - offset], new]
        at = end - offset
    return "".join([*pieces, text[at:]])


def _tag_edits(page: Page, tag: Tag, one: Replacement, site_url: str) -> Iterator[Edit]:
    indent = _indentation(page.text, tag.start)
    if not one.counterparts:
        is_alone = page.text.endswith(indent, 0, tag.start)
        yield (tag.start - len(indent) * is_alone, tag.end, "")
        return
    first, *others = one.counterparts
    yield from _attribute_edits(tag, one.reference, first, site_url)
    copies = (_copy(tag, one.reference, other, site_url) for other in others)
    yield from ((tag.end, tag.end, indent + copy) for copy in copies)


def _copy(tag: Tag, reference: Reference, counterpart: Counterpart, site_url: str) -> str:
    """Write the tag once more, for another file; an id stays with the first."""
    edits = list(_attribute_edits(tag, reference, counterpart, site_url))
    if same := tag.attribute("id"):
        end = same.value_span[1] if same.value_span else same.name_span[1]
        edits.append((same.name_span[0] - 1, end, ""))
    return _applied(tag.text, edits, tag.start)


def _attribute_edits(tag: Tag, reference: Reference, counterpart: Counterpart, site_url: str) -> Iterator[Edit]:
    address = next(one for one in tag.attributes if one.value_span == reference.span)
    wanted = {"integrity": counterpart.integrity, "crossorigin": "anonymous"}
    present = {name: attribute for name in wanted if (attribute := tag.attribute(name))}
    quote = address.quote or '"'
    # What is added stands behind the address, in its quotes; the values need no escapes.
    added = "".join(f" {name}={quote}{value}{quote}" for name, value in wanted.items() if name not in present)
    yield (*reference.span, _value(new_url(reference, counterpart, site_url), address.quote) + added)
    for name, attribute in present.items():
        if not _is_right(attribute):
            yield _replaced(attribute, wanted[name])


def new_url(reference: Reference, counterpart: Counterpart, site_url: str) -> str:
    """Return the address that a tag or an import map gets; a script keeps its query, and so does its preload.

    It may read it itself, and with another query it is another module.
    """
    url = public_url(counterpart.path, site_url)
    query = urlsplit(reference.url).query
    return f"{url}?{query}" if query and not counterpart.is_built and _is_of_script(reference) else url


def _is_of_script(reference: Reference) -> bool:
    if reference.role == "preload" and reference.tag:
        return (reference.tag.value("as") or "script").strip().lower() == "script"
    return reference.role in ("script", "import", "inline")


def _is_right(attribute: Attribute) -> bool:
    """Return whether an attribute may stay: integrity that was verified, `crossorigin` without credentials."""
    if attribute.name == "integrity":
        return any(one.portable for one in strongest(parse_metadata(attribute.value)))
    # HTML: every value but `use-credentials` is the anonymous state, also the empty and an invalid one.
    return attribute.value.lower() != "use-credentials"


def _replaced(attribute: Attribute, value: str) -> Edit:
    if attribute.value_span is None:
        return (attribute.name_span[1], attribute.name_span[1], f'="{value}"')
    return (*attribute.value_span, _value(value, attribute.quote))


def _value(text: str, quote: str) -> str:
    """Write an attribute's value in the quotes that it had.

    >>> _value("https://a.example/x.js", ""), _value("a=b", ""), _value("it's", "'")
    ('https://a.example/x.js', '"a=b"', "'it&#x27;s'")
    """
    if not quote and _NEEDS_QUOTES.search(text):
        quote = '"'
    return f"{quote}{escape(text, quote=True)}{quote}" if quote else escape(text)


def _indentation(text: str, at: int) -> str:
    r"""Return the newline and the white space that a line beside the tag's own begins with.

    >>> _indentation("<a>\r\n\t <link>", 7), _indentation("<link>", 0)
    ('\r\n\t ', '')
    """
    newline = max(text.rfind("\n", 0, at), text.rfind("\r", 0, at))
    if newline < 0:
        return ""
    ending = "\r\n" if text[newline - 1 : newline + 1] == "\r\n" else text[newline]
    blank = re.match(r"[ \t]*", text[newline + 1 : at])
    return ending + (blank[0] if blank else "")


def _map_edits(page: Page, tag: Tag, decided: Sequence[Replacement], site_url: str) -> Iterator[Edit]:
    """Change addresses inside of an import map, and add their integrity to its `integrity`."""
    start, content, base = tag.content[0] if tag.content else tag.end, page.content(tag), base_of(page)
    found = places(content)
    urls = _urls(decided, site_url)
    inline = {one.reference.url: urls[one.reference.url] for one in decided if one.reference.role == "inline"}
    yield from (
        (*one.reference.span, script_json(urls[one.reference.url])) for one in decided if one.reference.role == "import"
    )
    # The place and the new spelling of what has integrity already.
    moved = {resolve(base, url): new for url, new in urls.items() if url not in inline}
    listed = {text.path[1]: text for text in found.texts if text.is_key and text.path[:-1] == ("integrity",)}
    again = {url: moved[resolve(base, url)] for url in listed if resolve(base, url) in moved}
    for url, new in again.items():
        begin, end = listed[url].span
        yield (start + begin, start + end, script_json(new))
    present = listed.keys() | set(again.values())
    hashes = {url: value for url, value in _hashes(decided, site_url).items() if url not in present}
    parts = {"imports": inline | _names(decided, site_url), "integrity": hashes}
    if not found.texts:
        yield (start, start + len(content), script_json(parts))
        return
    for name, members in parts.items():
        if members:
            begin, end, new = _extended(content, found, name, members)
            yield (start + begin, start + end, new)


def _extended(text: str, found: JsonPositions, name: str, values: Mapping[str, str]) -> Edit:
    """Add members to a part of an import map, or the part to the map, laid out as what stands there."""
    whole = next(one for one in found.objects if one.path == ())
    listed = next((one for one in found.objects if one.path == (name,)), None)
    outer = _gap(text, whole)
    inner = _gap(text, listed) if listed and listed.first is not None else _deeper(outer)
    members = f",{inner or ' '}".join(f"{script_json(url)}: {script_json(value)}" for url, value in values.items())
    if listed and listed.first is None:
        return (listed.span[0] + 1, listed.span[1] - 1, f"{inner}{members}{outer}")
    if listed:
        return _behind(text, listed, f",{inner or ' '}{members}")
    return _behind(text, whole, f',{outer or " "}"{name}": {{{inner}{members}{outer}}}')


def _behind(text: str, members: Members, new: str) -> Edit:
    """Put a text behind an object's last member."""
    at = members.span[0] + len(text[members.span[0] : members.span[1] - 1].rstrip())
    return (at, at, new)


def _gap(text: str, members: Members) -> str:
    """Return the white space before an object's first member, `""` where all stands on one line."""
    blank = text[members.span[0] + 1 : members.first] if members.first is not None else ""
    return blank[blank.rfind("\n") - (blank[: blank.rfind("\n") + 1].endswith("\r\n")) :] if "\n" in blank else ""


def _deeper(gap: str) -> str:
    r"""Indent once more than a member of the outermost object does.

    >>> _deeper("\n  "), _deeper("\n\t\t"), _deeper("")
    ('\n    ', '\n\t\t\t', '')
    """
    if not gap:
        return ""
    return gap + ("\t" if gap.endswith("\t") else "  ")
