//! The `store` command: tables from files and back, from a shell.
//!
//! Data goes to standard output, talk to standard error. [`args`] says what may be typed; each
//! subcommand is a file of [`command`].

#![forbid(unsafe_code)]

mod args;
mod command;
mod etl_args;
mod failure;
mod output;
mod progress;
mod table_view;

use clap::Parser;
use failure::Failure;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    match command::run(&cli) {
        Ok(exit) => exit.code(),
        Err(Failure::ClosedPipe) => ExitCode::SUCCESS, // whoever read has seen enough
        Err(failure) => {
            output::say(&format!("store: {failure}"));
            failure.exit_code()
        }
    }
}

/// Prints help or the version where they were asked for, and what is wrong otherwise.
fn refuse(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        // Help into a closed pipe is no failure.
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = error.render().to_string();
    let message = text.strip_prefix("error: ").unwrap_or(&text);
    output::say(&format!("store: {}", message.trim_end()));
    ExitCode::from(failure::USAGE)
}
