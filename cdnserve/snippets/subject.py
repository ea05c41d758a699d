"""A subject: one file to make a tag for, as a value (SRI §3.1).

Never reads anything: who holds the bytes or the catalog makes the subject.
"""

from __future__ import annotations

from dataclasses import dataclass

from cdnserve.rules.integrity import HashExpression
from cdnserve.snippets.kinds import Kind


@dataclass(frozen=True, slots=True)
class Subject:
    """One file to make tags for.

    `name` is what a person calls it: a logical path, a file name or a URL. `url` is absolute, or begins with `/`
    or `./`. `size` counts the octets without a content coding, which are also what `digests` were made of. An alias
    (not `exact`) never gets integrity metadata. `specifier` is what import maps call it, `""` for a derived one.
    `remarks` are told with every note on it.
    """

    name: str
    url: str
    media_type: str
    kind: Kind
    size: int
    digests: tuple[HashExpression, ...]
    exact: bool = True
    specifier: str = ""
    remarks: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        r"""The name on one line, with escapes for what can't be printed.

        >>> Subject("a\nb.js", "./b.js", "text/javascript", "script", 0, ()).label
        'a\\nb.js'
        """
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in self.name)

    @property
    def essence(self) -> str:
        """The media type without parameters."""
        return self.media_type.partition(";")[0].strip()
