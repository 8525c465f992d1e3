#!/usr/bin/env bash
# The container's first program: gives the clone in the working directory what setup unpacked in the image, then runs
# the command. (Such packages belong into the clone's build folder; see tools/kidney/packages.txt.)
set -eu
if [ -x ./kidney ] && [ -d /opt/kidneyos/build ] && [ -w . ]; then
    mkdir -p build
    for part in /opt/kidneyos/build/*/; do
        part=$(basename "$part")
        [ -e "build/$part" ] || cp -r "/opt/kidneyos/build/$part" build/
    done
fi
exec "$@"
