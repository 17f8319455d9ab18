# The documented entry. `make` alone lists the targets.

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
CUTLINE := $(TARGET)/release/cutline
# The text whose words `make demo` counts: one that is in every clone.
INPUT ?= LICENSE-APACHE
DEMO := cutline-out/demo
PICTURES := cutline-out/pictures
MAIN := stop-the-world,aligned,unaligned,async-incremental
# What Cutline is compared with is built by nobody else: a workspace of its own.
PEERS := benches/peers/Cargo.toml

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help build demo picture test format lint determinism docs unit madsim differential chromium browser bench bench-peers sweep product zoo slurm doc deny clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## Build the command line, optimised
	$(CARGO) build --locked --release

# Backpressure: one operator of each job takes about as long for its records as there is, behind small buffers that are soon full.
FEW_BUFFERS := --set taskmanager.network.memory.floating-buffers-per-gate=2 --set taskmanager.memory.segment-size
SLOW_WORDS := --set input.text.kind.text.rate=25/s --set job.operator.count.state-bytes='16 MiB' --set job.operator.count.service=3ms \
	$(FEW_BUFFERS)='256 B'

demo: build ## Crash three jobs under backpressure while they take checkpoints, under the four main strategies; show it on a page each
	$(CUTLINE) compare wordcount --strategies $(MAIN) --faults crashes --seeds 8..11 --input '$(INPUT)' $(SLOW_WORDS) --out $(DEMO)/wordcount
	$(CUTLINE) compare nexmark-q3 --strategies $(MAIN) --faults crashes --seeds 8..11 \
		--set job.operator.join.service=5ms $(FEW_BUFFERS)='2 KiB' --out $(DEMO)/nexmark-q3
	$(CUTLINE) compare nexmark-q12 --strategies $(MAIN) --faults crashes --seeds 8..11 \
		--set job.operator.count.service=120us $(FEW_BUFFERS)='8 KiB' --out $(DEMO)/nexmark-q12
	@echo "Open $(DEMO)/wordcount/index.html, and those beside it, in a browser."

picture: build ## Draw the pictures of the README anew
	@mkdir -p docs/pictures
	@rm -rf $(PICTURES)/bug
	$(CUTLINE) run sum-even-odd --strategy first-barrier --faults crashes --seed 4 --capsule-dir $(PICTURES)/bug || test $$? = 1
	$(CUTLINE) draw $(PICTURES)/bug/*.json --out docs/pictures/space-time.svg
	$(CUTLINE) compare slow-task --strategies $(MAIN) --faults crashes --seeds 0..20 --no-forks \
		--vary job.operator.slow.service=250us,500us,750us,1ms --out $(PICTURES)/service
	$(CUTLINE) compare wordcount --strategies $(MAIN) --faults crashes --seed 8 --no-forks --input LICENSE-APACHE $(SLOW_WORDS) --out $(PICTURES)/words
	cp $(PICTURES)/service/sensitivity.svg $(PICTURES)/words/latency-over-time.svg $(PICTURES)/words/checkpoint-duration.svg docs/pictures/

test: format lint determinism docs unit ## Check everything that a change must pass

format: ## Check the formatting
	$(CARGO) fmt --all --check
	$(CARGO) fmt --manifest-path $(PEERS) --check

lint: ## Check with clippy; a warning is an error
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

# The debug build is that of the tests; of the optimised one only what runs is built, and neither pages nor the command line.
determinism: ## Check that a seed gives one digest: debug and optimised, any process, any number of threads
	$(CARGO) test --locked --workspace --no-run
	$(CARGO) build --locked --profile optimised -p cutline-scenarios --example digests
	tests/determinism.sh $(TARGET)/debug/examples/digests $(TARGET)/optimised/examples/digests

docs: ## Run the examples in the documentation
	$(CARGO) test --locked --doc --workspace

# Two for each core: see .config/nextest.toml.
SLOTS = $(shell echo $$((2 * $$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN || echo 1))))

unit: ## Run all other tests, with cargo-nextest if it is installed
	@if $(CARGO) nextest --version >/dev/null 2>&1; then set -x; $(CARGO) nextest run --locked --workspace --profile make --test-threads $(SLOTS); \
	else set -x; $(CARGO) test --locked --workspace --lib --bins --tests; fi

# Everything is built a second time, with the flag that puts a simulation in the place of tokio. Tasks are polled millions of times.
SIMULATED := RUSTFLAGS='--cfg madsim' CARGO_TARGET_DIR='$(TARGET)/madsim' $(CARGO)
POLLED := $(foreach crate,cutline-cluster madsim madsim-tokio,--config 'profile.dev.package.$(crate).opt-level=1')

madsim: ## Run the cluster on madsim's simulated network: strategies, faults and planted bugs
	$(SIMULATED) test --locked $(POLLED) -p cutline-cluster

# How many seeds where time is simulated, and how many runs on processes: `make differential SEEDS=10 RUNS=1` for a first look.
differential: SEEDS = 100
differential: RUNS = 5

differential: ## Hold the simulator, madsim and real processes that are killed against the sequential reference, SEEDS seeds and RUNS runs of each
	$(SIMULATED) run --locked $(POLLED) -p cutline-cluster --example differential -- \
		--seeds $(SEEDS) || test $$? = 1
	$(CARGO) run --locked -p cutline-cluster --example differential -- --seeds $(SEEDS) --runs $(RUNS)

# As root, on Debian.
chromium:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || command -v google-chrome >/dev/null || \
		{ apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -yq --no-install-recommends chromium; }

browser: chromium ## Open the pages of a comparison, a sweep and a diagram in a headless Chromium and check them (installs chromium, as root, on Debian if need be)
	$(CARGO) test --locked --workspace --no-run
	tests/browser.sh $(TARGET)/debug/cutline

bench: ## Measure the engine against the limit (some minutes; close everything else)
	$(CARGO) bench --locked -p cutline-benches --features checker

# madsim is a simulation with its flag only, which the other crates do not look at.
bench-peers: ## Measure one pipe on Cutline, madsim, NexoSim, turmoil and a bare loop, for the table of docs/peers.md (a minute; builds their crates first)
	RUSTFLAGS='--cfg madsim' CARGO_TARGET_DIR='$(TARGET)/peers' $(CARGO) run --locked --release --manifest-path $(PEERS)

# The strategies that `make sweep` takes; none: all.
STRATEGIES ?=

sweep: ## Run the acceptance: 1000 seeds of wordcount, 200 of each other job, and every planted bug; STRATEGIES='aligned' for some
	$(CARGO) run --locked --release --example acceptance -- 1000 200 $(STRATEGIES)

# How many seeds `make product` takes of each row, and more of its options: `make product ONLY='--only strategy=aligned'`.
SEEDS ?= 200
ONLY ?=

product: ## Run every strategy with every snapshot method on every job of the library, SEEDS seeds of each; it goes on where it was
	$(CARGO) run --locked --release --example product -- --seeds $(SEEDS) $(ONLY)

# The tables of the zoo, and the documents that show them between two comments.
TABLES := cutline-out/zoo.md
SHOWN := docs/zoo.md README.md

zoo: build ## Hunt every planted bug from 20 starts, explore and shrink it (some minutes), and put the tables into docs/zoo.md and README.md
	@mkdir -p $(dir $(TABLES))
	$(CUTLINE) zoo --markdown > $(TABLES)
	@for page in $(SHOWN); do \
		awk 'FNR == NR { if (/^<!-- zoo: end/) name = ""; else if (/^<!-- zoo: /) name = $$0; else text[name] = text[name] $$0 "\n"; next } \
			/^<!-- zoo: end/ { skip = 0 } !skip { print } $$0 in text { printf "%s", text[$$0]; skip = 1 }' \
			$(TABLES) $$page > $(TABLES).part && cat $(TABLES).part > $$page || exit 1; \
	done
	@rm -f $(TABLES).part

slurm: build ## Try docs/ci/slurm.sh on a real Slurm, started for it on this machine (as root; installs slurm-wlm and munge if need be)
	tests/slurm.sh $(CUTLINE)

doc: ## Build the documentation; a warning is an error
	RUSTDOCFLAGS=-Dwarnings $(CARGO) doc --locked --workspace --no-deps

deny: ## Check licences, advisories and sources of all dependencies, if cargo-deny is installed
	@if $(CARGO) deny --version >/dev/null 2>&1; then $(CARGO) deny check; \
	else echo "cargo-deny is not installed: cargo install --locked cargo-deny"; fi

clean: ## Remove what was built, and what runs have left
	$(CARGO) clean
	rm -rf cutline-out
