# The documented entry. `make` alone lists the targets.

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
# The text whose words `make demo` counts: one that is in every clone.
INPUT ?= LICENSE-APACHE
PICTURE := cutline-out/demo.svg

.DEFAULT_GOAL := help
# Two cargos would wait for each other, and what a test says must come last.
.NOTPARALLEL:
.PHONY: help demo test determinism bench sweep doc deny clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: ## Crash a word count while it takes checkpoints, under two strategies; draw what happened
	$(CARGO) build --locked --release
	@mkdir -p $(dir $(PICTURE))
	$(TARGET)/release/cutline compare wordcount --strategies stop-the-world,aligned --faults crashes --seed 7 \
		--input '$(INPUT)' --svg $(PICTURE)
	@echo "The picture is $(PICTURE): open it in a browser."

test: ## Check everything that a change must pass
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	@$(MAKE) --no-print-directory determinism
	$(CARGO) test --locked --doc --workspace
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
		echo "$(CARGO) nextest run --locked --workspace"; \
		$(CARGO) nextest run --locked --workspace; \
	else \
		echo "$(CARGO) test --locked --workspace --lib --bins --tests"; \
		$(CARGO) test --locked --workspace --lib --bins --tests; \
	fi

determinism: ## Check that a seed gives one digest, in debug and in release builds
	tests/determinism.sh

bench: ## Measure the engine (some minutes; close everything else)
	$(CARGO) bench --locked -p cutline-benches

sweep: ## Run the acceptance: 1000 seeds of wordcount, 200 of each other job, with crashes
	$(CARGO) run --locked --release --example acceptance -- 1000 200

doc: ## Build the documentation; a warning is an error
	RUSTDOCFLAGS=-Dwarnings $(CARGO) doc --locked --workspace --no-deps

deny: ## Check licences, advisories and sources of all dependencies
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
		$(CARGO) deny check; \
	else \
		echo "cargo-deny is not installed, so nothing was checked. To install it:"; \
		echo "  cargo install --locked cargo-deny"; \
	fi

clean: ## Remove what was built, and what runs have left
	$(CARGO) clean
	rm -rf cutline-out
