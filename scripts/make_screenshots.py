"""Make the screenshots of README and docs/pages.md anew: python -m scripts.make_screenshots.

Fetches a few libraries from the npm registry that this machine is configured for, serves them, and lets Chromium look.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent / "docs"
LIBRARIES = (
    *("jquery@3.6.4", "jquery@3.7.1", "vue@3.5.13", "bootstrap@5.3.3", "preact@10.25.4", "htm@3.1.1"),
    *("lodash-es@4.17.21", "d3@7.9.0", "@fontsource-variable/inter@5.1.1"),
)
MANIFEST = """\
schema = 1

[site]
name = "Acme library CDN"
url = "https://cdn.example.com"

[[publish]]
path = "npm/**"
cors = "any"
cache = "immutable"

[[publish]]
path = "design-system/**"
cors = "any"
"""
FONT = "npm/@fontsource-variable/inter@5.1.1/files/inter-latin-standard-normal.woff2"
# File, address, colour scheme, and how far down the page it begins.
SHOTS = (
    ("pages-home.png", "/-/", "light", ""),
    ("pages-library.png", "/-/npm/vue@3.5.13/", "dark", ""),
    (
        "pages-check.png",
        "/-/file/npm/jquery@3.7.1/dist/jquery.min.js?origin=https://app.example.com",
        "light",
        "#check",
    ),
    ("pages-font.png", f"/-/file/{FONT}", "light", "#specimen"),
)
LARGEST = 200_000


def make_root(root: Path) -> None:
    """Write a root like that of a small company."""
    (root / "design-system").mkdir(parents=True)
    (root / "design-system/tokens.css").write_text(":root { --brand: #0b57d0 }\n")
    (root / "manifest.toml").write_text(MANIFEST)
    command = [sys.executable, "-m", "cdnserve", "add", *LIBRARIES, "--root", str(root)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


@contextmanager
def serving(root: Path) -> Iterator[str]:
    """Serve the root as long as the block lasts."""
    command = [sys.executable, "-m", "cdnserve", "serve", str(root), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        first = process.stdout.readline() if process.stdout else ""
        yield first.removeprefix("listening on ").strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


def shoot(url: str) -> None:
    """Take every screenshot."""
    from playwright.sync_api import sync_playwright

    path = shutil.which(os.environ.get("CDNSERVE_CHROMIUM") or "chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        for name, address, scheme, start in SHOTS:
            context = browser.new_context(viewport={"width": 1280, "height": 860}, color_scheme=scheme)  # type: ignore[arg-type]
            page = context.new_page()
            page.goto(url + address, wait_until="networkidle")
            if start:
                page.locator(start).evaluate("node => window.scrollTo(0, node.getBoundingClientRect().top - 24)")
            page.screenshot(path=DOCS / name)
            context.close()
            size = (DOCS / name).stat().st_size
            print(f"{DOCS / name}: {size:,} octets{' TOO LARGE' * (size > LARGEST)}")
        browser.close()


def main() -> None:
    """Make the screenshots."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "public")
        make_root(root)
        # Built first, with all codings, so that the sizes are those that browsers get.
        subprocess.run([sys.executable, "-m", "cdnserve", "build", str(root)], check=True, stdout=subprocess.DEVNULL)
        with serving(root) as url:
            shoot(url)


if __name__ == "__main__":
    main()
