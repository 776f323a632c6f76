#!/bin/sh
# Everything side by side in one run; prints ratios. Peers go into .bench/venv; BIND where it is installed.
set -eu
cd "$(dirname "$0")/.."
[ -x .bench/venv/bin/chaos ] && [ -x .bench/venv/bin/ministack ] || { python3 -m venv .bench/venv; .bench/venv/bin/pip install -q --disable-pip-version-check -r bench/peers.txt; }
# An installed package brings its bytecode along, as the peers' do; our checkout keeps what the first of several runs makes.
unset PYTHONDONTWRITEBYTECODE
.venv/bin/python -m compileall -q bcp bench tests/crash
exec .venv/bin/python bench/bench.py "$@"
