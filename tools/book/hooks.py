"""What MkDocs is told about this project: which files are pages, and what in them is made from the sources.

A line that is nothing but `[code: what](file)` (in a list: indented by four) becomes the definition of `what` in that file; a block ```dot becomes a
picture; `[table: name](file)` becomes a table made from the sources (tables.py); a link to a file that is no page leads to
a page with that file. Elsewhere these are links and a text.
"""
import os
import posixpath
import re
import shutil
import sys
import textwrap

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [HERE, ROOT, os.path.join(ROOT, "tools"), os.path.join(ROOT, "course", "engine")]

from mkdocs.structure.files import File, Files  # noqa: E402

import api  # noqa: E402
import diagrams  # noqa: E402
import generated  # noqa: E402
import source_code  # noqa: E402
import tables  # noqa: E402
from project_files import project_files  # noqa: E402

BOOK = os.path.join(os.environ.get("KIDNEY_BUILD") or os.path.join(ROOT, "build"), "book")
MADE = os.path.join(BOOK, "made")
API = os.path.join(BOOK, "api")

LINK = re.compile(r"(?<!\\)(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
CODE_LINE = re.compile(r"^( *)\[code: (.+?)\]\((\S+)\)$", re.M)
TABLE_LINE = re.compile(r"^\[table: (\w+)\]\(\S+\)$", re.M)
DOT = re.compile(r"^```dot\n(.*?)^```$", re.M | re.S)
FENCE = re.compile(r" *(```|~~~)")
# No pages: what students get filled in, and what is shown on another page.
NO_PAGES = re.compile(r"^course/[^/]+/(skeleton|reference)/|^\.")

names = None  # of the API reference


def is_outside(target):
    return re.match(r"[a-z][a-z0-9+.-]*:|/|#", target) is not None


def links(text):
    """(start, end, target) of the links outside code blocks."""
    fenced, at = False, 0
    for line in text.splitlines(keepends=True):
        if FENCE.match(line):
            fenced = not fenced
        elif not fenced:
            for match in LINK.finditer(line):
                if not is_outside(match.group(2)):
                    yield at + match.start(2), at + match.end(2), match.group(2)
        at += len(line)


def filled_in(path):
    """The page that is made from a template, or the path itself."""
    return path.removesuffix(".in") if path.endswith(".md.in") else path


def with_tables(text, folder):
    """The page with its tables, whose links begin at the root."""
    def table(match):
        made = tables.TABLES[match.group(1)](ROOT)
        return LINK.sub(lambda link: link.group(1) + posixpath.relpath(link.group(2), folder or ".") + (link.group(3) or "") + ")",
                        made)
    return TABLE_LINE.sub(table, text)


def on_config(config):
    global names
    if os.environ.get("BOOK_WITHOUT_API") != "1":
        api.make(ROOT, API, project_files)
    names = api.Names(API)
    return config


def on_files(files, config):
    site = config["site_dir"]
    own = [file for file in files if file.abs_src_path and not file.abs_src_path.startswith(config["docs_dir"] + os.sep)]
    pages = {}
    shutil.rmtree(MADE, ignore_errors=True)

    def add(path, folder):
        pages[path] = File(path, folder, site, False)

    def write(path, text):
        full = os.path.join(MADE, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)
        add(path, MADE)

    for path in project_files(ROOT):
        if path.endswith(".md") and not NO_PAGES.match(path):
            add(path, ROOT)
        elif path.startswith("docs/") and path.endswith((".svg", ".png", ".css", ".js")):
            add(path, ROOT)
    for path, text in generated.pages(ROOT).items():
        write(path, text)
    # Files that a page speaks of.
    for path, page in list(pages.items()):
        if not path.endswith(".md"):
            continue
        with open(page.abs_src_path, encoding="utf-8") as file:
            text = with_tables(file.read(), posixpath.dirname(path))
        for _, _, target in links(text):
            linked = posixpath.normpath(posixpath.join(posixpath.dirname(path), target))
            full = os.path.join(ROOT, linked)
            if linked in pages or filled_in(linked) in pages or f"source/{linked}.md" in pages:
                continue
            if re.search(r"\.(svg|png)$", linked) and os.path.exists(full):
                add(linked, ROOT)
            elif os.path.isfile(full):
                write(f"source/{linked}.md", source_page(linked))
            elif os.path.isdir(full) and not os.path.exists(os.path.join(full, "README.md")):
                write(f"source/{linked}/README.md", folder_page(linked))
    return Files(own + list(pages.values()))


def source_page(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        text = file.read()
    up = "../" * (path.count("/") + 1)
    page = names.page_of_file(ROOT, path)
    reference = f'<a class="api" href="{up}api/html/{page}">API reference of this file</a>\n\n' if page else ""
    fence = "`" * (max([2, *(len(run) for run in re.findall(r"`+", text))]) + 1)
    return f"# {path}\n\n{reference}{fence}{source_code.language(path)} linenums=\"1\"\n{text.rstrip()}\n{fence}\n"


def folder_page(path):
    entries = sorted(name + ("/" if os.path.isdir(os.path.join(ROOT, path, name)) else "")
                     for name in os.listdir(os.path.join(ROOT, path)) if not name.startswith((".", "__")))
    return f"# {path}/\n\n" + "".join(f"- `{name}`\n" for name in entries)


def on_page_markdown(markdown, page, config, files):
    path = page.file.src_path.replace(os.sep, "/")
    folder = posixpath.dirname(path)

    def code(match):
        margin, begins, target = match.groups()  # a list goes on after an indented one
        linked = posixpath.normpath(posixpath.join(folder, target))
        with open(os.path.join(ROOT, linked), encoding="utf-8") as file:
            text, line = source_code.piece(file.read(), begins, linked)
        return textwrap.indent(f"```{source_code.language(linked)}\n{text}\n```\n\n"
                               f"[{linked}]({target}), from line {line}\n{{ .from }}", margin)

    def link(match):
        target = match.group(2)
        linked = posixpath.normpath(posixpath.join(folder, target))
        if is_outside(target) or files.get_file_from_path(linked):
            return match.group(0)
        for candidate in (filled_in(linked), f"{linked}/README.md", f"source/{linked}.md", f"source/{linked}/README.md"):
            if files.get_file_from_path(candidate):
                relative = posixpath.relpath(candidate, folder or ".")
                return f"{match.group(1)}{relative}{match.group(3) or ''}{match.group(4)}"
        return match.group(0)

    markdown = with_tables(markdown, folder)
    markdown = CODE_LINE.sub(code, markdown)
    markdown = DOT.sub(lambda match: diagrams.figure(match.group(1)), markdown)
    # Links outside code blocks only.
    parts, fenced = [], False
    for line in markdown.splitlines(keepends=True):
        if FENCE.match(line):
            fenced = not fenced
        parts.append(line if fenced else LINK.sub(link, line))
    return "".join(parts)


def on_page_content(content, page, config, files):
    up = "../" * page.file.url.count("/")

    def known(match):
        target = names.page_of(match.group(1).replace("kidney::", ""))
        return f'<a class="api" href="{up}api/html/{target}">{match.group(0)}</a>' if target else match.group(0)

    # A name in the text that the reference knows leads there; one that is a link already stays.
    pieces = re.split(r"(<a\b.*?</a>|<pre\b.*?</pre>)", content, flags=re.S)
    return "".join(piece if piece.startswith(("<a", "<pre")) else
                   re.sub(r"<code>((?:\w+::)*\w+)</code>", known, piece) for piece in pieces)


def on_post_page(output, page, config):
    # A browser lets no page fetch an index from a file.
    script = '<script>if (location.protocol === "file:") for (const part of document.querySelectorAll("[data-md-component=search], ' \
             'label[for=__search]")) part.remove()</script>'
    return output.replace('<script src="', script + '<script src="', 1) if '<script src="' in output else output


def on_post_build(config):
    if os.path.isdir(os.path.join(API, "html")):
        shutil.copytree(os.path.join(API, "html"), os.path.join(config["site_dir"], "api", "html"), dirs_exist_ok=True)
