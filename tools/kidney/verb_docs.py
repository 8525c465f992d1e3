"""./kidney docs: the book as a site, from the Markdown files of the project and its sources (tools/book)."""
import os
import subprocess
import sys

from project import BUILD, ROOT, Arguments, say


def parse(arguments):
    parser = Arguments("docs", "Builds the book: build/book/site/index.html, which needs no server and no network.",
                       [("", "build it"), ("--serve", "show it, and make it anew when a page changes")])
    parser.add_argument("--serve", nargs="?", const="127.0.0.1:8000", metavar="ADDRESS:PORT",
                        help="show it on this machine (127.0.0.1:8000 if nothing is said), made anew when a page changes")
    parser.add_argument("--without-api", action="store_true", help="leave out the reference that Doxygen makes of the sources")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse(arguments)
    book = os.path.join(BUILD, "book")
    os.makedirs(book, exist_ok=True)
    environment = dict(os.environ, PYTHONPATH=ROOT, PYTHONDONTWRITEBYTECODE="1", PYTHONWARNINGS="ignore",
                       BOOK_WITHOUT_API="1" if options.without_api else "0")
    # Debian's own Python has the theme; another that stands before it in PATH has not.
    command = ["/usr/bin/python3", "-m", "mkdocs"]
    if options.serve:
        say(f"http://{options.serve}/ (Ctrl-C ends it)")
        return subprocess.run([*command, "serve", "--quiet", "--dev-addr", options.serve], cwd=ROOT, env=environment).returncode
    result = subprocess.run([*command, "build", "--quiet", "--site-dir", os.path.join(book, "site")], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)
    if result.returncode != 0:
        say(f"the book has mistakes:\n{result.stdout.strip()}")
        return 1
    sys.stderr.write(result.stdout)
    print(f"book: {os.path.relpath(os.path.join(book, 'site', 'index.html'))}")
    return 0
