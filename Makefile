# Few verbs. The environment lives in .venv of this checkout: .venv/bin/bcp is the command.
PYTHON ?= python3
SCENARIO ?= refuse
DNS ?= rfc2136
RELAY ?= lab
PYTEST_ARGS ?=
GAMES ?= 10000
SEEDS ?= 1
ROOM ?=
LIARS ?= all
PART ?=
STEPS ?= 40
BIN := .venv/bin
# A setting of pip's, for the shell: from the environment, else from its files.
SETTING = $${PIP_$(1):-$$($(BIN)/python -m pip config get global.$(2) 2>/dev/null)}
PIP = $(BIN)/python -m pip install -q --no-compile --disable-pip-version-check --require-hashes
# Every command of a test is a process of its own: compiled once, not each time, also where the shell says otherwise.
unexport PYTHONDONTWRITEBYTECODE
# Compiled at setup is what most commands load: some shells forbid Python to keep what it compiled.
LOADED := typer click rich dns pydantic jinja2 markupsafe yaml aiohttp multidict yarl idna cryptography botocore urllib3 jmespath dateutil

.PHONY: setup demo test warm soak kills coverage lint worlds mutants liars players bench docs light clean

setup: .venv/.ready ## environment from the lock file

# uv does in seconds what takes pip a minute; pip does it where uv is not to be had, or fails (.venv/uv.txt says why). uv
# does not read pip's settings: an index of one's own is handed on, and where there may be none, pip does all.
.venv/.ready: requirements.lock setup.lock pyproject.toml
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv # stopped half-way it has no pip
	@{ test -z "$(call SETTING,NO_INDEX,no-index)" && $(PIP) -r setup.lock && \
	UV_DEFAULT_INDEX="$(call SETTING,INDEX_URL,index-url)" $(BIN)/uv pip install -q --python $(BIN)/python \
		--link-mode copy --require-hashes -r requirements.lock; } 2>.venv/uv.txt || $(PIP) -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	cd $(BIN)/../lib/python3*/site-packages && ../../../bin/python -m compileall -q -j 0 $(LOADED) $(CURDIR)/bcp
	touch $@

demo: setup ## an outage from break to all-clear, on loopback: make demo SCENARIO=451 DNS=cloudflare RELAY=postfix
	@$(BIN)/bcp drill run $(SCENARIO) --dns $(DNS) --relay $(RELAY)

# How much of what is drawn by chance, or played for long, is a part of `make test`; .ci/run plays more.
SAMPLE := BCP_LIARS=$${BCP_LIARS:-50} BCP_OUTAGES=$${BCP_OUTAGES:-8} BCP_WORLDS=$${BCP_WORLDS:-10} BCP_KILLS=$${BCP_KILLS:-20} \
	BCP_CLOUD_KILLS=$${BCP_CLOUD_KILLS:-4} BCP_BODIES=$${BCP_BODIES:-2000} BCP_FUZZ=$${BCP_FUZZ:-200} \
	BCP_GAMES=$${BCP_GAMES:-1}

test: ## all tests, of what is drawn a sample; real servers where this is root on Debian; make test LINT=1 lints beside
	@sh tests/install-servers.sh & servers=$$!; $(MAKE) --no-print-directory setup warm; made=$$?; wait $$servers && test $$made = 0
	@$(if $(LINT),$(MAKE) --no-print-directory lint >.venv/lint.txt 2>&1,true) & lint=$$!; \
	$(SAMPLE) $(BIN)/python -m pytest $(PYTEST_ARGS); tests=$$?; \
	wait $$lint || { cat .venv/lint.txt; exit 1; }; exit $$tests

warm: setup # compiles the tests once, on both cores, before six workers each do it
	@$(BIN)/python -m compileall -q bcp & \
	$(BIN)/python -m pytest -n 0 --collect-only -q $(wildcard tests/unit/[a-m]*/) >/dev/null & \
	$(BIN)/python -m pytest -n 0 --collect-only -q $(filter-out tests/unit/,$(wildcard tests/*/)) $(wildcard tests/unit/[n-z]*/) >/dev/null; wait

soak: setup ## what is too long for every day: 21,000 odd inputs, 20,000 odd bodies, ten times the examples of what decides
	BCP_MORE=10 BCP_FUZZ=4200 BCP_BODIES=20000 $(BIN)/python -m pytest -n 2 -o timeout=3600 \
		tests/unit/test_fuzz.py tests/unit/test_detect.py tests/unit/engine/test_frontier.py tests/server/test_hooks.py

kills: setup ## kill -9 at any instant of a run, then on to its end: make kills GAMES=1000
	BCP_KILLS=$(if $(filter 10000,$(GAMES)),1000,$(GAMES)) $(BIN)/python -m pytest -n 2 -rP -o timeout=3600 tests/crash/test_kill.py

coverage: setup ## all tests, measured; fails below 90 % of lines and branches, or 85 % of a room
	sh tests/install-servers.sh
	rm -rf .coverage
	mkdir -p .coverage
	$(BIN)/coverage run -m pytest -o timeout=600 $(PYTEST_ARGS)
	$(BIN)/coverage combine -q
	$(BIN)/coverage json -q --fail-under=0
	$(BIN)/coverage report --skip-covered
	$(BIN)/python tests/rooms.py .coverage/report.json

lint: setup
	$(BIN)/ruff check bcp tests bench
	$(BIN)/mypy --strict bcp
	$(BIN)/lint-imports --no-cache

docs: setup ## reference pages and schemas from the code
	$(BIN)/python docs/generate.py

worlds: setup ## 10,000 made-up outages, judged by their truth: make worlds SEEDS="7" GAMES=10000
	BCP_WORLDS=$(GAMES) BCP_WORLD_SEEDS="$(SEEDS)" $(BIN)/python -m pytest tests/unit/detect/test_worlds.py -k no_harm

mutants: setup ## one change at a time in what decides, and does a fast test notice? make mutants ROOM=detect
	sh bench/mutants.sh $(ROOM)

liars: setup ## a failover and a failback for every outside call and every wrong answer: make liars LIARS=all PART=3/8
	BCP_LIARS=$(LIARS) BCP_LIARS_PART=$(PART) BCP_LIARS_SEED="$(SEEDS)" $(BIN)/python -m pytest -n 2 tests/liars $(PYTEST_ARGS)

players: setup ## a random player presses everything, with kills: make players SEEDS="7 8" GAMES=40 STEPS=40
	for seed in $(SEEDS); do BCP_SEED=$$seed BCP_KILL_GAMES=1 BCP_GAMES=$(if $(filter 10000,$(GAMES)),40,$(GAMES)) BCP_STEPS=$(STEPS) \
		$(BIN)/python -m pytest -n 0 tests/players || exit 1; done

light: ## one file, dist/bcp-light.pyz, for machines that only look: needs typer, pydantic, PyYAML, aiohttp, dnspython, idna
	$(PYTHON) docs/light.py dist/bcp-light.pyz

bench: setup ## ratios against peers, measured in one run
	sh bench/run.sh

clean:
	rm -rf .venv .bcp-drill .bcp-lab .bench .coverage
