#!/usr/bin/env python3
"""axe-core looks at every page that the project writes: the book, the laboratories' reports, the benchmarks', the coverage.

axe-core comes from npm into build/axe; the test is skipped where there is no npm or no network.
"""
import argparse
import os
import shutil
import subprocess
import sys

import bench_report_test
import book_test
import chromium
import lab_report_test

VERSION = "4.14.1"
SKIPPED = 77
GRAVE = ("serious", "critical")
RUN = """axe.run(document, {resultTypes: ["violations"]}).then(result => result.violations.map(found =>
  [found.impact, found.id, found.nodes.map(node => node.target.join(" ")).slice(0, 3).join("; ")]))"""


def axe():
    """Its source, or why there is none."""
    folder = os.path.join(book_test.BUILD, "axe")
    script = os.path.join(folder, "node_modules", "axe-core", "axe.min.js")
    if not os.path.exists(script):
        if not shutil.which("npm"):
            return None, "needs npm (package npm)"
        os.makedirs(folder, exist_ok=True)
        result = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", f"axe-core@{VERSION}"], cwd=folder,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if result.returncode != 0 or not os.path.exists(script):
            return None, f"npm does not get axe-core here: {result.stdout.strip()[-300:]}"
    with open(script, encoding="utf-8") as file:
        return file.read(), None


def look(browser, source, path):
    """["serious: rule: where"] on a phone in the light and on a desk in the dark."""
    found = []
    for width, dark in ((390, False), (1280, True)):
        browser.open(path, width, dark=dark)
        browser.ask(source + ";0")
        found += [f"{path} at {width}: {impact}: {rule}: {where}" for impact, rule, where in browser.ask(RUN) if impact in GRAVE]
    return found


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tree", required=True)
    parser.add_argument("page", nargs="*", help="only these")
    options = parser.parse_args()
    if not chromium.program():
        print("needs Chromium (package chromium)")
        return SKIPPED
    source, why = axe()
    if why:
        print(why)
        return SKIPPED
    reports = os.path.join(book_test.BUILD, "axe", "reports")
    os.makedirs(reports, exist_ok=True)
    pages = options.page
    if not pages:
        subprocess.run([os.path.join(book_test.ROOT, "kidney"), "--build", book_test.BUILD, "docs"], check=True)
        coverage = os.path.join(book_test.BUILD, "coverage")
        pages = [*lab_report_test.write(options.tree, reports).values(), bench_report_test.write(reports), *book_test.shown(),
                 os.path.join(book_test.SITE, "api", "html", "index.html"), *(os.path.join(coverage, name) for name in ("index.html",) if os.path.exists(os.path.join(coverage, name)))]
    found = []
    with chromium.Chromium() as browser:
        for path in pages:
            found += look(browser, source, path)
    print("\n".join(found) or f"axe-core {VERSION} finds nothing serious on {len(pages)} pages")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
