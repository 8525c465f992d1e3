#!/bin/sh
# By which name Clang's thread-safety analysis calls a lock whose type is a specialisation of a class template.
#
# Subject: clang-19 1:19.1.7-3~deb12u1, -std=c++20 -Wthread-safety.
# A good guess: by the word of the attribute, capability("spin lock"), in every message, as for a class that is no template:
#   the attribute stands on the template, and the type of the lock is known.
# Seen: two functions read the same guarded variable without the lock, and get two messages: "requires holding mutex" before
#   the specialisation has been instantiated, "requires holding spin lock" behind the first use of one of its members.
#   Declaring the lock, and guarding a variable by it, instantiate nothing. An explicit instantiation, or a static_assert on
#   its size, above both makes the messages agree. Which word a test finds depends on what was compiled before.
# Needs: the right to run apt-get download, dpkg-deb; amd64.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download clang-19=1:19.1.7-3~deb12u1 libclang-common-19-dev=1:19.1.7-3~deb12u1 libclang-cpp19=1:19.1.7-3~deb12u1 \
    libllvm19=1:19.1.7-3~deb12u1 >/dev/null 2>&1
for package in *.deb; do dpkg-deb -x "$package" root; done
export LD_LIBRARY_PATH="$folder/root/usr/lib/x86_64-linux-gnu:$folder/root/usr/lib/llvm-19/lib"
cat >guarded.cpp <<'END_OF_CPP'
#ifdef IS_TEMPLATE
template <int Rank>
#endif
class __attribute__((capability("spin lock"))) Lock {
public:
    void take() __attribute__((acquire_capability()));
    void give() __attribute__((release_capability()));
};
#ifdef IS_TEMPLATE
extern Lock<1> lock;
#else
extern Lock lock;
#endif
#ifdef IS_SIZED
static_assert(sizeof(lock) > 0);
#endif
int value __attribute__((guarded_by(lock))) = 0;
int before() { return value; }
void use() {
    lock.take();
    lock.give();
}
int behind() { return value; }
END_OF_CPP
# words OPTION...: what the messages call the lock, in their order
words() {
    root/usr/lib/llvm-19/bin/clang -std=c++20 -fsyntax-only -Wthread-safety "$@" guarded.cpp 2>&1 |
        grep -oP "requires holding \K.*(?= 'lock')" | paste -sd,
}
result="class: $(words)
template: $(words -DIS_TEMPLATE)
template, complete: $(words -DIS_TEMPLATE -DIS_SIZED)"
echo "$result"
[ "$result" = "class: spin lock,spin lock
template: mutex,spin lock
template, complete: spin lock,spin lock" ] || { echo "not what was seen"; exit 1; }
echo "as seen: a lock is a mutex until its template is instantiated"
