#!/bin/sh
# The shell of busybox-static runs its own applets whatever PATH says; the one of busybox does not.
#
# Subject: Debian 12's busybox-static and busybox, both 1:1.35.0-4+deb12u1+b1: one source, one version, two packages.
# A good guess: they differ in how they are linked. A shell looks a command up in PATH, so a program called cat in its
#   first folder is what `cat` runs, and with an empty PATH nothing is found.
# Seen: so it is with busybox. In busybox-static `cat` is the applet, before any PATH, without an execve; `command -v cat`
#   says "cat" and no path; and with a PATH that leads nowhere env, xargs, timeout and find -exec run applets as well.
#   A program that is put first in PATH to stand for another one is never called there, and a trace of system calls
#   shows no execve for most commands of a script.
# Needs: the right to run apt-get download; dpkg-deb.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
version=1:1.35.0-4+deb12u1+b1
apt-get download "busybox-static=$version" "busybox=$version" >/dev/null 2>&1
mkdir fake
printf '#!/bin/sh\necho the one in PATH\n' >fake/cat
chmod 755 fake/cat
echo "the applet" >text
for package in busybox-static busybox; do
    dpkg-deb -x "$package"_*.deb "$package"
    shell=$folder/$package/bin/busybox
    {
        PATH=$folder/fake "$shell" sh -c 'cat text; command -v cat'
        PATH=/nowhere "$shell" sh -c 'for by in "" exec env "timeout 9"; do ($by cat text); done; echo text | xargs cat' 2>&1 || true
    } | sed "s|$folder|.|" >"$package.seen"
    echo "$package:"
    sed 's/^/    /' "$package.seen"
done
cat >static.expected <<'END'
the applet
cat
the applet
the applet
the applet
the applet
the applet
END
if cmp -s busybox-static.seen static.expected &&
    [ "$(sed -n 1,2p busybox.seen)" = "the one in PATH
./fake/cat" ] && ! grep -q "the applet" busybox.seen; then
    echo "as seen: the static one asks no PATH, the other one does"
else
    echo "not what was seen"
    exit 1
fi
