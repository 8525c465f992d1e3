#!/bin/bash
# Run once by Gradescope, as root, when the image for an assignment is made (Ubuntu or Debian).
set -eu
cd /autograder/source
export DEBIAN_FRONTEND=noninteractive
apt-get update
apt-get install -y --no-install-recommends git python3 clang-19 lld-19 libclang-rt-19-dev llvm-19 libexpected-dev bubblewrap
# What is in here is not for those who are graded, whatever sandbox works on that machine.
chmod -R go= /autograder/source
