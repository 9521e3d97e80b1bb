#!/bin/sh
# The rivals' own environment, .venv-bench beside the checkout's. torch first and pinned: other
# packages would otherwise bring a build of their own.
set -eu
cd "$(dirname "$0")/.."
test -x .venv-bench/bin/python || python3 -m venv .venv-bench
.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check "torch==2.13.0"
.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check \
    trl peft transformers accelerate datasets scikit-learn
.venv-bench/bin/python -m pip list --format=freeze --disable-pip-version-check |
    grep -E "^(torch|trl|transformers|peft|accelerate|datasets)=="
