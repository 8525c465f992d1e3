"""Which files belong to the project, for the checks. Works in a clone, and where there is no Git at all."""
import os
import subprocess


def project_files(root, folders=()):
    """Sorted names, relative to `root`, of the files in `folders` (all, if none is given): those Git knows or would
    add; without Git, or outside a clone, all that are there but for build trees and hidden folders."""
    command = ["git", "-C", root, "ls-files", "-co", "--exclude-standard", "--", *folders]
    try:
        listing = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        names = listing.stdout.splitlines() if listing.returncode == 0 else None
    except FileNotFoundError:
        names = None
    if names is None:
        names = []
        for top in folders or (".",):
            for folder, inner, files in os.walk(os.path.join(root, top)):
                inner[:] = [name for name in inner if name not in ("build", "__pycache__") and not name.startswith(".")]
                names += [os.path.relpath(os.path.join(folder, name), root) for name in files]
    return sorted(name for name in set(names) if os.path.exists(os.path.join(root, name)))
