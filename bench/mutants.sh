#!/bin/sh
# Mutation testing in an environment of its own beside the project's: the tool, pinned, and what the tests need.
set -eu
cd "$(dirname "$0")/.."
if [ ! -e .bench/mutants-venv/.ready ]; then
	.venv/bin/python -m venv .bench/mutants-venv
	.bench/mutants-venv/bin/python -m pip install -q --disable-pip-version-check -r bench/mutants.txt
	.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
		>"$(.bench/mutants-venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/project.pth"
	touch .bench/mutants-venv/.ready
fi
# Few made-up outages, always the same: they judge what a mutant does to the whole.
export BCP_WORLDS=2 BCP_WORLD_SEEDS="1 2 3" PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 PYTHONDONTWRITEBYTECODE=1
exec .bench/mutants-venv/bin/python bench/mutants.py "$@"
