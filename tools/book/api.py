"""The API reference: Doxygen over the contracts, policies and engines, and where it describes what."""
import glob
import hashlib
import os
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

FOLDERS = ("include", "mm", "sched", "fs", "ipc", "proc", "drivers", "sim", "arch", "kernel")


def sources(root, project_files):
    return [path for path in project_files(root, FOLDERS) if path.endswith((".hpp", ".cpp"))]


def make(root, folder, project_files):
    """Leaves the reference in `folder`/html, unless it is that of these sources already."""
    files = sources(root, project_files)
    digest = hashlib.sha256()
    for path in [*files, "tools/book/Doxyfile", "tools/book/api.py", "tools/book/api.css"]:
        with open(os.path.join(root, path), "rb") as file:
            digest.update(path.encode() + file.read())
    stamp = os.path.join(folder, "stamp")
    if os.path.exists(stamp) and open(stamp, encoding="ascii").read() == digest.hexdigest():
        return
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    with open(os.path.join(folder, "input"), "w", encoding="utf-8") as file:
        file.write("".join(f'INPUT += "{path}"\n' for path in files))
    # The way back to the book is a tab among Doxygen's own.
    subprocess.run(["doxygen", "-l", "layout.xml"], cwd=folder, check=True, stdout=subprocess.DEVNULL)
    layout = os.path.join(folder, "layout.xml")
    with open(layout, encoding="utf-8") as file:
        text = file.read()
    tab = '<tab type="user" url="@RELPATH@/../index.html" title="The book"/>'
    text = text.replace("<navindex>", f"<navindex>\n    {tab.replace('@RELPATH@/', '')}", 1)
    with open(layout, "w", encoding="utf-8") as file:
        file.write(text)
    with open(os.path.join(folder, "complaints.txt"), "wb") as complaints:
        result = subprocess.run(["doxygen", os.path.join(root, "tools", "book", "Doxyfile")], cwd=root, stdout=subprocess.DEVNULL,
                                stderr=complaints, env=dict(os.environ, BOOK_API=folder))
    if result.returncode != 0:
        raise RuntimeError(f"doxygen failed: see {folder}/complaints.txt")
    for_screen_readers(os.path.join(folder, "html"))
    with open(stamp, "w", encoding="ascii") as file:
        file.write(digest.hexdigest())


def for_screen_readers(site):
    """Doxygen says neither the language of a page nor what its search field is for; menu.js makes that."""
    for path in [*glob.glob(os.path.join(site, "**", "*.html"), recursive=True), os.path.join(site, "menu.js")]:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        text = text.replace('<html xmlns="http://www.w3.org/1999/xhtml">', '<html xmlns="http://www.w3.org/1999/xhtml" lang="en">', 1)
        text = re.sub(r'(id="MSearchField")(?! aria)', r'\1 aria-label="Search"', text)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


class Names:
    """Where the reference tells about a name or a file: paths below its folder, None if it does not."""

    def __init__(self, folder):
        self.files, names = {}, {}
        tags = os.path.join(folder, "tags.xml")
        for compound in ElementTree.parse(tags).getroot().iter("compound") if os.path.exists(tags) else ():
            kind, name, page = compound.get("kind"), compound.findtext("name"), compound.findtext("filename") or ""
            page = page if page.endswith(".html") else page + ".html"
            if kind == "file":
                path = (compound.findtext("path") or "") + name
                self.files[path] = page
            elif kind in ("class", "struct", "concept"):
                names.setdefault(re.sub(r"<.*", "", name), page)
        self._names = {}
        for name, page in names.items():
            parts = name.split("::")
            for n in range(len(parts)):
                self._names.setdefault("::".join(parts[n:]), set()).add(page)

    def page_of(self, name):
        """Only if it is the only one of this name, and looks like a type."""
        pages = self._names.get(name, set())
        return next(iter(pages)) if len(pages) == 1 and re.search(r"[A-Z]", name) else None

    def page_of_file(self, root, path):
        return self.files.get(os.path.join(root, path)) or self.files.get(path)
