# What nixpkgs has for each Debian package of tools/kidney/packages.txt; tests/checks/nix_test.py keeps the two lists alike.
# null: what the shell does without.
{ pkgs }:
let
  cross = pkgs.pkgsCross.gnu32; # compilers and libraries for 32-bit x86, on any machine
in
{
  "clang-19" = pkgs.llvmPackages_19.clang;
  "lld-19" = pkgs.llvmPackages_19.bintools-unwrapped;
  "llvm-19" = pkgs.llvmPackages_19.llvm;
  "g++-i686-linux-gnu" = cross.buildPackages.llvmPackages_19.clang;
  "libexpected-dev" = pkgs.tl-expected;
  "libboost-dev" = pkgs.boost.dev;
  "cmake" = pkgs.cmake;
  "ninja-build" = pkgs.ninja;
  "grub-common" = pkgs.grub2;
  "grub-pc-bin" = cross.grub2; # GRUB for BIOS machines
  "grub-pc-bin:i386" = cross.grub2;
  "xorriso" = pkgs.xorriso;
  "mtools" = pkgs.mtools;
  "dosfstools" = pkgs.dosfstools;
  "sleuthkit" = pkgs.sleuthkit;
  "genext2fs" = pkgs.genext2fs;
  "e2fsprogs" = pkgs.e2fsprogs;
  "qemu-system-x86" = pkgs.qemu;
  "qemu-user" = pkgs.qemu;
  "libclang-rt-19-dev" = pkgs.llvmPackages_19.compiler-rt;
  "bubblewrap" = pkgs.bubblewrap;
  "clang-format-19" = pkgs.llvmPackages_19.clang-tools;
  "clang-tidy-19" = pkgs.llvmPackages_19.clang-tools;
  "googletest" = null; # its sources: flake.nix puts them where they are looked for
  "bochs" = pkgs.bochs;
  "bochsbios" = pkgs.bochs;
  "vgabios" = pkgs.bochs;
  "qemu-system-gui" = pkgs.qemu;
  "fdisk" = pkgs.util-linux;
  "gdisk" = pkgs.gptfdisk;
  "gdb" = pkgs.gdb;
  "gdb-multiarch" = pkgs.gdb;
  "libbenchmark-dev" = pkgs.gbenchmark;
  "libbenchmark-dev:i386" = null;
  "busybox-static:i386" = cross.pkgsStatic.busybox;
  "linux-image-686:i386" = null; # the guest is compared with Debian's kernel, and with no other
  "mkdocs" = pkgs.python3.withPackages (python: [ python.mkdocs python.mkdocs-material python.pymdown-extensions ]);
  "mkdocs-material" = null; # with mkdocs
  "python3-pymdownx" = null; # with mkdocs
  "doxygen" = pkgs.doxygen;
  "graphviz" = pkgs.graphviz;
  "chromium" = pkgs.chromium;
  "shellcheck" = pkgs.shellcheck;
  "nix-bin" = pkgs.nix;
  "zsh" = pkgs.zsh;
}
