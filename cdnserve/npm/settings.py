"""What a command on libraries is given: where it runs, how far it goes, and npm's own configuration.

That is `.npmrc` files (a dialect of INI), the environment, and what `npm config get` says.
"""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem

MEBIBYTE = 2**20


@dataclass(frozen=True, slots=True)
class DownloadLimits:
    """How much a registry may send and how long it may take; sizes in octets, times in seconds.

    An `exchange` ends in that time, or brings `rate` octets a second; what failed is tried again until `total`.
    `members` are read of a tarball at most; `kept` are the files that stay, with the folders they lie in.
    """

    metadata: int = 64 * MEBIBYTE
    tarball: int = 256 * MEBIBYTE
    unpacked: int = 1024 * MEBIBYTE
    members: int = 500_000
    kept: int = 50_000
    path: int = 1024
    redirects: int = 5
    attempts: int = 5
    first_pause: float = 0.5
    longest_pause: float = 60.0
    connect: float = 10.0
    silence: float = 30.0
    exchange: float = 60.0
    rate: int = 8192
    total: float = 600.0
    at_once: int = 8


@dataclass(frozen=True, slots=True)
class NpmSettings:
    """Where a command runs; `registry` is what the command line says, `""` when it says nothing.

    `directory` is where npm would look for its project's configuration. Without `caches` no tarball is kept for the
    next command. `clock` only ever measures, `now` gives seconds since 1970. `wait` pauses for so many seconds or until
    the event is set, and tells whether it is; `chance` is between 0 and 1, and spreads the pauses of many clients.
    """

    environment: Mapping[str, str] = field(repr=False)
    home: Path
    directory: Path
    registry: str = ""
    limits: DownloadLimits = DownloadLimits()
    clock: Callable[[], float] = time.monotonic
    now: Callable[[], float] = time.time
    caches: bool = True
    wait: Callable[[threading.Event, float], bool] = threading.Event.wait
    chance: Callable[[], float] = random.random


# npm: an even number of backslashes before `${` is halved, an odd one keeps the variable as text.
_VARIABLE = re.compile(r"(?<!\\)(\\*)\$\{([^${}?]+)(\?)?\}")
_SECTION = re.compile(r"\[[^\]]*\]\s*")


def parse_npmrc(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    r"""Read keys and values; those of a `[section]` are left out, a `key[]` list is joined by line ends.

    >>> parse_npmrc("registry = https://npm.example/ ; ours\n//npm.example/:_authToken=${TOKEN}", {"TOKEN": "t"})
    {'registry': 'https://npm.example/', '//npm.example/:_authToken': 't'}
    """
    values: dict[str, str] = {}
    for line in re.split(r"[\r\n]+", text):
        if _SECTION.fullmatch(line):
            break
        key, found, value = line.partition("=")
        key = expand(_unquoted(key), environment)
        if not key or line.lstrip()[:1] in (";", "#"):
            continue
        value = expand(_unquoted(value), environment) if found else "true"
        if key.endswith("[]") and len(key) > 2:
            key = key[:-2]
            value = f"{values[key]}\n{value}" if key in values else value
        values[key] = value
    return values


def expand(text: str, environment: Mapping[str, str]) -> str:
    """Fill in `${NAME}`; one that isn't set stays as it is, `${NAME?}` becomes empty.

    >>> expand("${A}-${B}-${B?}", {"A": "1"})
    '1-${B}-'
    """

    def filled(match: re.Match[str]) -> str:
        slashes, name, optional = match.groups()
        if len(slashes) % 2:
            return match[0][(len(slashes) + 1) // 2 :]
        return slashes[len(slashes) // 2 :] + environment.get(name, "" if optional else f"${{{name}}}")

    return _VARIABLE.sub(filled, text)


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        return _json_string(text if text[0] == '"' else text[1:-1])
    # A comment may follow; `\;`, `\#` and `\\` stand for themselves, before anything else a backslash is one.
    plain = re.match(r"(?:[^;#\\]|\\.|\\$)*", text, re.DOTALL)
    return re.sub(r"\\([;#\\])", r"\1", plain[0] if plain else "").strip()


def _json_string(text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, str) else text


Configuration = Mapping[str, str]
NPM_SECONDS = 30


def read_configuration(settings: NpmSettings) -> Configuration:
    """Read every layer into one mapping; a file that is absent is an empty layer."""
    npm = _npm_folder(settings)
    built_in = _read(npm / "npmrc", settings) if npm else {}
    variables = environment_layer(settings.environment)
    project = _read(_project_folder(settings.directory) / ".npmrc", settings)
    above = {**project, **variables}
    user = _read(_path({**built_in, **above}.get("userconfig", "~/.npmrc"), settings), settings)
    above = {**user, **above}
    shared = _global_file({**built_in, **above}, settings)
    return {**built_in, **(_read(shared, settings) if shared else {}), **above}


def environment_layer(environment: Mapping[str, str]) -> dict[str, str]:
    """Take npm's keys out of the environment; npm reads their names in any case.

    >>> environment_layer({"NPM_CONFIG_Https_Proxy": "p", "npm_config_//h/:_authToken": "t", "npm_config_x": ""})
    {'https-proxy': 'p', '//h/:_authToken': 't'}
    """
    layer: dict[str, str] = {}
    for variable, value in environment.items():
        key = variable[len("npm_config_") :]
        if not variable.lower().startswith("npm_config_") or not key or not value:
            continue
        # npm: an underscore at the start belongs to the name, a key of one registry is taken as it stands.
        layer[key if key.startswith("//") else key[0].lower() + key[1:].replace("_", "-").lower()] = value
    return layer


def ask_npm(key: str, settings: NpmSettings) -> str:
    """Return what npm says of a key that `read_configuration` lacks; `""` where it is absent, fails or knows nothing.

    That is its own default where no other file can have the key, else what `npm config get` says.
    """
    known = _npms_default(key, settings)
    return _npm_config_get(key, settings) if known is None else known


def _npms_default(key: str, settings: NpmSettings) -> str | None:
    """Return npm's default of a key, `""` for none; `None` where npm may know more than `read_configuration`.

    npm is slow to start. In a workspace it reads the .npmrc of a folder above.
    """
    npm = _npm_folder(settings)
    read = {_project_folder(settings.directory) / ".npmrc", settings.home / ".npmrc"}
    above = (folder / ".npmrc" for folder in (settings.directory, *settings.directory.parents))
    if not npm or settings.environment.get("DESTDIR") or any(file.exists() for file in above if file not in read):
        return None
    if key != "registry":
        return "" if key.endswith(":registry") else None
    try:
        match = _DEFAULT_REGISTRY.search((npm / _DEFINITIONS).read_bytes())
    except OSError:
        return None
    return match[1].decode("ascii", "replace") if match else None


_DEFINITIONS = "node_modules/@npmcli/config/lib/definitions/definitions.js"
_DEFAULT_REGISTRY = re.compile(rb"""\(['"]registry['"], \{\s{0,20}default: ['"]([^'"\n]{1,200})['"]""")


def _npm_folder(settings: NpmSettings) -> Path | None:
    """Return where npm itself lies, `None` where what the PATH has may choose among several, or is none."""
    found = shutil.which("npm", path=settings.environment.get("PATH", ""))
    program = Path(found).resolve() if found else None
    return program.parent.parent if program and program.name == "npm-cli.js" else None


def _npm_config_get(key: str, settings: NpmSettings) -> str:
    npm = shutil.which("npm", path=settings.environment.get("PATH", ""))
    if not npm:
        return ""
    try:
        answer = subprocess.run(  # noqa: S603 - npm itself, found on PATH, and a key that was checked
            [npm, "config", "get", key],
            env=dict(settings.environment),
            cwd=settings.directory,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=NPM_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    said = answer.stdout.decode(errors="replace").strip()
    return said if answer.returncode == 0 and said not in ("undefined", "null") else ""


def _project_folder(directory: Path) -> Path:
    for folder in (directory, *directory.parents):
        if (folder / "package.json").is_file() or (folder / "node_modules").is_dir():
            return folder
    return directory


def _global_file(above: Configuration, settings: NpmSettings) -> Path | None:
    if "globalconfig" in above:
        return _path(above["globalconfig"], settings)
    prefix = above.get("prefix") or settings.environment.get("PREFIX")
    if prefix:
        return _path(prefix, settings) / "etc" / "npmrc"
    node = shutil.which("node", path=settings.environment.get("PATH", ""))
    # npm takes the folder above the one that holds the real node; without a node there is no npm to agree with.
    return Path(node).resolve().parent.parent / "etc" / "npmrc" if node else None


def _path(text: str, settings: NpmSettings) -> Path:
    return settings.home / text[2:] if text.startswith("~/") else settings.directory / text


def _read(path: Path, settings: NpmSettings) -> dict[str, str]:
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        problem = Problem("npmrc-unreadable", "npm's configuration can't be read", str(path), error.strerror or "")
        raise ConfigurationError([problem]) from None
    return parse_npmrc(data.decode(errors="replace"), settings.environment)
