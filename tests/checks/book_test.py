#!/usr/bin/env python3
"""The book, built: every link and anchor in it leads somewhere, and its pages, opened in headless Chromium on a phone and on
a desk, fit, say nothing on the console and have what a screen reader needs."""
import argparse
import html.parser
import os
import subprocess
import sys
import unittest
import urllib.parse

import yaml

import chromium

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path[:0] = [os.path.join(ROOT, "tools", "book"), os.path.join(ROOT, "tools")]
import tables  # noqa: E402

BUILD = os.environ.get("KIDNEY_BUILD") or os.path.join(ROOT, "build")
SITE = os.path.join(BUILD, "book", "site")
SKIPPED = 77

# What is written, without the listings.
WORDS = """(() => {
  const copy = document.querySelector("article").cloneNode(true);
  for (const listing of copy.querySelectorAll("pre")) listing.remove();
  return copy.textContent;
})()"""


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.links, self.anchors = [], set()
        with open(path, encoding="utf-8") as file:
            self.feed(file.read())

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.anchors.update(values[key] for key in ("id", "name") if values.get(key))
        target = values.get("href") if tag in ("a", "link") else values.get("src")
        if target and tag != "base":
            self.links.append(target)


def pages():
    """The pages of the book; the API reference is Doxygen's business."""
    found = []
    for folder, inner, files in os.walk(SITE):
        if folder == SITE:
            inner[:] = [name for name in inner if name not in ("api", "assets", "search")]
        found += [os.path.join(folder, name) for name in files if name.endswith(".html") and name != "404.html"]
    return sorted(found)


def shown():
    """Those that are looked at. Listings look alike: a few stand for all."""
    listings = [path for path in pages() if os.path.relpath(path, SITE).startswith("source")]
    return [path for path in pages() if path not in listings] + listings[::40]


class Links(unittest.TestCase):
    def test_every_link_leads_somewhere(self):
        known, broken = {}, []
        for path in pages():
            known[path] = Page(path)
        for path, page in list(known.items()):
            for link in page.links:
                parts = urllib.parse.urlsplit(link)
                if parts.scheme or parts.netloc or link == "#":
                    continue
                target = os.path.normpath(os.path.join(os.path.dirname(path), urllib.parse.unquote(parts.path))) if parts.path else path
                if os.path.isdir(target):
                    target = os.path.join(target, "index.html")
                anchor = urllib.parse.unquote(parts.fragment)
                if not os.path.exists(target):
                    broken.append(f"{os.path.relpath(path, SITE)}: {link}")
                elif anchor and target.endswith(".html"):
                    if target not in known:
                        known[target] = Page(target)
                    if anchor not in known[target].anchors and not anchor.startswith("__"):
                        broken.append(f"{os.path.relpath(path, SITE)}: {link}: no such heading")
        self.assertEqual(broken, [])
        self.assertGreater(len(known), 100)

    def test_the_reference_leads_back_to_the_book(self):
        page = Page(os.path.join(SITE, "api", "html", "index.html"))
        with open(os.path.join(SITE, "api", "html", "menudata.js"), encoding="utf-8") as file:
            self.assertTrue("The book" in file.read() or any("../../index.html" in link for link in page.links))


class MadeFromSources(unittest.TestCase):
    def test_each_command_of_gdb_has_its_own_words(self):
        rows = tables.gdb_commands(ROOT).splitlines()[2:]
        self.assertGreater(len(rows), 8)
        for row in rows:
            self.assertRegex(row, r"^\| `kidney [^|]+` \| [A-Z][^|]+\. \|$")
            self.assertNotIn("lists them", row)  # that is said of all

    def test_a_section_begins_with_its_readme(self):
        """The theme takes the first README of a section for the section itself, wherever it stands, and lists it no more."""
        def look(entries):
            values = [list(entry.values())[0] if isinstance(entry, dict) else entry for entry in entries]
            readmes = [number for number, value in enumerate(values) if str(value).endswith("README.md")]
            self.assertEqual((readmes or [0])[0], 0, values)
            for value in values:
                if isinstance(value, list):
                    look(value)
        with open(os.path.join(ROOT, "mkdocs.yml"), encoding="utf-8") as file:
            for section in yaml.safe_load(file.read().split("\nnav:\n")[1]):
                look([section])


class InABrowser(unittest.TestCase):
    def test_pages_fit_and_complain_of_nothing(self):
        found = []
        with chromium.Chromium() as browser:
            for path in shown():
                for width, dark in ((390, False), (1280, True)):
                    browser.open(path, width, dark=dark)
                    where = f"{os.path.relpath(path, SITE)} at {width}"
                    found += [f"{where}: {fault}" for fault in browser.faults()]
                    # A stray mark means that something was not understood.
                    text = browser.ask(WORDS)
                    found += [f"{where}: shows {mark}" for mark in ("[code:", "[table:", "](", "--8<--") if mark in text and "source" not in where]
        self.assertEqual(found, [])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", help="as unittest: Links, InABrowser")
    options = parser.parse_args()
    if not chromium.program():
        print("needs Chromium (package chromium)")
        return SKIPPED
    subprocess.run([os.path.join(ROOT, "kidney"), "--build", BUILD, "docs"], check=True)
    chosen = unittest.defaultTestLoader.loadTestsFromName(f"__main__.{options.only}" if options.only else "__main__")
    return 0 if unittest.TextTestRunner().run(chosen).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())
