//! Card transactions and the accounts that they are of, as lines of tab-separated values.
//!
//! ```text
//! count ─► txn_id
//! bits ─► a second of 52 weeks                                     ts
//!      ─► rank of an account, the square of a draw ─► its number    account_id
//!      ─► merchant by the same law, category by rank                merchant, category
//!      ─► a size, and digits of that size                           amount
//!      ─► by rank                                                   currency, status
//! ```
//!
//! Of 5 million transactions the busiest account has some 3,500, and half of all are of a quarter of
//! the accounts. All of it is integer arithmetic. A longer run with the same seed begins with the same
//! rows.

use super::draw::{Bits, CHOICE_BITS, Ranked};
use super::line::Line;
use super::write_lines;
use std::io::{Result, Write};
use store_core::ValueRef;
use store_core::value::write_value;

/// Accounts there are; their numbers have seven digits.
pub const ACCOUNTS: u64 = 2_000_000;
const FIRST_ACCOUNT: u64 = 1_000_000;
/// Shares no divisor with `ACCOUNTS`, so that each rank has a number of its own.
const ACCOUNT_STEP: u64 = 1_264_603;
const MERCHANTS: u64 = 50_000;

/// 2025-01-06, a Monday.
const FIRST_DAY: i64 = 20_094;
const DAYS: i64 = 364;
const DAY_SECONDS: i64 = 86_400;

const CATEGORIES: [&[u8]; 20] = [
    b"groceries",
    b"travel",
    b"petrol",
    b"housing",
    b"books",
    b"clothes",
    b"health",
    b"games",
    b"garden",
    b"pets",
    b"phone",
    b"power",
    b"music",
    b"sports",
    b"toys",
    b"tools",
    b"school",
    b"gifts",
    b"insurance",
    b"charity",
];
const CURRENCIES: [&[u8]; 8] = [b"EUR", b"USD", b"GBP", b"CHF", b"JPY", b"SEK", b"PLN", b"DKK"];
/// With how many of a hundred transactions have it, up to and with this one.
const STATUSES: [(u64, &[u8]); 4] =
    [(82, b"completed"), (92, b"pending"), (97, b"failed"), (100, b"refunded")];

const TRANSACTIONS_HEADER: &[u8] =
    b"txn_id\tts\taccount_id\tmerchant\tcategory\tamount\tcurrency\tstatus\n";
const ACCOUNTS_HEADER: &[u8] = b"account_id\tname\tcountry\tsegment\topened\n";

const FIRST_NAMES: [&[u8]; 24] = [
    b"Ada", b"Alan", b"Barbara", b"Carlo", b"Chen", b"Dana", b"Edgar", b"Elif", b"Fatima",
    b"Grace", b"Hana", b"Ivan", b"Jim", b"Kofi", b"Lena", b"Maria", b"Noor", b"Olga", b"Pedro",
    b"Quinn", b"Rosa", b"Sven", b"Tariq", b"Yuki",
];
const LAST_NAMES: [&[u8]; 24] = [
    b"Adams", b"Bauer", b"Codd", b"Diaz", b"Eriksen", b"Fischer", b"Gray", b"Hopper", b"Ito",
    b"Jansen", b"Keller", b"Lamport", b"Moreau", b"Nowak", b"Okafor", b"Patel", b"Quist", b"Rossi",
    b"Silva", b"Tanaka", b"Ullman", b"Vogel", b"Weber", b"Zhang",
];
const COUNTRIES: [&[u8]; 30] = [
    b"DE", b"FR", b"IT", b"ES", b"PL", b"NL", b"BE", b"SE", b"AT", b"CH", b"DK", b"FI", b"NO",
    b"PT", b"IE", b"CZ", b"GR", b"HU", b"RO", b"SK", b"HR", b"SI", b"LT", b"LV", b"EE", b"LU",
    b"GB", b"US", b"JP", b"CA",
];
const SEGMENTS: [&[u8]; 5] = [b"retail", b"student", b"business", b"premium", b"corporate"];

/// Writes transactions of a seed as TSV; after each large write `tell` gets the rows and bytes so far.
///
/// ```
/// let mut text = Vec::new();
/// store_etl::generate::write_transactions(1, 2, true, &mut text, |_, _| ())?;
/// assert!(text.starts_with(b"txn_id\tts\taccount_id\t"));
/// # Ok::<_, std::io::Error>(())
/// ```
pub fn write_transactions(
    seed: u64,
    rows: u64,
    header: bool,
    out: &mut impl Write,
    tell: impl FnMut(u64, u64),
) -> Result<()> {
    let mut made = Transactions::new(seed);
    let header = if header { TRANSACTIONS_HEADER } else { b"" };
    write_lines(header, rows, out, tell, |buffer| made.push(buffer))
}

/// Writes accounts of a seed as TSV, each number once, in no order; likewise.
///
/// There are [`ACCOUNTS`] of them.
pub fn write_accounts(
    seed: u64,
    rows: u64,
    header: bool,
    out: &mut impl Write,
    tell: impl FnMut(u64, u64),
) -> Result<()> {
    let mut made = Accounts::new(seed);
    let header = if header { ACCOUNTS_HEADER } else { b"" };
    write_lines(header, rows, out, tell, |buffer| made.push(buffer))
}

struct Transactions {
    bits: Bits,
    categories: Ranked,
    currencies: Ranked,
    /// Text of each day up to the `T`.
    days: Vec<Vec<u8>>,
    made: u64,
}

impl Transactions {
    fn new(seed: u64) -> Self {
        let day = |day: i64| {
            let mut text = Vec::new();
            write_value(
                ValueRef::Timestamp((FIRST_DAY + day) * DAY_SECONDS * 1_000_000),
                &mut text,
            );
            text.truncate("2025-01-06T".len());
            text
        };
        Self {
            bits: Bits::new(seed),
            categories: Ranked::new(CATEGORIES.len(), 2),
            currencies: Ranked::new(CURRENCIES.len(), 1),
            days: (0..DAYS).map(day).collect(),
            made: 0,
        }
    }

    fn push(&mut self, out: &mut Vec<u8>) {
        let (what, how, when) = (self.bits.next(), self.bits.next(), self.bits.next());
        self.made += 1;
        let mut line = Line::new();
        line.long_number(self.made);
        line.put(b"\t");
        let second = below(when, (DAYS * DAY_SECONDS) as u64) as i64;
        line.put(&self.days[(second / DAY_SECONDS) as usize]);
        line.time((second % DAY_SECONDS) as u32);
        line.put(b"Z\t");
        line.number(account(squared(what & 0xFFFF_FFFF, ACCOUNTS)) as u32);
        line.put(b"\tM");
        line.digits(squared(what >> 32, MERCHANTS) as u32, 5);
        line.put(b"\t");
        line.field(CATEGORIES[self.categories.choose(how)]);
        // One to four digits before the point, sizes equally often.
        let size = 10_u64.pow(3 + (how >> CHOICE_BITS & 3) as u32);
        let cents = size / 10 + below(how >> 16 << 16, size - size / 10);
        line.number((cents / 100) as u32);
        line.put(b".");
        line.digits((cents % 100) as u32, 2);
        line.put(b"\t");
        line.field(CURRENCIES[self.currencies.choose(when)]);
        let lot = below(when << 16, 100);
        let status = STATUSES.iter().find(|(up_to, _)| lot < *up_to).expect("the last is 100");
        line.put(status.1);
        line.put(b"\n");
        out.extend_from_slice(line.as_bytes());
    }
}

struct Accounts {
    bits: Bits,
    countries: Ranked,
    made: u64,
}

impl Accounts {
    fn new(seed: u64) -> Self {
        Self { bits: Bits::new(!seed), countries: Ranked::new(COUNTRIES.len(), 3), made: 0 }
    }

    fn push(&mut self, out: &mut Vec<u8>) {
        let bits = self.bits.next();
        let mut line = Line::new();
        line.number(account(self.made) as u32);
        self.made += 1;
        line.put(b"\t");
        line.put(FIRST_NAMES[(bits & 0xFF) as usize % FIRST_NAMES.len()]);
        line.put(b" ");
        line.field(LAST_NAMES[(bits >> 8 & 0xFF) as usize % LAST_NAMES.len()]);
        line.field(COUNTRIES[self.countries.choose(bits >> 16)]);
        line.field(SEGMENTS[(bits >> 28 & 0xFF) as usize % SEGMENTS.len()]);
        // Within some 27 years before the first transaction.
        let mut date = Vec::with_capacity(10);
        write_value(
            ValueRef::Date((FIRST_DAY - 1 - (bits >> 36) as i64 % 10_000) as i32),
            &mut date,
        );
        line.put(&date);
        line.put(b"\n");
        out.extend_from_slice(line.as_bytes());
    }
}

/// The number of the account of this rank.
fn account(rank: u64) -> u64 {
    FIRST_ACCOUNT + (rank * ACCOUNT_STEP + 271_828) % ACCOUNTS
}

/// A number below the limit, all equally often, by the upper bits.
fn below(bits: u64, limit: u64) -> u64 {
    ((u128::from(bits) * u128::from(limit)) >> 64) as u64
}

/// A rank below the limit by the square of 32 bits: small ones are drawn most often.
fn squared(bits: u64, limit: u64) -> u64 {
    (((bits * bits) >> 32) * limit) >> 32
}
