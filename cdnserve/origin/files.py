"""The reply for an asset: coding, preconditions, range, in that order (RFC 9110 §12.5.3, §13.2.2, §14)."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from operator import lt

from msgspec import structs

from cdnserve.origin.lookup import PublishRule
from cdnserve.origin.message import Fields, Reply, Request, Stored
from cdnserve.origin.text_replies import Line, cors_headers, plain
from cdnserve.release.catalog import Asset, Representation
from cdnserve.rules import codings, conditional, ranges
from cdnserve.rules.caching import NO_STORE
from cdnserve.rules.conditional import Outcome, Preconditions, Validators
from cdnserve.rules.ranges import Refusal, Slice

_ACCEPT_RANGES = (b"accept-ranges", b"bytes")
_URL_SAFE = bytes.maketrans(b"+/", b"-_")


def reply(request: Request, path: str, rule: PublishRule, asset: Asset, now: float) -> Reply:
    """Answer a GET or HEAD for an asset; `now` is in seconds since 1970."""
    representation = _select(request, asset)
    if representation is None:
        text = f"Available content codings: {', '.join(item.coding for item in asset.representations)}."
        return plain(request, rule, Line(406, NO_STORE, text), depends_on=("Accept-Encoding",))
    if asset.last_modified is not None and asset.last_modified > now:
        # §8.8.2.1: a Last-Modified later than Date must not be sent, so until then there is none.
        asset = structs.replace(asset, last_modified=None)
    return _conditional(_Selected(request, path, rule, asset, representation), now)


def _select(request: Request, asset: Asset) -> Representation | None:
    if asset.is_coded:
        # §12.4.1: what has no other representation may disregard the field. Whoever refuses gzip still gets the file.
        return asset.identity
    sizes = [(representation.coding, representation.size) for representation in asset.representations]
    coding = codings.choose(request.value(b"accept-encoding"), sizes)
    return next((representation for representation in asset.representations if representation.coding == coding), None)


def entity_tag(representation: Representation) -> str:
    """Return the strong entity tag: the sha256 of the bytes as they are sent, so one for each content coding."""
    # base64url without padding (RFC 4648 §5), in half the time of base64.urlsafe_b64encode.
    digest = binascii.b2a_base64(representation.sha256, newline=False).translate(_URL_SAFE, b"=")
    return f'"{digest.decode("ascii")}"'


def form(path: str, rule: PublishRule, asset: Asset, now: float) -> object:
    """Return what decides the reply for a whole file besides the request, but for its length, validators and content.

    `None` where there is more, as digests are: two files of one form get the same headers, with their own
    Content-Length, ETag and Last-Modified.
    """
    items, date = asset.representations, asset.last_modified
    if rule.rule.digests or not _is_ordered(items) or (date is not None and date > now):
        return None
    codings = items[0].coding if len(items) == 1 else tuple([item.coding for item in items])
    return asset.rule, codings, rule.kind(path, asset), date is None


def _is_ordered(items: tuple[Representation, ...]) -> bool:
    """Return whether which coding is chosen can't depend on the sizes: all differ, and identity is the largest."""
    sizes = [item.size for item in items[1:]]
    return not sizes or all(map(lt, sizes, (*sizes[1:], items[0].size)))


def file_headers(path: str, rule: PublishRule, asset: Asset, representation: Representation) -> Fields:
    """Return the headers of a 200 or 206 that depend on the representation alone."""
    headers = rule.describe(path, asset)
    if representation.coding != "identity":
        headers += ((b"content-encoding", representation.coding.encode("latin-1")),)
    headers += _validators(rule, representation)
    if asset.last_modified is not None:
        headers += ((b"last-modified", conditional.format_http_date(asset.last_modified).encode("latin-1")),)
    return (*headers, _ACCEPT_RANGES, *_digests(rule, asset, representation))


def _validators(rule: PublishRule, representation: Representation) -> Fields:
    tag = entity_tag(representation).encode("latin-1")
    return ((b"etag", tag), (b"cache-control", rule.cache_control), *rule.cdn_cache_control)


def _digests(rule: PublishRule, asset: Asset, representation: Representation) -> Fields:
    digests: Fields = ()
    if "repr" in rule.rule.digests:
        # RFC 9530 §3: Repr-Digest is of the selected representation, so of the coded bytes.
        digests += ((b"repr-digest", _digest(representation)),)
    if "unencoded" in rule.rule.digests and representation is not asset.identity:
        digests += ((b"unencoded-digest", _digest(asset.identity)),)
    return digests


def _digest(representation: Representation) -> bytes:
    return b"sha-256=:" + base64.b64encode(representation.sha256) + b":"


@dataclass(frozen=True, slots=True)
class _Selected:
    request: Request
    path: str
    rule: PublishRule
    asset: Asset
    representation: Representation

    @property
    def cors(self) -> Fields:
        return cors_headers(self.request, self.rule, self.codings)

    @property
    def codings(self) -> tuple[str, ...]:
        return ("Accept-Encoding",) if len(self.asset.representations) > 1 else ()

    @property
    def headers(self) -> Fields:
        return file_headers(self.path, self.rule, self.asset, self.representation) + self.cors

    @property
    def validators(self) -> Validators:
        is_identity = self.representation is self.asset.identity
        return Validators(entity_tag(self.representation), self.asset.last_modified, date_is_strong=is_identity)


def _conditional(selected: _Selected, now: float) -> Reply:
    request, held = selected.request, selected.validators
    asked = Preconditions(
        request.value(b"if-match"),
        request.value(b"if-none-match"),
        request.value(b"if-modified-since"),
        request.value(b"if-unmodified-since"),
    )
    outcome = conditional.evaluate(asked, held, now)
    if outcome is Outcome.NOT_MODIFIED:
        # §15.4.5: the fields that a 200 would have had and that steer a cache, and no other metadata.
        return Reply(304, _validators(selected.rule, selected.representation) + selected.cors)
    if outcome is Outcome.FAILED:
        field = "If-Unmodified-Since" if asked.if_match is None else "If-Match"
        text = f"{field} is not met: the current entity tag is {held.etag}."
        return _refusal(selected, 412, text, ("If-Match", "If-Unmodified-Since"))
    # §14.2: Range is defined for GET alone, so a HEAD is answered as if there were none.
    wanted = request.value(b"range") if request.method == "GET" else None
    if wanted is None or not conditional.range_applies(request.value(b"if-range"), held, now):
        return _whole(selected)
    return _ranged(selected, ranges.select(wanted, selected.representation.size))


def _ranged(selected: _Selected, part: Slice | Refusal | None) -> Reply:
    size = selected.representation.size
    if part is None:
        return _whole(selected)
    if isinstance(part, Slice):
        place = f"bytes {part.start}-{part.start + part.length - 1}/{size}"
        return _content(selected, 206, part, ((b"content-range", place.encode("latin-1")),))
    text, more = f"The representation has {size} octets.", ((b"content-range", b"bytes */%d" % size), _ACCEPT_RANGES)
    return _refusal(selected, 416, text, ("Range", "If-Range"), more)


def _whole(selected: _Selected) -> Reply:
    return _content(selected, 200, Slice(0, selected.representation.size), ())


def _content(selected: _Selected, status: int, part: Slice, more: Fields) -> Reply:
    length = ((b"content-length", b"%d" % part.length),)
    body = Stored(selected.representation.sha256, part.start, part.length)
    return Reply(status, length + more + selected.headers, body)


def _refusal(selected: _Selected, status: int, text: str, depends_on: tuple[str, ...], more: Fields = ()) -> Reply:
    # Fresh as the file is, so Vary names the fields that led here: else one client's odd request,
    # stored by a shared cache, would be everybody's answer.
    control, tag = selected.rule.cache_control.decode("latin-1"), entity_tag(selected.representation)
    more += ((b"etag", tag.encode("latin-1")), *selected.rule.cdn_cache_control)
    line = Line(status, control, text)
    return plain(selected.request, selected.rule, line, more, selected.codings + depends_on)
