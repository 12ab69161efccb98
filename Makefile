# What people type. Each target works from an empty clone.
#
#   make demo [ONCE=1]  the main job on loopback: no root, no network, no Asterisk; ONCE=1 ends when all have registered
#   make test           everything a change must pass, with the real components; under 30 minutes on two cores
#   make test-all       the same, then what is too long for every change
#   make fuzz           each fuzz target for ten minutes (FUZZ_SECONDS=600), one after another
#   make lint           format, clippy, licences and sources of the dependencies, shell scripts
#   make bench          figures, as a table and as JSON; TFTP and DHCP beside other servers; about a quarter of an hour
#   make deb            the Debian package, in target/debian

SHELL := /bin/bash
CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
SCRIPTS := tests/env/* packaging/debian/* packaging/freepbx-module .ci/run
export PATH := $(HOME)/.cargo/bin:$(PATH)

.PHONY: demo test test-all fuzz lint bench deb test-deb test-env

demo:
	$(CARGO) run --quiet -- demo $(if $(ONCE),--once)

test: test-env lint test-deb
	@tests/env/install --status
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  $(CARGO) nextest run; \
	else \
	  echo "cargo-nextest is absent: cargo test runs the tests, one after another"; \
	  $(CARGO) test -- --test-threads=1; \
	fi

test-all: test
	$(CARGO) test --doc
	PROPTEST_CASES=20000 $(CARGO) test --lib
	OFFHOOK_TEST_ALL=1 $(CARGO) nextest run --profile all --test it faults::
	$(MAKE) --no-print-directory fuzz

FUZZ_SECONDS ?= 600
FUZZ_TARGETS := tftp_packet tftp_server ami cnf_parse_back sep_parse_back config firmware_archive firmware_file cdp lldp dhcp_packet dhcp_server syslog
FUZZ_FOUND := $(abspath $(TARGET))/fuzz-found

# The stable compiler, allowed what cargo-fuzz needs of it. What is found stays beside the build; a file that shows a
# fault goes into the corpus with its repair.
fuzz:
	@cargo fuzz --version >/dev/null 2>&1 || $(CARGO) install --quiet --locked cargo-fuzz
	@for target in $(FUZZ_TARGETS); do \
	  mkdir -p "$(FUZZ_FOUND)/$$target" && echo "fuzz $$target: $(FUZZ_SECONDS) s" && \
	  RUSTC_BOOTSTRAP=1 $(CARGO) fuzz run --fuzz-dir tests/fuzz --target-dir "$(abspath $(TARGET))/fuzz" -s none $$target \
	    "$(FUZZ_FOUND)/$$target" "tests/fuzz/corpus/$$target" -- -max_total_time=$(FUZZ_SECONDS) -timeout=10 \
	    -rss_limit_mb=1024 -print_final_stats=1 >"$(FUZZ_FOUND)/$$target.log" 2>&1 || \
	    { tail -n 40 "$(FUZZ_FOUND)/$$target.log" >&2; exit 1; }; \
	  sed -n "s/^stat::number_of_executed_units: */fuzz $$target: executions: /p" "$(FUZZ_FOUND)/$$target.log"; \
	done

test-env:
	tests/env/install

lint:
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	@command -v cargo-deny >/dev/null || $(CARGO) install --quiet --locked cargo-deny
	$(CARGO) deny --log-level error check licenses bans sources
	@if command -v shellcheck >/dev/null; then \
	  shellcheck $(SCRIPTS); \
	elif [ "$$CI" = true ]; then \
	  echo "shellcheck is absent" >&2; exit 1; \
	else \
	  echo "skipped: shellcheck is absent"; \
	fi

bench:
	tests/env/peers install
	$(CARGO) bench --bench plan
	$(CARGO) bench --bench import
	$(CARGO) bench --bench tftp
	$(CARGO) bench --bench page
	$(CARGO) bench --bench dhcp
	$(CARGO) bench --bench roster
	$(CARGO) bench --bench converts

deb:
	@command -v cargo-deb >/dev/null || $(CARGO) install --quiet --locked cargo-deb
	$(CARGO) build --release
	rm -rf target/package && mkdir -p target/package/man target/package/completion
	$(TARGET)/release/offhook generate man target/package/man
	$(TARGET)/release/offhook generate completion target/package/completion
	mkdir -p target/debian
	$(CARGO) deb --no-build --output target/debian/

test-deb:
	@if [ "$$(id -u)" = 0 ] && command -v mmdebstrap >/dev/null; then \
	  $(MAKE) --no-print-directory deb && tests/env/deb "$$(ls -t target/debian/*.deb | head -n 1)"; \
	elif [ "$$CI" = true ]; then \
	  echo "the package test needs root and mmdebstrap" >&2; exit 1; \
	else \
	  echo "skipped: the package test (needs root and mmdebstrap)"; \
	fi
