#!/bin/sh
# Runs scripts one after the other, each in a folder of its own, and prints what came of each between marked lines:
#   @@ begin NAME / standard output / @@ stderr NAME / standard error / @@ end NAME STATUS
# The same file runs in the guest and on Linux (compare_scripts.py), so that both sides are treated alike.
# usage: sh corpus.sh SCRIPTS_FOLDER WORK_FOLDER NAME...
scripts=$1
work=$2
shift 2
umask 022
mkdir -p "$work"
for name; do
    printf '\n@@ begin %s\n' "$name"
    mkdir "$work/$name.d" && cd "$work/$name.d" || exit 1
    cp "$scripts/$name.sh" "$work/$name.sh"
    env -i PATH="$PATH" HOME=/ TMPDIR=/tmp LC_ALL=C SHELL=/bin/sh USER=root LOGNAME=root \
        sh "../$name.sh" > "$work/$name.out" 2> "$work/$name.err" < /dev/null
    status=$?
    cat "$work/$name.out"
    printf '\n@@ stderr %s\n' "$name"
    cat "$work/$name.err"
    printf '\n@@ end %s %s\n' "$name" "$status"
    cd / && rm -rf "$work/$name.d" "$work/$name.out" "$work/$name.err" "$work/$name.sh"
done
printf '\n@@ done\n'
