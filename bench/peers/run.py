#!/usr/bin/env python3
"""Our file systems beside FatFs, littlefs, lwext4 and xv6, in one run: fetches their sources at a commit into a temporary folder, builds them
with the adapters here, and prints rows with ratios. Not a part of the tests: it needs the network.

    python3 bench/peers/run.py
    python3 bench/peers/run.py --sources DIR     # clones that are there already: DIR/fatfs, DIR/littlefs, DIR/lwext4, DIR/xv6
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(ROOT, "tools", "kidney"))
import build  # noqa: E402

PEERS = {
    "fatfs": ("https://github.com/abbrev/fatfs", "ab992fcf2926b8a1ee3f0a8f9cefb6584174100d", "source", ("ff.c", "ffunicode.c"), ()),
    "littlefs": ("https://github.com/littlefs-project/littlefs", "adad0fbbcf5382c20978d07f94f9c13be9041c1b", ".", ("lfs.c", "lfs_util.c"),
                 ("-DLFS_NO_DEBUG", "-DLFS_NO_WARN", "-DLFS_NO_ERROR")),
    "lwext4": ("https://github.com/gkostka/lwext4", "58bcf89a121b72d4fb66334f1693d3b30e4cb9c5", "src",
               tuple(f"ext4{part}.c" for part in ("", "_balloc", "_bcache", "_bitmap", "_block_group", "_blockdev", "_crc32", "_debug", "_dir", "_dir_idx",
                                                  "_extent", "_fs", "_hash", "_ialloc", "_inode", "_journal", "_mbr", "_mkfs", "_super", "_trans",
                                                  "_xattr")),
               ("-DCONFIG_USE_DEFAULT_CFG=1", "-DCONFIG_HAVE_OWN_ERRNO=0", "-DCONFIG_HAVE_OWN_OFLAGS=1", "-DCONFIG_DEBUG_PRINTF=0",
                "-DCONFIG_DEBUG_ASSERT=0", "-DCONFIG_BLOCK_DEV_CACHE_SIZE=256")),
    # Some of its functions have names of libc's.
    "xv6": ("https://github.com/mit-pdos/xv6-riscv", "f5b93ef12f7159f74f80f94729ee4faabe42c360", "kernel", ("fs.c", "log.c", "bio.c"), ("-Dsleep=xv6_sleep", "-Dlog=xv6_log", "-fno-builtin")),
}
# What FatFs is asked for: long names, one code page, no clock.
SETTINGS = {"FF_CODE_PAGE": 437, "FF_USE_LFN": 1, "FF_FS_NORTC": 1}


def fetch(name, sources, folder):
    """The files of a peer at its commit."""
    url, commit = PEERS[name][:2]
    clone = os.path.join(sources, name) if sources else os.path.join(folder, f"{name}.git")
    if not sources:
        subprocess.run(["git", "clone", "--quiet", "--bare", "--filter=blob:none", url, clone], check=True)
    place = os.path.join(folder, name)
    os.mkdir(place)
    archive = subprocess.run(["git", "-C", clone, "archive", commit], stdout=subprocess.PIPE, check=True)
    subprocess.run(["tar", "-x", "-C", place], input=archive.stdout, check=True)
    return os.path.join(place, PEERS[name][2])


def configure_fatfs(folder):
    path = os.path.join(folder, "ffconf.h")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    for key, value in SETTINGS.items():
        text = re.sub(rf"(#define {key}\s+)\d+", rf"\g<1>{value}", text)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--sources", metavar="DIR", help="clones of the peers, instead of the network")
    parser.add_argument("--tree", metavar="DIR", help="use the library of this build tree and build nothing")
    options = parser.parse_args()
    tree = options.tree or build.build("host-release", ["kidney_file_workloads"])
    with tempfile.TemporaryDirectory() as folder:
        objects, includes = [], []
        for name, (_, _, _, files, definitions) in PEERS.items():
            place = fetch(name, options.sources, folder)
            if name != "xv6":  # whose stat.h is not the one that others mean
                includes.append(f"-I{os.path.join(folder, name, 'include') if name == 'lwext4' else place}")
            includes += [one for one in definitions if one.startswith("-DCONFIG")]
            if name == "fatfs":
                configure_fatfs(place)
            for file in [os.path.join(place, file) for file in files] + ([os.path.join(ROOT, "bench", "peers", "xv6_calls.c")] if name == "xv6" else []):
                objects.append(os.path.join(folder, f"{name}-{os.path.basename(file)}.o"))
                subprocess.run(["clang-19", "-O3", "-DNDEBUG", "-w", *definitions, f"-I{os.path.join(folder, name, 'include')}", f"-I{place}",
                                f"-I{os.path.join(ROOT, 'bench', 'peers')}", "-c", file, "-o", objects[-1]], check=True)
        ours = [os.path.join(ROOT, "bench", "peers", name) for name in ("main.cpp", "fatfs_store.cpp", "littlefs_store.cpp", "lwext4_store.cpp", "xv6_store.cpp")]
        program = os.path.join(folder, "peers")
        subprocess.run(["clang++-19", "-O3", "-DNDEBUG", "-std=c++20", "-Wno-gnu-statement-expression", f"-I{ROOT}", f"-I{ROOT}/include",
                        f"-I{tree}/generated", *includes, *ours, os.path.join(ROOT, "tests", "support", "host_world.cpp"), *objects,
                        os.path.join(tree, "bench", "workloads", "libkidney_file_workloads.a"), "-o", program], check=True)
        return subprocess.run([program]).returncode


if __name__ == "__main__":
    sys.exit(main())
