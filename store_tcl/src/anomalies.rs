//! The anomalies of `tests/anomalies`, every interleaving, through the Tcl commands.
//!
//! A script is one transaction at a time, and a store is open once in a process. So each
//! transaction has a thread with an interpreter of its own, whose `db` is a handle on the one store,
//! and does one step whenever it is told to: `next` waits for a script, `answer` tells what it gave.

#[path = "../../tests/anomalies/cases.rs"]
mod cases;
#[path = "../../tests/anomalies/paths.rs"]
mod paths;
#[path = "../../tests/anomalies/run.rs"]
mod run;
#[path = "../../tests/anomalies/steps.rs"]
mod steps;

use crate::handle::Database;
use crate::stubs::testing::{has_tcl, with_interp};
use crate::stubs::{Code, Handler, Interp, Obj, OwnCommand};
use paths::{ID, Path, Question, SCHEMA, VALUE};
use run::{Face, Level, Refused, add_fillers, run_cases};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, spawn};
use store_core::{Schema, Store};

/// What each thread runs.
const PLAYER: &str = r#"
    set t [db table open t]
    proc attempt {script} {
        if {[catch {uplevel #0 $script} result options]} {
            return [list $result [dict get $options -errorcode]]
        }
        list $result NONE
    }
    set body {
        answer {} NONE
        while {[set script [next]] ne "commit"} {
            if {$script in {rollback stop}} { throw {TEST ROLLBACK} $script }
            answer {*}[attempt $script]
        }
    }
    while {[set script [next]] ne "stop"} { answer {*}[attempt $script] }
"#;

/// The command `next`.
struct Next {
    command: OwnCommand,
    scripts: Receiver<String>,
}

impl Handler for Next {
    fn own_command(&self) -> &OwnCommand {
        &self.command
    }

    fn call(self: Rc<Self>, interp: &Interp, _: &[Obj]) -> Code {
        let script = self.scripts.recv().unwrap_or_else(|_| "stop".to_owned());
        interp.set_result(&Obj::from_text(&script));
        Code::OK
    }

    fn deleted(&self) {}
}

/// The command `answer RESULT ERRORCODE`.
struct Answer {
    command: OwnCommand,
    answers: Sender<(String, String)>,
}

impl Handler for Answer {
    fn own_command(&self) -> &OwnCommand {
        &self.command
    }

    fn call(self: Rc<Self>, _: &Interp, words: &[Obj]) -> Code {
        let text = |word: &Obj| word.text().expect("all texts here are plain").into_owned();
        // At the end nobody listens.
        let _ = self.answers.send((text(&words[1]), text(&words[2])));
        Code::OK
    }

    fn deleted(&self) {}
}

/// A thread that plays one transaction after another.
struct Player {
    scripts: Sender<String>,
    answers: Receiver<(String, String)>,
    thread: JoinHandle<()>,
}

impl Player {
    fn new(store: &Store) -> Self {
        let (scripts, to_run) = channel();
        let (answering, answers) = channel();
        let store = store.clone();
        let play = move |interp: &Interp| {
            let (command, other) = (OwnCommand::default(), OwnCommand::default());
            interp.create_command("next", Rc::new(Next { command, scripts: to_run }));
            let answer = Answer { command: other, answers: answering };
            interp.create_command("answer", Rc::new(answer));
            let database = Database::new("db".to_owned(), store, Rc::default());
            interp.create_command("db", database);
            assert_eq!(interp.eval(&Obj::from_text(PLAYER)), Code::OK);
        };
        Self { scripts, answers, thread: spawn(|| with_interp(play)) }
    }

    /// Runs a script: its result, or `None` if it found no row.
    fn run(&self, script: String) -> Result<Option<String>, Refused> {
        let shown = script.clone();
        self.scripts.send(script).expect("the thread listens");
        let (result, code) = self.answers.recv().expect("the thread answers");
        match code.split(' ').collect::<Vec<_>>()[..] {
            ["NONE"] | ["TEST", "ROLLBACK"] => Ok(Some(result)),
            ["STORE", "NOT_FOUND", ..] => Ok(None),
            ["STORE", "CONFLICT", ..] => Err(Refused),
            _ => panic!("{shown}: {result} ({code})"),
        }
    }

    /// Runs a script that gives a truth.
    fn is(&self, script: String) -> Result<bool, Refused> {
        Ok(self.run(script)?.as_deref() == Some("1"))
    }
}

/// The Tcl face; a transaction is the number of its player.
struct Tcl {
    players: Vec<Player>,
    idle: RefCell<Vec<usize>>,
}

impl Tcl {
    fn new() -> Self {
        let store = Store::options().memory(64 << 20).open_in_memory().expect("memory for it");
        let schema = Schema::parse("t", SCHEMA).expect("the schema of the cases");
        store.create_table(schema).expect("a new table");
        let players: Vec<Player> = (0..3).map(|_| Player::new(&store)).collect();
        let face = Self { players, idle: RefCell::new(vec![0, 1, 2]) };
        add_fillers(&face);
        face
    }

    /// Ends the threads; a panic in one is one here.
    fn finish(self) {
        for Player { scripts, answers, thread } in self.players {
            drop((scripts, answers));
            thread.join().expect("the thread ends well");
        }
    }

    fn end(&self, txn: usize, how: &str) -> Result<(), Refused> {
        self.idle.borrow_mut().push(txn);
        self.players[txn].run(how.to_owned()).map(drop)
    }
}

/// The options of a search.
fn options(ask: &Question) -> String {
    let limit = ask.limit.map_or(String::new(), |limit| format!("-limit {limit}"));
    let sort = ask.sort.map_or(String::new(), |sort| format!("-sort {{{sort}}}"));
    format!("-where {{{}}} {sort} {limit}", ask.filter)
}

fn number(text: &str) -> i64 {
    text.parse().expect("a number")
}

impl Face for Tcl {
    type Txn = usize;

    fn begin(&self, level: Level, read_only: bool) -> usize {
        let txn = self.idle.borrow_mut().pop().expect("no case has more transactions");
        let level = format!("{level:?}").to_lowercase();
        let read_only = u8::from(read_only);
        let begin = format!("db transaction -isolation {level} -readonly {read_only} $body");
        self.players[txn].run(begin).expect("a transaction begins");
        txn
    }

    fn get(&self, txn: &mut usize, id: i64) -> Result<Option<i64>, Refused> {
        let value = self.players[*txn].run(format!("lindex [$t get {id}] {VALUE}"))?;
        Ok(value.map(|value| number(&value)))
    }

    fn query(&self, txn: &mut usize, ask: &Question) -> Result<Vec<(i64, i64)>, Refused> {
        let script = format!(
            "set rows {{}}; $t search {} -get row \
             -code {{ lappend rows [lindex $row {ID}] [lindex $row {VALUE}] }}; set rows",
            options(ask)
        );
        let rows = self.players[*txn].run(script)?.expect("a query finds rows or none");
        let cells: Vec<i64> = rows.split_whitespace().map(number).collect();
        Ok(cells.chunks_exact(2).map(|row| (row[0], row[1])).collect())
    }

    fn update(&self, txn: &mut usize, id: i64, value: i64) -> Result<bool, Refused> {
        self.players[*txn].is(format!(
            "if {{[$t exists {id}]}} {{ $t set {id} v {value} s {value} q {value}; expr 1 }} \
             else {{ expr 0 }}"
        ))
    }

    fn insert(&self, txn: &mut usize, id: i64, value: i64) -> Result<(), Refused> {
        let cells = format!("id {id} i {id} n {id} w {id} v {value} s {value} q {value}");
        self.players[*txn].run(format!("$t insert {cells}")).map(drop)
    }

    fn delete(&self, txn: &mut usize, id: i64) -> Result<bool, Refused> {
        self.players[*txn].is(format!("$t delete {id}"))
    }

    fn lock(&self, txn: &mut usize, id: i64) -> Result<bool, Refused> {
        self.players[*txn].is(format!("$t lock {id}"))
    }

    fn commit(&self, txn: usize) -> Result<(), Refused> {
        self.end(txn, "commit")
    }

    fn rollback(&self, txn: usize) {
        assert!(self.end(txn, "rollback").is_ok());
    }
}

/// True if this machine has Tcl; says so if not.
fn can_run() -> bool {
    if !has_tcl() {
        println!("SKIPPED: no libtcl");
        eprintln!("SKIPPED: no libtcl");
    }
    has_tcl()
}

fn run_at(level: Level) {
    if !can_run() {
        return;
    }
    let face = Tcl::new();
    // A step takes two switches of threads: cases of three transactions, with thousands of
    // interleavings, go by one path only, and the others by the two calls that there are.
    let three = |case: &cases::Case| case.scripts.len() > 2;
    let (long, short) = cases::all().into_iter().partition::<Vec<_>, _>(three);
    run_cases(&face, &long, level, &[Path::Key]);
    run_cases(&face, &short, level, &[Path::Key, Path::SortLimit]);
    face.finish();
}

#[test]
fn every_path_is_the_one_meant() {
    if !can_run() {
        return;
    }
    let face = Tcl::new();
    for path in Path::ALL {
        for ask in paths::of_row(path, 1).into_iter().chain([paths::of_values(path, 30, 50)]) {
            let plan = face.players[0].run(format!("$t explain {}", options(&ask)));
            let plan = plan.expect("no conflict").expect("a plan");
            assert!(plan.starts_with(ask.plan), "{ask:?}: {plan}");
        }
    }
    face.finish();
}

#[test]
fn snapshots_prevent_what_they_must_and_no_more() {
    run_at(Level::Snapshot);
}

#[test]
fn serializable_transactions_prevent_all() {
    run_at(Level::Serializable);
}
