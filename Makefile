# make demo   installs the locked environment into .venv and builds Table 3 on the embedded data
# make list   lists every table and figure with its cost and its state (SCALE=paper)
# make test   installs it and checks everything: format, lint, types, unit tests, a tiny end-to-end run
# make pull   fetches published data and checkpoints, checks them and takes them as made (TABLE=table3, SCALE=paper)
# make track push   adds what was made here to DVC after checking it, and sends it to the remote (docs/versioning.md)
.PHONY: help install list demo docs test track push pull take verify aliases test-slurm test-slurm-demo slurm-packages benchmark format lock clean

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
BIN := .venv/bin
FILES ?= tests/workflow
# What a user gives is a text: make does not expand it, and the shell gets it in single quotes.
override define given
override $(1) := $$(value $(1))
endef
$(foreach name,PYTHON BIN FILES TABLE SCALE FROM,$(eval $(call given,$(name))))
quote = '$(subst ','\'',$(1))'
bin = $(call quote,$(BIN))
python = $(call quote,$(PYTHON))
within = PATH="$$PWD/"$(bin)":$$PATH"
option = $(if $(2),--$(1) $(call quote,$(2)))
# Snakemake cannot run scripts below a path with a space or a brace.
ifneq ($(words $(CURDIR))$(findstring {,$(CURDIR))$(findstring },$(CURDIR)),1)
$(error the path of this checkout has a space or a brace, which Snakemake cannot run scripts in: $(CURDIR); move it)
endif

help:
	@sed -n 's/^# //p' Makefile | head -5

install: .venv/installed

.venv/installed: envs/requirements.txt pyproject.toml
	@$(python) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo $(python)" is $$($(python) -V 2>&1); Python 3.11 or newer is needed: make PYTHON=python3.11 "$(call quote,$(MAKECMDGOALS)); exit 1; }
	@if command -v uv >/dev/null; then \
		echo "Installing the locked environment into .venv with uv (about 5 GB, most of it torch)"; \
		uv venv -q --allow-existing --python $(python) .venv; \
		uv pip install --compile-bytecode --python $(bin)/python --require-hashes -r envs/requirements.txt; \
		uv pip install --compile-bytecode --python $(bin)/python --no-build-isolation --no-deps -e .; \
	else \
		$(python) -c 'import venv, ensurepip' 2>/dev/null \
			|| { echo $(python)" cannot make virtual environments; on Debian or Ubuntu: sudo apt install python3-venv"; exit 1; }; \
		echo "Installing the locked environment into .venv with pip (about 5 GB, most of it torch)"; \
		$(python) -m venv .venv; \
		$(bin)/python -m pip install --disable-pip-version-check --require-hashes -r envs/requirements.txt; \
		$(bin)/python -m pip install --disable-pip-version-check --no-build-isolation --no-deps -e .; \
	fi
	@touch $@

demo: install
	@start=$$(date +%s); \
	$(within) snakemake --quiet rules -- tables/table3.csv figures/defective-table3.svg; \
	echo; \
	$(bin)/python -m lacuna.summary tables/table3.cells.csv $$start; \
	echo "  figures/defective-table3.svg shows both tables side by side; docs/trace.md follows a cell to its origin"

# The documentation as a site that opens as a file: site/index.html
docs: install
	$(within) NO_MKDOCS_2_WARNING=1 mkdocs build --quiet
	@echo "site/index.html"

list: install
	@$(bin)/python -m lacuna list $(call option,scale,$(SCALE))

test: install
	$(bin)/ruff format --check .
	$(bin)/ruff check .
	$(bin)/snakefmt --check Snakefile rules
	$(within) snakemake --lint
	$(bin)/mypy
	$(within) $(bin)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder --durations=60 \
		-m "not slurm" tests

# Starts private Slurm clusters on this machine, one after the other, and harms them (a lost node, a controller that is
# away, preemption, ...); installs Debian's packages for it where they are missing.
test-slurm: install slurm-packages
	$(within) $(bin)/python -m pytest -q -m "slurm and not demo" $(foreach file,$(FILES),$(call quote,$(file)))

# The whole demo on that cluster and locally, compared byte for byte: twenty minutes.
test-slurm-demo: install slurm-packages
	$(within) $(bin)/python -m pytest -q -m demo tests/workflow

slurm-packages:
	@export PATH="$$PATH:/usr/sbin"; \
	for tool in slurmctld munged slurmdbd mariadbd; do command -v $$tool >/dev/null || missing=yes; done; \
	[ -z "$${missing:-}" ] || { \
		echo "Installing the Debian packages slurm-wlm, munge, slurmdbd and mariadb-server-core"; \
		sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$sudo apt-get -qq update && $$sudo apt-get -qq install -y --no-install-recommends \
			slurm-wlm munge slurmdbd mariadb-server-core mariadb-client-core >/dev/null; \
	}

# CSV files and plots in docs/benchmarks. Needs the network once more, for torchattacks, which pins old versions of its
# dependencies and so is installed without them.
benchmark: install
	$(bin)/python -m pip --version >/dev/null 2>&1 || $(bin)/python -m ensurepip -q
	$(bin)/python -m pip install -q --disable-pip-version-check --no-deps torchattacks==3.5.1
	$(within); for name in planning startup agreement steps attacks dual_training advdrop_speed streaming; do $(bin)/python benchmarks/$$name.py; done

# Data and checkpoints with DVC: docs/versioning.md. verify only checks what is here.
track push pull verify: install
	@$(bin)/python -m lacuna.versioning $@ $(call option,scale,$(SCALE)) $(call option,table,$(TABLE))

# Results that lie in another folder, without DVC: make take FROM=/path/to/results
take: install
	@[ -n $(call quote,$(FROM)) ] || { echo "error: make take needs FROM=, a folder of results" >&2; exit 2; }
	@$(bin)/python -m lacuna.versioning take $(call option,scale,$(SCALE)) $(call option,table,$(TABLE)) -- $(call quote,$(FROM))

# dvc.yaml and the list in README.md, from config/
aliases: install
	@$(bin)/python -m lacuna.versioning aliases
	@$(bin)/python -m lacuna.catalogue.readme

format: install
	$(bin)/ruff format .
	$(bin)/ruff check --fix .
	$(bin)/snakefmt Snakefile rules

# Needs uv. Writes no package index into the lock.
lock:
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --upgrade \
		--extra dev --custom-compile-command "make lock" pyproject.toml -o envs/requirements.txt

clean:
	rm -rf tables figures reports exports crates results site .snakemake logs
