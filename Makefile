# Thin over cargo. `make demo` and `make test` are all a newcomer needs.

TARGET := $(or $(CARGO_TARGET_DIR),target)
STAGE  := stage
CARGO  := cargo

.PHONY: demo test test-peers test-strace stage bench-store bench-duckdb bench-durability bench-cold bench-etl bench-etl-peers planted loom shuttle soak soak-etl fuzz asan tsan fmt clean

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

# Rows that have left memory: reads and updates by the share that is in memory, freezing and its bytes beside Parquet, an
# ingest of ten times the budget. BENCH_PART=access,freeze,ingest runs some parts; ROWS= sets the made rows, STORE_BENCH_DIR=
# names the place; PLOT=out.svg draws the memory of the ingest.
bench-cold:
	BENCH=cold $(CARGO) run --release --manifest-path bench/Cargo.toml --target-dir $(TARGET)/bench

# Jobs of the command within 16, 64, 256 and 1024 MiB, by one thread and two, beside GNU sort, DuckDB, Polars and
# DataFusion with as much memory as they like, each run in a process of its own. First every result is held against
# DuckDB's; then CPU and wall seconds, most resident memory, spilled bytes and passes are measured in interleaved rounds,
# beside what was predicted. JOBS=j1,j2,j3,j4,j5,j6,q1,q3,q6 (q: TPC-H), ROWS=1000000, SCALE=1, ROUNDS=3 (0: only results),
# CAPS=16,64,256,1024, THREADS=1,2, PRLIMIT=1 (the system, too, allows no more), CODEC=lz4, STORE_BENCH_DIR= names the place.
ETL_PEERS := $(abspath $(TARGET))/etl-peers/bin/python
bench-etl: export PEERS = $(ETL_PEERS)
bench-etl: export STORE = $(abspath $(TARGET))/release/store
bench-etl: bench-etl-peers
	$(CARGO) build --release -p store_cli
	$(CARGO) run --release --manifest-path bench/etl/Cargo.toml --target-dir $(TARGET)/bench-etl

# The others as Python packages, with the generator of TPC-H, in an environment of their own below the target directory.
bench-etl-peers: $(TARGET)/etl-peers/installed
$(TARGET)/etl-peers/installed: bench/etl/peers/requirements.txt
	python3 -m venv $(TARGET)/etl-peers
	$(TARGET)/etl-peers/bin/pip install --quiet --only-binary :all: -r $<
	touch $@

# Random queries, asked of the store and of SQLite in the same words; STORE_PEER_QUERIES= sets how many. And with what
# `bench-etl-peers` installs: DuckDB, pyarrow and Polars read the Parquet and Arrow files of jobs, and the jobs of
# `bench/etl` over a few rows come to what DuckDB says.
test-peers: export STORE_PEER_PYTHON = $(ETL_PEERS)
test-peers: export STORE = $(abspath $(TARGET))/debug/store
test-peers: bench-etl-peers
	$(CARGO) build -p store_cli
	$(CARGO) test -p store_cli --test etl other_programs_read
	$(CARGO) test --manifest-path bench/etl/Cargo.toml --target-dir $(TARGET)/bench-etl -- --nocapture
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

# Jobs far larger than their memory: 10 GB sorted with 100 MB, 1 GB joined with 1 GB with 50 MB, a million groups with
# 20 MB. They must finish, be right, and have kept the memory. Takes three times the largest input of disk, in
# STORE_BENCH_DIR=; SOAK_ETL_BYTES= sets what is sorted, and the rest with it.
soak-etl: export STORE = $(abspath $(TARGET))/release/store
soak-etl:
	$(CARGO) build --release -p store_cli
	$(CARGO) run --release --manifest-path bench/etl/Cargo.toml --target-dir $(TARGET)/bench-etl --bin soak_etl

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
