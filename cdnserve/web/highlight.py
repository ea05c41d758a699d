"""Source text as HTML, a span for each line, its words by kind: made by Pygments in a process of its own.

A lexer is regular expressions over what others wrote. There it can't hold up the server: it may take no more than
some seconds, and none of them from those who ask for files. What takes longer is shown as it is.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator
from html import escape

from cdnserve.display import printable

LARGEST = 512 << 10
"""The octets of a text that is shown."""
_MOST_SECONDS = 5
_GROUP = 100
"""The lines that a browser lays out together, when somebody scrolls there."""
_LONG = 16 << 10
"""The characters from which on fewer lines are worth that, too: until then they have the height of a whole group."""
_MOST_MEMORY = 512 << 20
_LEXERS = {
    **dict.fromkeys(("js", "mjs", "cjs", "jsx"), "javascript"),
    **dict.fromkeys(("ts", "mts", "cts", "tsx"), "typescript"),
    **dict.fromkeys(("html", "htm", "vue"), "html"),
    **dict.fromkeys(("svg", "xml"), "xml"),
    **dict.fromkeys(("json", "map", "webmanifest"), "json"),
    **{name: name for name in ("css", "scss", "less")},
    "md": "markdown",
    "yml": "yaml",
    "yaml": "yaml",
}
# The kinds that the stylesheet knows, the narrow ones first; all others look like text.
_CLASSES = (
    ("Token.Name.Function", "nf"),
    ("Token.Name.Class", "nc"),
    ("Token.Name.Builtin", "nb"),
    ("Token.Name.Attribute", "na"),
    ("Token.Name.Tag", "nt"),
    ("Token.Operator.Word", "ow"),
    ("Token.Keyword", "k"),
    ("Token.Literal.String", "s"),
    ("Token.Literal.Number", "m"),
    ("Token.Comment", "c"),
)


def highlighted(name: str, octets: bytes) -> str:
    """Return a text's lines as HTML, coloured by what its name's ending says."""
    lexer = _LEXERS.get(name.rpartition(".")[2].lower(), "")
    if lexer:
        command = [sys.executable, "-m", "cdnserve.web.highlight", lexer]
        try:
            done = subprocess.run(command, input=octets, capture_output=True, check=True, timeout=2 * _MOST_SECONDS)  # noqa: S603 - no part of it is from outside
        except (OSError, subprocess.SubprocessError):
            pass
        else:
            return done.stdout.decode("utf-8")
    return as_html([("", octets.decode("utf-8", "replace"))])


def as_html(words: Iterable[tuple[str, str]]) -> str:
    r"""Return words, each with its class, as lines of HTML.

    >>> as_html([("k", "let"), ("", " a\n<")])  # doctest: +ELLIPSIS
    '<span class="l" id="L1" data-n="1"><span class="k">let</span> a</span>...'
    """
    lines: list[list[str]] = [[]]
    for kind, text in words:
        first, *rest = text.split("\n")
        lines[-1].append(_word(kind, first))
        lines += [[_word(kind, part)] for part in rest]
    if len(lines) > 1 and not "".join(lines[-1]):
        lines.pop()
    written = [f'<span class="l" id="L{at}" data-n="{at}">{"".join(line)}</span>' for at, line in enumerate(lines, 1)]
    groups = (written[at : at + _GROUP] for at in range(0, len(written), _GROUP))
    return "".join(map(_group, groups))


def _group(lines: list[str]) -> str:
    text = "".join(lines)
    return f'<span class="g">{text}</span>' if len(lines) == _GROUP or len(text) > _LONG else text


def _word(kind: str, text: str) -> str:
    written = escape(printable(text.removesuffix("\r"), keep_tabs=True))
    return f'<span class="{kind}">{written}</span>' if kind and written else written


def _words(lexer: str, text: str) -> Iterator[tuple[str, str]]:
    from pygments.lexers import get_lexer_by_name  # noqa: PLC0415 - only in a process of its own

    classes: dict[object, str] = {}
    for token, value in get_lexer_by_name(lexer, ensurenl=False, stripnl=False).get_tokens(text):
        if token not in classes:
            classes[token] = next((short for kind, short in _CLASSES if str(token).startswith(kind)), "")
        yield classes[token], value


def main(lexer: str) -> None:
    """Read a text from the standard input, and write its lines as HTML."""
    import resource  # noqa: PLC0415 - for this process alone

    resource.setrlimit(resource.RLIMIT_CPU, (_MOST_SECONDS, _MOST_SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    text = sys.stdin.buffer.read().decode("utf-8", "replace")
    sys.stdout.buffer.write(as_html(_words(lexer, text)).encode("utf-8"))


if __name__ == "__main__":
    main(sys.argv[1])
