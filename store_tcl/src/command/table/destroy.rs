//! `$table destroy`
//!
//! Deletes this command. The table and its rows stay in the store: open it again with
//! `db table open`.

use crate::args::Subcommand;
use crate::handle::TableHandle;
use crate::stubs::Obj;

/// See the module.
pub const SUBCOMMAND: Subcommand<TableHandle> = Subcommand {
    name: "destroy",
    words: "",
    count: 0..=0,
    options: &[],
    options_first: false,
    run: |call| {
        call.handle.delete_command();
        Ok(Obj::from_text("").into())
    },
};
