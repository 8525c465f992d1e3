"""Several directory trees as one, the later over the earlier: what goes on a root disk or into an initramfs.

Nothing is copied here: overlay() only says what lies where. A symbolic link in a tree is what it will be on the disk: it
is followed within the disk (so that /bin/ls of one tree lands in /usr/bin where another has made /bin a link to that),
and replaced where the later tree has a file of that name.
"""
import os
import stat


class Entry:
    """One name on the disk: where its content and its attributes come from."""

    def __init__(self, source):
        self.source = source
        self.info = os.lstat(source)

    @property
    def owner(self):
        """Who makes the disk is root there; others stay who they are."""
        return (0 if self.info.st_uid == os.getuid() else self.info.st_uid,
                0 if self.info.st_gid == os.getgid() else self.info.st_gid)

    @property
    def is_folder(self):
        return stat.S_ISDIR(self.info.st_mode)

    @property
    def is_link(self):
        return stat.S_ISLNK(self.info.st_mode)


def walk(tree):
    """Relative paths of everything in the tree, a folder before what is in it."""
    for folder, folders, files in os.walk(tree):
        folders.sort()
        for name in sorted(folders + files):
            yield os.path.relpath(os.path.join(folder, name), tree)


def resolve(found, path):
    """The place that a path means, all links followed. A link that leads round in a circle stays as it is."""
    left, place, links = path.split("/"), "", 0
    while left:
        name = left.pop(0)
        if name == "..":
            place = os.path.dirname(place)
        elif name not in ("", "."):
            place = os.path.join(place, name)
            entry = found.get(place)
            if entry is not None and entry.is_link and links < 40:
                links += 1
                target = os.readlink(entry.source)
                place = "" if target.startswith("/") else os.path.dirname(place)
                left = target.split("/") + left
    return place


def move_folder(found, path, goal):
    """What was in a folder is from now on where a link of that name leads, unless something is there already."""
    for old in [p for p in found if p.startswith(path + "/")]:
        found.setdefault(goal + old[len(path):], found[old])
        del found[old]
    found.setdefault(goal, found[path])
    del found[path]


def add(found, path, entry):
    place = os.path.join(resolve(found, os.path.dirname(path)), os.path.basename(path))
    there = found.get(place)
    if there is None:
        found[place] = entry
    elif entry.is_folder:
        goal = resolve(found, place)
        is_there = goal == "" or (goal in found and found[goal].is_folder)
        if goal != "":
            found[goal if is_there else place] = entry
    elif not there.is_folder:
        found[place] = entry
    elif entry.is_link:
        found_with_link = {**found, place: entry}
        move_folder(found, place, resolve(found_with_link, place))
        found[place] = entry
    else:
        raise ValueError(f"{entry.source} would replace a folder")


def overlay(trees):
    """{path on the disk: Entry}, a folder before what is in it. Error: ValueError."""
    found = {}
    for tree in trees:
        for path in walk(tree):
            add(found, path, Entry(os.path.join(tree, path)))
    return dict(sorted(found.items(), key=lambda item: item[0].split("/")))
