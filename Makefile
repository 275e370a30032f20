# Thin over cargo. `make demo` and `make test` are all a newcomer needs.

TARGET := $(or $(CARGO_TARGET_DIR),target)
STAGE  := stage
CARGO  := cargo

.PHONY: demo test test-peers test-strace stage bench-store bench-duckdb bench-durability bench-etl bench-etl-peers planted loom shuttle soak fuzz asan tsan fmt clean

# Builds, stages the Tcl package, loads the sample flights and asks them from three languages.
demo: stage
	@scripts/demo.sh $(STAGE)

# Everything CI runs, in the order that fails fastest.
test:
	@scripts/test.sh

# Binary, C library with header, and Tcl package as they would be installed.
stage:
	@scripts/need.sh
	$(CARGO) build --release -p store_cli -p store_ffi -p store_tcl
	@scripts/stage.sh $(TARGET)/release $(STAGE)

# The store beside maps and SQLite in memory: ratios, and the gates they should reach.
# BENCH=load,reads,many,scan,queries,updates,batch,ycsb,threads,beside,open,bytes,indexed runs some groups only;
# ROWS= sets the made rows; FLIGHTS= names another flights file for the group load.
bench-store:
	$(CARGO) run --release --manifest-path bench/Cargo.toml --target-dir $(TARGET)/bench

# DuckDB's Python package for the group queries, in an environment of its own below the target directory.
bench-duckdb:
	python3 -m venv $(TARGET)/duckdb
	$(TARGET)/duckdb/bin/pip install --quiet --only-binary :all: duckdb==2.0.0

# Commits acknowledged as durable, beside a loop of raw syncs on the same disk, SQLite, redb and fjall: ratios
# and gates. BENCH_PART=commits,checkpoint,recovery runs some parts; STORE_BENCH_DIR= names the place. On a
# machine with other work run it as `chrt -f 1 make bench-durability`: who waits for a sync must then
# not wait for a processor as well.
bench-durability:
	BENCH=durability $(CARGO) run --release --manifest-path bench/Cargo.toml --target-dir $(TARGET)/bench

# Jobs beside GNU sort, DuckDB and Polars, each run in a process of its own, ours within 16, 64 and 256 MiB: CPU and
# wall seconds, most resident memory, spilled bytes, against what was predicted. JOBS=j1,j2,j4,j5,j6, ROWS=, ROUNDS=,
# CAPS=16,64; STORE_BENCH_DIR= names the place.
bench-etl: export PEERS = $(abspath $(TARGET))/etl-peers/bin/python
bench-etl:
	@test -x $(PEERS) || $(MAKE) --no-print-directory bench-etl-peers || true
	$(CARGO) build --release --manifest-path bench/etl/Cargo.toml --target-dir $(TARGET)/bench-etl
	$(TARGET)/bench-etl/release/store_bench_etl

# DuckDB and Polars as Python packages, in an environment of their own below the target directory.
bench-etl-peers:
	python3 -m venv $(TARGET)/etl-peers
	$(TARGET)/etl-peers/bin/pip install --quiet --only-binary :all: duckdb==2.0.1 polars==2.1.0

# Random queries, asked of the store and of SQLite in the same words; STORE_PEER_QUERIES= sets how many. With
# STORE_PEER_PYTHON= a Python that has duckdb, pyarrow and polars: they read the Parquet and Arrow files of jobs.
test-peers:
	$(CARGO) test -p store_cli --test etl other_programs_read
	$(CARGO) test --manifest-path bench/Cargo.toml --target-dir $(TARGET)/bench --test peers -- --nocapture

# Every planted bug must turn its test red. Also part of `make test`.
planted:
	$(CARGO) test -p store_tests --test planted -- --ignored --nocapture

# The lock-free pieces in every order that the memory model allows (`store_core/src/models`), and
# the engine in many random schedules. Both also part of `make test`.
loom:
	@scripts/check_models.sh loom
shuttle:
	@scripts/check_models.sh shuttle

# A million recoveries after loss of power, every outcome of crashes in short sequences, any call failing, 2,000 kills;
# random operations, queries and histories, a hot row, many snapshots and an hour of churn.
soak:
	STORE_CRASH_WORKLOADS=10000 STORE_CRASH_STEPS=3 STORE_CRASH_SUBSETS=1024 STORE_CRASH_FAULTS=40 STORE_CRASH_KILLS=2000 STORE_FOLLOW_WORKLOADS=2000 \
		$(CARGO) test --release -p store_tests --test crash -- --nocapture
	$(CARGO) test --release -p store_tests --test soak -- --ignored --nocapture --test-threads 1
	STORE_HISTORY_TXNS=20000000 $(CARGO) test --release -p store_tests --test history -- --nocapture
	STORE_MODEL_STEPS=100000 $(CARGO) test --release -p store_tests --test model -- --nocapture
	STORE_QUERY_PREDICATES=1000000 STORE_QUERIES=250000 $(CARGO) test --release -p store_tests --test queries -- --nocapture

# Changed bytes behind checksums that hold, to every decoder, so many seconds each.
FUZZ_SECONDS ?= 600
fuzz:
	STORE_FUZZ_SECONDS=$(FUZZ_SECONDS) $(CARGO) test --release -p store_tests --test fuzz -- --nocapture

# Calls of a real directory that the kernel fails: what the simulator says must be so there too. Needs strace.
test-strace:
	@scripts/check_strace.sh

# The core's tests under the address sanitizer (x86-64 Linux, a nightly feature of rustc).
SANITIZE = RUSTC_BOOTSTRAP=1 $(CARGO) test --target x86_64-unknown-linux-gnu -p store_core --lib
asan:
	RUSTFLAGS=-Zsanitizer=address $(SANITIZE) --target-dir $(TARGET)/asan

# The same under the thread sanitizer, which must report planted bugs and nothing else.
tsan:
	@scripts/check_races.sh

fmt:
	$(CARGO) fmt --all

clean:
	$(CARGO) clean
	rm -rf $(STAGE)
