# Two commands do the work: `make run` and `make test`. Both make their own .venv. `make help` lists the rest.
VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= python3
PIP := $(BIN)/python -m pip --disable-pip-version-check
# torch's CPU build satisfies torch==2.13.0; see README for where the default index would bring the CUDA one.
PIP_OPTIONS ?=
# Which tests: all but those that type the commands of README (`make run` among them) and Dockerfile; .ci/run leaves none out.
PYTEST_OPTIONS ?= -m "not readme"
# What pins the versions; /dev/null takes the newest of everything.
CONSTRAINTS ?= constraints.txt
STAMP := $(VENV)/.installed
# Threads that wait do not spin: where cores are shared, trees then grow up to ten times faster.
export OMP_WAIT_POLICY ?= PASSIVE
export PATH := $(abspath $(BIN)):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help install hooks run test research secrets lab serve export example clean-notebooks gates unit readme clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP): setup.py settings.ini constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer must be on the PATH; install it, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python must be 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V); name another: make PYTHON=/path/to/python3"; exit 1; }
	@echo "Setting up $(VENV): about 2 minutes and 3 GB, once."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(PIP) install $(PIP_OPTIONS) -c $(CONSTRAINTS) -e '.[train,lab,dev]'
	@touch $@

install: $(STAMP) ## set up .venv with everything (make run and make test do it by themselves)

hooks: $(STAMP) ## once per clone: git shows and merges notebooks by cell, and cleans and exports before a commit
	@git config diff.jupyternotebook.command "'$(abspath $(BIN))/git-nbdiffdriver' diff"
	@git config merge.nbdev-merge.driver "'$(abspath $(BIN))/nbdev_merge' %O %A %B %P"
	@pre-commit install

run: $(STAMP) ## train on the embedded year, register, report, monitor one later month
	@flight-delay run train
	@flight-delay run monitor
	@echo
	@echo "Report:  $$(flight-delay reports path train)"
	@echo "Serve:   make serve"
	@echo "Ask:     curl -s localhost:9696/predict -H 'content-type: application/json' -d '{\"route\": \"JFK-LAX\", \"airline\": \"AA\", \"departure_time\": \"2013-11-15T14:30:00\"}'"

test: $(STAMP) gates unit ## every gate and every test

gates: $(STAMP) ## the notebooks and what is made from them
	@echo "[1/7] notebooks can be read, keep the rules of the house, and are clean"
	@python -m flight_delay.dev.gates check
	@python -m flight_delay.dev.gates unchanged -- make --no-print-directory clean-notebooks
	@echo "[2/7] modules, tests and README are what the notebooks export"
	@python -m flight_delay.dev.gates unchanged -- make --no-print-directory export
	@echo "[3/7] lint"
	@ruff check --quiet .
	@echo "[4/7] format"
	@ruff format --quiet --check nbs scheduled setup.py
	@echo "[5/7] types"
	@mypy
	@echo "[6/7] every cell of the notebooks runs and shows what is saved"
	@python -m flight_delay.dev.gates outputs

unit: $(STAMP)
	@echo "[7/7] tests"
	@python -m pytest $(PYTEST_OPTIONS) -n 2 --dist loadfile --no-loadscope-reorder --cov --cov-fail-under=90 --cov-report=term:skip-covered

research: $(STAMP) ## run the notebooks of nbs/research, none of which make test runs (an hour)
	@folder=$$(mktemp -d) && for notebook in nbs/research/*.ipynb; do \
		echo "$$notebook" && jupyter nbconvert --log-level WARN --to notebook --execute --output-dir "$$folder" "$$notebook" || exit 1; \
	done

# Left out are the notebooks and tests that plant secrets to see them masked.
secrets: ## shapes of tokens, keys and passwords in addresses, in what git tracks (needs detect-secrets)
	@$(BIN)/detect-secrets-hook \
		--disable-plugin HexHighEntropyString --disable-plugin Base64HighEntropyString --disable-plugin KeywordDetector \
		$$(git ls-files | grep -v -E '^(nbs|tests)/(runs/(test_)?([0-9]+_)?runner|core/(test_)?([0-9]+_)?(secrets|index))\.')

lab: $(STAMP) ## JupyterLab on the notebooks
	@jupyter lab --LabApp.default_url=/lab/tree/nbs/index.ipynb

serve: $(STAMP) ## the API on http://127.0.0.1:9696
	@flight-delay serve

export: $(STAMP) ## notebooks -> flight_delay/, tests/, README.md
	@nbdev_export
	@python -m flight_delay.dev.gates tests
	@python -m flight_delay.dev.gates readme

example: $(STAMP) ## reports/example/ and the figures of README and CHANGELOG, from the newest make run
	@python -m flight_delay.dev.gates example
	@jupyter nbconvert --log-level WARN --to notebook --execute --inplace nbs/index.ipynb
	@$(MAKE) --no-print-directory clean-notebooks export

clean-notebooks: $(STAMP) ## strip what differs between machines from the notebooks
	@nbdev_clean --fname nbs
	@nbdev_clean --fname scheduled

clean: ## remove .venv, caches and everything that runs made (asks first)
	@printf "This removes $(VENV), .flight-delay/ (models, data) and reports/ except reports/example. Go on? [y/N] "; \
	read answer; test "$$answer" = y || exit 1; \
	rm -rf $(VENV) .flight-delay .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist *.egg-info; \
	find reports -mindepth 1 -maxdepth 1 ! -name example -exec rm -rf {} +; \
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
