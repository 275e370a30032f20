//! `store version`

use super::Package;
use crate::args::Subcommand;
use crate::stubs::Obj;

/// The version of the package.
pub const SUBCOMMAND: Subcommand<Package> = Subcommand {
    name: "version",
    words: "",
    count: 0..=0,
    options: &[],
    options_first: false,
    run: |_| Ok(Obj::from_text(env!("CARGO_PKG_VERSION")).into()),
};
