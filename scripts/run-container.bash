#!/usr/bin/env bash
# Runs ./kidney, a shell, or any other command in a container with all that the project needs (Dockerfile).
set -eu
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

usage() {
    cat <<'TEXT'
usage: scripts/run-container.bash [--host-qemu] [--rebuild] [COMMAND [ARGUMENT...]]

  scripts/run-container.bash                 a shell
  scripts/run-container.bash ./kidney test   any command; its exit status is ours
  --host-qemu   build the images in the container, and boot them in this machine's QEMU
  --rebuild     make the container's image anew, with today's packages

The clone is mounted at the path that it has here, and files belong to you. KIDNEY_CONTAINER_ENGINE chooses between
docker and podman, KIDNEY_CONTAINER_OPTIONS has further words for its `run`.
TEXT
}

say() { printf 'run-container: %s\n' "$*" >&2; }

host_qemu='' rebuild=''
while [ $# -gt 0 ]; do
    case $1 in
        --host-qemu) host_qemu=yes ;;
        --rebuild) rebuild=yes ;;
        -h | --help) usage; exit 0 ;;
        -*) say "unknown option $1"; usage >&2; exit 2 ;;
        *) break ;;
    esac
    shift
done

engine=${KIDNEY_CONTAINER_ENGINE:-}
if [ -z "$engine" ]; then
    for engine in docker podman ''; do
        if [ -n "$engine" ] && type -P "$engine" >/dev/null; then break; fi
    done
fi
if [ -z "$engine" ]; then
    say "neither docker nor podman is here; docs/building/README.md has other ways"
    exit 1
fi

# The image is named by what it is made of: a new list of packages makes a new one.
image=kidneyos:$(cd "$root" && cat Dockerfile kidney tools/kidney/packages.txt scripts/container-entry.bash |
    cksum | tr ' ' -)
if [ -n "$rebuild" ] || ! "$engine" image inspect "$image" >/dev/null 2>&1; then
    say "making the image $image: once, some minutes"
    "$engine" build ${rebuild:+--no-cache --pull} --tag "$image" "$root" >&2
fi

options=(run --rm --interactive --volume "$root:$root" --workdir "$root" --env HOME=/tmp --env TERM)
if [ -t 0 ] && [ -t 1 ]; then options+=(--tty); fi
case $(basename "$engine") in
    podman) options+=(--userns=keep-id) ;;
    *) options+=(--init --user "$(id -u):$(id -g)") ;;
esac
read -ra more <<<"${KIDNEY_CONTAINER_OPTIONS:-}"

contained() { "$engine" "${options[@]}" ${more[@]+"${more[@]}"} "$image" "$@"; }

if [ -z "$host_qemu" ]; then
    contained "${@:-bash}"
    exit
fi
contained sh -c 'cmake --preset i686-debug >/dev/null && cmake --build --preset i686-debug --target iso disk' >&2
command=$(contained python3 tools/kidney/qemu.py build/i686-debug)
if ! type -P qemu-system-i386 >/dev/null; then
    say "there is no qemu-system-i386 here. With one, this boots the images:"
    printf '%s\n' "$command"
    exit 1
fi
say "Ctrl-A X leaves QEMU, exit powers the machine off"
status=0
eval "$command" || status=$?
[ "$status" = 37 ] && status=0  # how the machine is powered off: tools/kidney/qemu.py
exit "$status"
