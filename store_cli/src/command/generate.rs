//! `store completions SHELL` and `store man [COMMAND]`: made from the command line's own table.

use crate::args::Cli;
use crate::failure::{Done, Exit, Failure};
use crate::output::print;
use clap::CommandFactory;
use store_core::Error;

/// Prints the completion script of a shell.
pub fn completions(shell: clap_complete::Shell) -> Done {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "store", &mut script);
    print(script)?;
    Ok(Exit::Done)
}

/// Prints a manual page in roff.
pub fn man(name: Option<&str>) -> Done {
    let mut whole = Cli::command();
    whole.build();
    let command = match name {
        Some(name) => whole
            .find_subcommand(name)
            .ok_or_else(|| Failure::usage(format!("there is no command \"{name}\"")))?
            .clone(),
        None => whole,
    };
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Error::io("manual page", error))?;
    print(page)?;
    Ok(Exit::Done)
}
