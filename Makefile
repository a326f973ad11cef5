# `make demo` and `make test` work on a fresh Debian 12 or Ubuntu machine: what is missing is installed first.
# ARGS passes arguments on: make demo ARGS=--keep, make test ARGS="-k reply".
# make test WORKERS=4 uses more cores; WORKERS=0 runs everything in one process.
.POSIX:
.PHONY: install newcomer help demo test check check-imports check-types check-tests bench fuzz faults slow matrix cluster image release lock setup setup-servers setup-python clean

PY = .venv/bin/python
ARGS =
FUZZ_SECONDS = 60
# Tests run in two processes, each with private servers of its own; the tests of a file stay together.
WORKERS = 2
PARALLEL = -n $(WORKERS) --dist loadfile --no-loadscope-reorder

help:
	@echo "make demo     from mails in a mailbox to cases, before your eyes"
	@echo "make test     the whole suite, with private servers (some minutes)"
	@echo "make check    lint, format, types, import rules, quick tests (under a minute, no servers)"
	@echo "make bench    each service and the whole path beside what the servers would allow (ten minutes)"
	@echo "make fuzz     feed the readers of mails and invoices with odd bytes for FUZZ_SECONDS=$(FUZZ_SECONDS)"
	@echo "make faults   kill, freeze and cut off everything while mail flows"
	@echo "make slow     the long tests of the desk, its pages and the readers"
	@echo "make matrix   the tests on RabbitMQ of other Debian releases and on other versions of Python (an hour)"
	@echo "make cluster  three-node clusters in network namespaces (root): nodes killed, cut off, restarted, upgraded"
	@echo "make image    build the image (needs root and buildah; by hand without), run every service from it"
	@echo "make release  sdist, wheel, bill of materials and notes of the tagged commit, built twice and checked"
	@echo "make newcomer play a new user on a bare Debian tree (as root; ARGS='trixie' for Debian 13)"
	@echo "make lock     choose the dependencies' versions anew (needs uv)"
	@echo "make install  install the command mailcase for this user, by uv or pipx"
	@echo "make setup    only install what the above need; they all do it by themselves"
	@echo "make clean    remove what make made: .venv, caches, private servers' data"
	@echo "ARGS=... passes arguments on, e.g. make demo ARGS=--keep"

demo: setup-servers
	@.venv/bin/mailcase demo $(ARGS)

test: setup
	$(PY) -m pytest $(PARALLEL) $(ARGS)

check: setup-python
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	@$(MAKE) -j3 check-imports check-types check-tests

check-imports:
	.venv/bin/lint-imports

check-types:
	.venv/bin/mypy

check-tests:
	$(PY) -m pytest $(PARALLEL) tests/unit tests/contract $(ARGS)

bench: setup-servers
	$(PY) -m benchmarks $(ARGS)

fuzz: setup-python
	$(PY) -m pytest -q --hypothesis-profile=seeking tests/unit/case_writer/reading/test_any_bytes.py tests/unit/runtime/mail/test_headers.py
	@set -e; for script in tests/fuzz/fuzz_*.py; do echo "== $$script"; PYTHONPATH=. $(PY) "$$script" $(FUZZ_SECONDS); done

faults: setup
	$(PY) -m pytest -m "slow or not slow" tests/faults tests/integration/fetcher/test_fetcher.py tests/integration/fetcher/test_fetcher_replicas.py tests/integration/fetcher/test_neighbors.py tests/integration/local/test_local_login.py $(ARGS)

slow: setup
	$(PY) -m pytest -m slow tests/browser tests/e2e tests/integration/benchmarks tests/integration/case_writer tests/integration/desk tests/unit $(ARGS)

matrix: setup
	$(PY) -m tests.matrix $(ARGS)

cluster: setup
	$(PY) -m pytest -s -m "slow or not slow" tests/cluster $(ARGS)

image: setup
	$(PY) -m pytest -s -m "slow or not slow" tests/image tests/deploy/test_image.py $(ARGS)

release: setup-python
	@$(PY) -m tools.release

newcomer: setup-servers
	@$(PY) -m tests.newcomer $(ARGS)

# The editable project is left out of the locks; `tools/setup` adds it.
lock:
	@command -v uv >/dev/null || { echo "lock: uv is not installed: pipx install uv, or pip install --user uv" >&2; exit 1; }
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--extra oauth2 --extra invoices pyproject.toml -o requirements/runtime.lock
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --extra local --extra oauth2 --extra invoices --extra dev \
		-c requirements/runtime.lock pyproject.toml -o requirements/dev.lock
	echo "setuptools>=77" | uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
		--no-annotate -c requirements/dev.lock - -o requirements/build.lock

setup:
	@tools/setup all
	@echo "ready; next: .venv/bin/mailcase init, then .venv/bin/mailcase up"

install:
	@if command -v uv >/dev/null; then uv tool install --force '.[local,oauth2]'; \
	elif command -v pipx >/dev/null; then pipx install --force '.[local,oauth2]'; \
	else echo "install: neither uv nor pipx is here; apt-get install pipx, or use make setup" >&2; exit 1; fi
	@echo "ready; next: mailcase init, then mailcase up"

setup-servers:
	@tools/setup servers

setup-python:
	@tools/setup python

clean:
	rm -rf .venv tests/browser/node_modules .run build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
