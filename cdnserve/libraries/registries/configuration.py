"""npm's configuration: the environment over the project's, the user's and the global `.npmrc`, as npm ranks them.

Never writes, and never asks a network.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from cdnserve.errors import ConfigurationError, Problem
from cdnserve.libraries.registries.npmrc import parse_npmrc
from cdnserve.libraries.settings import Settings

Configuration = Mapping[str, str]
NPM_SECONDS = 30


def read_configuration(settings: Settings) -> Configuration:
    """Read every layer into one mapping; a file that is absent is an empty layer."""
    variables = environment_layer(settings.environment)
    project = _read(_project_folder(settings.directory) / ".npmrc", settings)
    above = {**project, **variables}
    user = _read(_path(above.get("userconfig", "~/.npmrc"), settings), settings)
    above = {**user, **above}
    shared = _global_file(above, settings)
    return {**(_read(shared, settings) if shared else {}), **above}


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


def ask_npm(key: str, settings: Settings) -> str:
    """Give what `npm config get` says of a key; `""` where npm is absent, fails or knows nothing."""
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


def _global_file(above: Configuration, settings: Settings) -> Path | None:
    if "globalconfig" in above:
        return _path(above["globalconfig"], settings)
    prefix = above.get("prefix") or settings.environment.get("PREFIX")
    if prefix:
        return _path(prefix, settings) / "etc" / "npmrc"
    node = shutil.which("node", path=settings.environment.get("PATH", ""))
    # npm takes the folder above the one that holds the real node; without a node there is no npm to agree with.
    return Path(node).resolve().parent.parent / "etc" / "npmrc" if node else None


def _path(text: str, settings: Settings) -> Path:
    return settings.home / text[2:] if text.startswith("~/") else settings.directory / text


def _read(path: Path, settings: Settings) -> dict[str, str]:
    try:
        data = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        problem = Problem("npmrc-unreadable", "npm's configuration can't be read", str(path), error.strerror or "")
        raise ConfigurationError([problem]) from None
    return parse_npmrc(data.decode(errors="replace"), settings.environment)
