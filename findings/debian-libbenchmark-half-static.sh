#!/bin/sh
# Debian's Google Benchmark cannot be linked statically, although half of it is an archive.
#
# Subject: libbenchmark-dev 1.7.1-1 of Debian 12, with g++ 12.
# A good guess: the package has benchmark_main as an archive (libbenchmark_main.a), so it has libbenchmark.a beside it, as
#   -dev packages do; `g++ -static` with the flags of `pkg-config --static` makes a program that needs no library.
# Seen: libbenchmark_main.a and libbenchmark.so, and no libbenchmark.a. The static link fails: the linker cannot find
#   -lbenchmark. A cross-built, emulated or bare-bones program that is static otherwise needs the shared libraries here.
# Needs: the right to run apt-get download; dpkg-deb, g++.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
apt-get download libbenchmark-dev=1.7.1-1 libbenchmark1debian=1.7.1-1 >/dev/null 2>&1
mkdir root
for package in *.deb; do dpkg-deb -x "$package" root; done
libraries=$(dirname "$(find root -name libbenchmark.so)")
(cd "$libraries" && echo libbenchmark*.a libbenchmark.so)
cat >bench.cpp <<'END'
#include <benchmark/benchmark.h>
static void nothing(benchmark::State& state) { for (auto _ : state) {} }
BENCHMARK(nothing);
BENCHMARK_MAIN();
END
link() { g++ -Iroot/usr/include bench.cpp -o bench "-L$libraries" "$@" -lbenchmark -lpthread >said 2>&1; }
link && echo "shared: links"
if link -static; then
    echo "static: links"
    exit 1
fi
grep -o "cannot find -lbenchmark" said | head -n 1
[ -e "$libraries/libbenchmark_main.a" ] && [ ! -e "$libraries/libbenchmark.a" ]
