.DEFAULT_GOAL := help
.PHONY: help setup demo test test-slow lint weights clean

PYTHON := .venv/bin/python
WORKERS := --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
ROOMS := contracts pipeline device benchmarks cli

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 12

setup: ## Install what is missing: Debian packages (sudo when not root), uv, .venv
	@setup/install.sh

demo: setup ## Zip two real networks, run them on the emulated ARM device, report
	$(PYTHON) examples/fetch_data.py
	.venv/bin/deploy zip-and-push examples/digits_fashion.toml --out out/digits_fashion --check

test: lint ## Check style, types and walls; run the tests, the emulated device included
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -m "not slow" --durations=20 $(WORKERS)

test-slow: ## Run the longer proofs; installs Chromium
	@setup/install.sh setup/slow-packages.txt
	$(PYTHON) -m pytest -m slow

lint: setup ## Check style, types and the walls between the rooms
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy $(addprefix -p taskzip.,$(ROOMS))
	.venv/bin/lint-imports

weights: setup ## Train the example networks that are missing (about an hour on 2 cores)
	$(PYTHON) examples/train.py

clean: ## Remove what the targets made in this checkout
	rm -rf build dist out .venv .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info
