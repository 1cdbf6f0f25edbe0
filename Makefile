# How things are run; CI calls the same targets.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: setup demo test package lint docs fuzz chaos bench format lock

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "billing needs Python 3.11 or newer; try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "This python3 cannot make virtual environments; on Debian: apt install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[sandbox,dev]'
	@touch $(STAMP)

demo: setup
	$(BIN)/billing sandbox demo

test: setup
	$(BIN)/python -m pytest -n 4 --dist worksteal

# Both packages, and the wheel at work in an empty environment that `pip install` made.
package: setup
	.ci/package

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# What is generated and committed; `make test` fails where it is not what this makes.
docs: setup
	$(BIN)/python docs/generate/commands.py
	$(BIN)/python docs/generate/modules.py
	$(BIN)/python docs/generate/help_pages.py
	$(BIN)/python docs/generate/screenshots.py
	$(BIN)/python docs/generate/json_output.py

# The webhook verifier beside Stripe's own, over many more bytes than `make test` tries; 200,000 in about three minutes.
fuzz: setup
	FUZZ_EXAMPLES=50000 $(BIN)/python -m pytest tests/domain/test_webhook_signature.py -n 2 --hypothesis-show-statistics

# Exports and money moved by hand, under every fault at once; prints Markdown for docs/reliability.md. 500 runs of each
# part, and 100 over REST, take about an hour with four workers.
RUNS ?= 500
SEED ?= 1
chaos: setup
	cd tests && ../$(BIN)/python -m campaign --runs $(RUNS) --seed $(SEED)

# Prints Markdown; about twenty-five minutes.
bench: setup
	$(BIN)/python benchmarks/preview.py
	$(BIN)/python benchmarks/export.py
	$(BIN)/python benchmarks/stream.py
	$(BIN)/python benchmarks/workers.py
	$(BIN)/python benchmarks/money.py
	$(BIN)/python benchmarks/webhooks.py
	$(BIN)/python benchmarks/reconcile.py
	$(BIN)/python benchmarks/migrate.py

format: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Compiles constraints.txt anew; review the difference before committing it.
lock:
	uv pip compile pyproject.toml --extra sandbox --extra dev --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links --no-header --upgrade --quiet --output-file constraints.txt
