//! What may be typed: every command, option and default, as plain data.

use crate::etl_args::EtlCommand;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use store_etl::generate::{
    ACCOUNTS, ACCOUNTS_SCHEMA, FLIGHTS_MAX, FLIGHTS_SCHEMA, TRANSACTIONS_MAX, TRANSACTIONS_SCHEMA,
};

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 error, 2 usage, 3 conflict, 4 over the memory budget, 5 corrupt,
6 rows were rejected, 7 busy: a command that writes, and another process owns the store,
8 no space.

Data goes to standard output, everything else to standard error. NO_COLOR is respected.";

/// Load files into an embeddable table store, and query it.
///
/// A store is a directory. One process at a time owns it; commands that only read go on beside it, at
/// one moment of what is durable there, and say so.
#[derive(Debug, Parser)]
#[command(name = "store", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Args, Debug)]
pub struct Common {
    /// Hold at most this much in memory: bytes, or with a unit such as 64MB (10^6) or 64MiB (2^20).
    /// The default is half of what the machine or its container allows
    #[arg(long, value_name = "SIZE", global = true, env = "STORE_MEMORY", value_parser = parse_size)]
    pub memory: Option<u64>,
    /// When a commit counts as done: `sync`, when it would survive a power failure; `async`, at once, and
    /// it is durable soon after; `none`, at once, and it is durable when the command ends
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        global = true,
        env = "STORE_DURABILITY",
        default_value = "sync"
    )]
    pub durability: Durability,
    /// How many milliseconds an asynchronous commit may be ahead of the disk; by default 100
    #[arg(long, value_name = "MS", global = true)]
    pub async_delay: Option<u64>,
    /// How much log asynchronous commits may be ahead of the disk; by default 4MiB
    #[arg(long, value_name = "SIZE", global = true, value_parser = parse_size)]
    pub async_bytes: Option<u64>,
    /// Write a checkpoint whenever the log has grown by this much, or never with 0; by default 256MiB
    #[arg(long, value_name = "SIZE", global = true, value_parser = parse_size)]
    pub checkpoint_bytes: Option<u64>,
    /// Write one also when the log holds something this many seconds old; by default never
    #[arg(long, value_name = "SECONDS", global = true)]
    pub checkpoint_age: Option<u64>,
    /// Use so many threads to open the store, and to scan for --agg; by default as many as the machine
    /// runs at once to open it, and one to scan
    #[arg(long, value_name = "N", global = true, env = "STORE_THREADS", value_parser = clap::value_parser!(u32).range(1..))]
    pub threads: Option<u32>,
    /// Say nothing but errors
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Print the result as JSON
    #[arg(long, global = true)]
    pub json: bool,
    /// Say more, such as what opening the store recovered
    #[arg(long, short, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
}

/// When a commit counts as done.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Durability {
    /// When it is on disk.
    Sync,
    /// At once; on disk soon.
    Async,
    /// At once; on disk at the end.
    None,
}

impl From<Durability> for store_core::Durability {
    fn from(level: Durability) -> Self {
        match level {
            Durability::Sync => Self::Sync,
            Durability::Async => Self::Async,
            Durability::None => Self::None,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Load delimited text files into a table, which is made if it is absent
    Ingest(IngestArgs),
    /// Print the rows of a table that match
    Query(QueryArgs),
    /// List the tables, one name a line
    Tables(StoreArgs),
    /// Print schemas in the form that `ingest --schema` reads
    Schema(SchemaArgs),
    /// Print the store in numbers
    Stats(StoreArgs),
    /// Verify the checkpoint's checksums, and every index against its table; exit 5 if anything is wrong
    Check(CheckArgs),
    /// Write all rows to segments and let go of the log before them
    Checkpoint(StoreArgs),
    /// Copy the store to another directory; if it ends early, the same command goes on
    Backup(BackupArgs),
    /// Make the store small again: a checkpoint, and index pages filled
    Compact(StoreArgs),
    /// Move rows of a table out of memory, into segments; they stay rows of the table
    Freeze(ColdArgs),
    /// Bring rows back to memory
    Thaw(ColdArgs),
    /// Run jobs over files: filter, compute, sort within a hard memory limit
    Etl {
        #[command(subcommand)]
        what: EtlCommand,
    },
    /// Make rows to try things with, as many as wanted, always the same for a seed
    Gen {
        #[command(subcommand)]
        what: GenCommand,
    },
    /// Print a script that completes this command's words in a shell
    Completions {
        /// The shell the script is for
        shell: clap_complete::Shell,
    },
    /// Print the manual page, of the whole or of one command
    Man {
        /// The command whose page is wanted
        command: Option<String>,
    },
}

/// A command about a whole store.
#[derive(Args, Debug)]
pub struct StoreArgs {
    /// The store's directory
    #[arg(value_name = "DB")]
    pub db: PathBuf,
}

/// `store check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The store's directory
    #[arg(value_name = "DB")]
    pub db: PathBuf,
    /// Do not open the store, which may be damaged: save what verifies in a new one in directory OUT,
    /// and print what is lost
    #[arg(long, value_name = "OUT")]
    pub salvage: Option<PathBuf>,
}

/// `store backup`.
#[derive(Args, Debug)]
pub struct BackupArgs {
    /// The store's directory
    #[arg(value_name = "DB")]
    pub db: PathBuf,
    /// The copy's directory, made if it is absent; empty, or with an unfinished copy of this store
    #[arg(value_name = "OUT")]
    pub out: PathBuf,
}

/// `store freeze` and `store thaw`.
#[derive(Args, Debug)]
pub struct ColdArgs {
    /// The store's directory
    #[arg(value_name = "DB")]
    pub db: PathBuf,
    /// The table
    #[arg(value_name = "TABLE")]
    pub table: String,
    /// Only rows for which this SQL expression is true
    #[arg(long = "where", value_name = "EXPR", allow_hyphen_values = true)]
    pub condition: Option<String>,
}

/// `store schema`.
#[derive(Args, Debug)]
pub struct SchemaArgs {
    /// The store's directory
    #[arg(value_name = "DB")]
    pub db: PathBuf,
    /// The table; without it, every table is printed as its name, a tab and its schema
    #[arg(value_name = "TABLE")]
    pub table: Option<String>,
}

/// `store ingest`.
#[derive(Args, Debug)]
#[command(after_help = "\
A table that is absent is made. Its schema is inferred from the first block of the first file and
printed, unless --schema says it; if the load then fails before its first commit, the table stays
and is empty. An empty field is NULL except in text columns; --null names more marks.

Exit 6 says that rows were rejected, as --on-error skip or collect allows. More of them than
--max-errors end the load with exit 1; batches committed before stay.")]
pub struct IngestArgs {
    /// The store's directory, made if it is absent
    #[arg(value_name = "DB")]
    pub db: PathBuf,
    /// The table, made if it is absent
    #[arg(value_name = "TABLE")]
    pub table: String,
    /// Files to load, one after another; `-` is standard input, gzip and zstd are recognised
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// The files' format; by default csv if the name ends in .csv, also before .gz or .zst, otherwise tsv
    #[arg(long, value_enum)]
    pub format: Option<IngestFormat>,
    /// The first line of each file names the columns, in any order; without it they are positional
    #[arg(long)]
    pub header: bool,
    /// A field that means NULL, compared as a whole and as it stands; may be repeated
    #[arg(long, value_name = "MARK", allow_hyphen_values = true)]
    pub null: Vec<String>,
    /// The schema of a new table, such as 'id int64 key, name text, at timestamp index'
    ///
    /// Types: bool, int16, int32, int64, float32, float64, decimal(PRECISION,SCALE), text, bytes,
    /// date, timestamp, inet, mac. Options: key, index, unique, notnull, default VALUE, property
    /// NAME VALUE; then key(…), index(…) and unique(…) over several columns.
    #[arg(long, value_name = "COLUMNS")]
    pub schema: Option<String>,
    /// The key of a new table: one column, or several separated by commas
    #[arg(long, value_name = "COLUMN,…")]
    pub key: Option<String>,
    /// An index of a new table: one column, or several separated by commas; may be repeated
    #[arg(long, value_name = "COLUMN,…")]
    pub index: Vec<String>,
    /// What becomes of a row whose key exists; it must be named for an existing table with a key
    #[arg(long, value_enum)]
    pub mode: Option<IngestMode>,
    /// The character between fields; `\t` is a tab
    #[arg(long, value_name = "CHAR", value_parser = parse_delimiter, allow_hyphen_values = true)]
    pub delimiter: Option<u8>,
    /// The character around fields that hold special ones; `none` for no quoting
    #[arg(long, value_name = "CHAR", value_parser = parse_quote, allow_hyphen_values = true)]
    pub quote: Option<Quote>,
    /// How special characters are written inside an unquoted field
    #[arg(long, value_enum, value_name = "HOW", default_value = "none")]
    pub escape: Escape,
    /// What becomes of a bad row: it stops the load, is left out, or is left out and described
    #[arg(long, value_enum, value_name = "WHAT", default_value = "stop")]
    pub on_error: OnError,
    /// Give up after more than this many bad rows; by default 100 for collect, never for skip
    #[arg(long, value_name = "N")]
    pub max_errors: Option<u64>,
    /// Write rejected rows to this file, as they stood
    #[arg(long, value_name = "FILE")]
    pub reject: Option<PathBuf>,
    /// Commit after every so many rows read, sooner where memory is small; by default 10000
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub batch: Option<u64>,
    /// Commit once at the end, or nothing; takes one file
    #[arg(long)]
    pub atomic: bool,
}

/// `store query`.
#[derive(Args, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub struct QueryArgs {
    /// The store's directory
    #[arg(value_name = "DB")]
    pub db: PathBuf,
    /// The table
    #[arg(value_name = "TABLE")]
    pub table: String,
    /// Keep the rows for which this holds, such as "altitude > 10000 and origin in ('KAUS','KDFW')"
    ///
    /// Tests: = != < <= > >=, BETWEEN, IN, IS NULL; for text LIKE and ILIKE (% and _, ESCAPE), GLOB
    /// and MATCH (* ? [a-z]), ~ and ~* (regular expressions). ILIKE, MATCH and ~* ignore case. AND,
    /// OR and NOT combine them.
    #[arg(long = "where", value_name = "EXPR", allow_hyphen_values = true)]
    pub filter: Option<String>,
    /// Print these columns, separated by commas, in this order
    #[arg(long, value_name = "COLUMN,…")]
    pub select: Option<String>,
    /// Order by these columns, separated by commas; a leading - means greatest first
    #[arg(long, value_name = "COLUMN,…", allow_hyphen_values = true)]
    pub sort: Option<String>,
    /// Print at most this many rows
    #[arg(long, value_name = "N")]
    pub limit: Option<u64>,
    /// Leave out this many rows first
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub offset: u64,
    /// Print how many rows there are instead of the rows
    #[arg(long)]
    pub count: bool,
    /// Walk this index, whatever would be chosen otherwise
    #[arg(long, value_name = "NAME")]
    pub index: Option<String>,
    /// Print the way to the rows, and about how many there are, instead of the rows
    #[arg(long, conflicts_with = "count")]
    pub explain: bool,
    /// Run the query and print the way with the rows read and matched, instead of the rows
    #[arg(long, conflicts_with_all = ["count", "explain"])]
    pub analyze: bool,
    /// Print a row for each group of rows with equal values in these columns; --sort, --limit and
    /// --offset apply to the groups, by the names of the result
    #[arg(long, value_name = "COLUMN,…", conflicts_with_all = ["select", "count", "explain", "analyze"])]
    pub group_by: Option<String>,
    /// What to compute of each group, or of all rows: count(*), count(distinct x), sum, avg, min, max,
    /// stddev, variance, as in "count(*), avg(delay) as late"
    #[arg(long, value_name = "LIST", conflicts_with_all = ["select", "count", "explain", "analyze"])]
    pub agg: Option<String>,
    /// Leave out the header line of tsv and csv
    #[arg(long)]
    pub no_header: bool,
    /// What stands for NULL; by default \N in tsv, nothing in csv and markdown, NULL in a table
    #[arg(long, value_name = "MARK", allow_hyphen_values = true)]
    pub null: Option<String>,
    /// How tsv writes a tab or line feed in a value, which is an error otherwise
    #[arg(long, value_enum, value_name = "HOW", default_value = "none")]
    pub escape: Escape,
    /// The output's format; by default a table on a terminal, otherwise tsv
    #[arg(long, value_enum)]
    pub format: Option<QueryFormat>,
}

/// `store gen`.
#[derive(Debug, Subcommand)]
pub enum GenCommand {
    /// Flights in the air, as tab-separated values with a header line
    Flights(FlightsArgs),
    /// Card transactions, likewise
    Transactions(TransactionsArgs),
    /// The accounts that the transactions are of, likewise
    Accounts(AccountsArgs),
}

/// Where made rows go, and which they are.
#[derive(Args, Debug)]
pub struct MadeArgs {
    /// Which rows: the same seed gives the same bytes on every machine
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,
    /// Write to this file instead of standard output, over what it holds; .gz at its end packs it
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Leave out the header line
    #[arg(long)]
    pub no_header: bool,
}

/// How to load what `gen flights` makes, after its options.
fn flights_help() -> String {
    format!(
        "\
Columns: flight_id, a key, such as UAL123456; lat and lon; altitude in feet; gs, the ground speed in
knots; origin and dest, 200 airports, some far busier than others; updated_at. About 70 bytes a row.
A longer run with the same seed begins with the same rows. To load them:

  store gen flights --rows 1000000 | store ingest DB flights - --header \\
      --schema '{FLIGHTS_SCHEMA}'"
    )
}

/// `store gen flights`.
#[derive(Args, Debug)]
#[command(after_help = flights_help())]
pub struct FlightsArgs {
    /// How many rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=FLIGHTS_MAX))]
    pub rows: u64,
    #[command(flatten)]
    pub made: MadeArgs,
}

/// How to load what `gen transactions` makes, after its options.
fn transactions_help() -> String {
    format!(
        "\
Columns: txn_id, 1 and up; ts, any second of the 52 weeks from 2025-01-06; account_id, 2 million, some
far busier than others; merchant, 50,000; category, 20; amount with two decimals; currency; status, 82
of 100 completed. About 71 bytes a row. A longer run with the same seed begins with the same rows. As a
schema:

  {TRANSACTIONS_SCHEMA}"
    )
}

/// `store gen transactions`.
#[derive(Args, Debug)]
#[command(after_help = transactions_help())]
pub struct TransactionsArgs {
    /// How many rows
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=TRANSACTIONS_MAX))]
    pub rows: u64,
    #[command(flatten)]
    pub made: MadeArgs,
}

/// How to load what `gen accounts` makes, after its options.
fn accounts_help() -> String {
    format!(
        "\
Columns: account_id, each of those of `gen transactions` once, in no order; name; country, 30; segment,
5; opened. As a schema:

  {ACCOUNTS_SCHEMA}"
    )
}

/// `store gen accounts`.
#[derive(Args, Debug)]
#[command(after_help = accounts_help())]
pub struct AccountsArgs {
    /// How many rows; all accounts unless it says fewer
    #[arg(long, value_name = "N", default_value_t = ACCOUNTS, value_parser = clap::value_parser!(u64).range(1..=ACCOUNTS))]
    pub rows: u64,
    #[command(flatten)]
    pub made: MadeArgs,
}

/// Formats that `ingest` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IngestFormat {
    /// Tab-separated, raw.
    Tsv,
    /// Comma-separated with double quotes.
    Csv,
}

/// Formats that `query` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum QueryFormat {
    /// Drawn for people.
    Table,
    /// Tab-separated values.
    Tsv,
    /// Comma-separated values.
    Csv,
    /// One array of objects.
    Json,
    /// An object a line.
    Jsonl,
    /// A Markdown table.
    Markdown,
}

/// What becomes of a row whose key exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum IngestMode {
    /// It is a bad row.
    Insert,
    /// Its columns are written over the row's.
    Upsert,
    /// It replaces the row; columns not in the file take their defaults.
    Replace,
    /// It is left out.
    Ignore,
}

/// How special characters are written inside an unquoted field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Escape {
    /// Not at all.
    None,
    /// As `\t`, `\n`, `\r` and `\\`.
    Backslash,
}

/// What becomes of a bad row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnError {
    /// It stops the load.
    Stop,
    /// It is left out.
    Skip,
    /// It is left out and described.
    Collect,
}

/// A quote character, or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quote(pub Option<u8>);

/// A size for clap.
pub fn parse_size(text: &str) -> Result<u64, String> {
    store_etl::job::parse_bytes(text).map_err(|error| error.to_string())
}

fn parse_delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() && !matches!(byte, b'\n' | b'\r') => Ok(*byte),
        _ => Err("must be one ASCII character, not a line end, or \\t for a tab".to_owned()),
    }
}

fn parse_quote(text: &str) -> Result<Quote, String> {
    if text == "none" {
        return Ok(Quote(None));
    }
    parse_delimiter(text)
        .map(|byte| Quote(Some(byte)))
        .map_err(|_| "must be one ASCII character, not a line end, or none".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
