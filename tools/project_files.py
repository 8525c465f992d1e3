"""Which files belong to the project, for the checks. Works in a clone, and where there is no Git at all."""
import os
import subprocess


def listed_by_git(root, options, folders):
    """The names that `git ls-files` tells, or None without Git or outside a clone."""
    command = ["git", "-C", root, "ls-files", "-z", *options, "--", *folders]
    try:
        listing = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    except FileNotFoundError:
        return None
    return listing.stdout.split("\0")[:-1] if listing.returncode == 0 else None


def project_files(root, folders=(), only_known=False):
    """Sorted names, relative to `root`, of the files in `folders` (all, if none is given): those Git knows or would
    add (with `only_known`, not the latter: for what others get); without Git, or outside a clone, all that are there but
    for build trees and hidden folders."""
    names = listed_by_git(root, ["-c"] if only_known else ["-co", "--exclude-standard"], folders)
    if names is None or (only_known and not names):  # nothing is known in a tree that lies in another project's clone
        names = []
        for top in folders or (".",):
            for folder, inner, files in os.walk(os.path.join(root, top)):
                inner[:] = [name for name in inner if name not in ("build", "__pycache__") and not name.startswith(".")]
                names += [os.path.relpath(os.path.join(folder, name), root) for name in files]
    return sorted(name for name in set(names) if os.path.exists(os.path.join(root, name)))
