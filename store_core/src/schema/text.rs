//! Schemas as one line of text, as the command line reads and prints them.
//!
//! ```text
//! schema  = clause { "," clause }
//! clause  = name type { option }
//! type    = word [ "(" number [ "," number ] ")" ]                 (digits of a decimal)
//!         | "key" list | ("index" | "unique") [ name ] list [ "nocase" ]        (a name of its own)
//! list    = "(" name { "," name } ")"
//! option  = "key" | ("index" | "unique") [ "nocase" ] | "notnull"
//!         | "default" value | "property" name value
//! name    = word | "word in double quotes"
//! value   = word | 'text in single quotes, '' for one' | x'hex'     (bytes only)
//! ```

use super::{Schema, SchemaBuilder};
use crate::error::{Error, Result};
use crate::value::{Type, Value, ValueRef, decode_hex, parse_value, write_value};
use std::fmt;

#[derive(Clone, Debug, PartialEq)]
enum Token<'a> {
    Word(&'a str),
    /// In double quotes.
    Name(&'a str),
    /// In single quotes.
    Quoted(String),
    Open,
    Close,
    Comma,
}

impl Schema {
    /// Reads the form of the command line: columns with their options, then keys and indexes
    /// over several columns.
    ///
    /// ```
    /// use store_core::Schema;
    /// let schema = Schema::parse("flights", "id int64 key, origin text notnull default '', index(origin, id)")?;
    /// assert_eq!(schema.indexes[0].columns, [1, 0]);
    /// assert_eq!(Schema::parse("flights", &schema.to_string())?, schema);
    /// # Ok::<_, store_core::Error>(())
    /// ```
    pub fn parse(table: &str, text: &str) -> Result<Self> {
        let mut builder = Self::builder(table);
        let (mut lists, mut inline_key, mut key_lists) = (Vec::new(), false, 0);
        for clause in split_clauses(text)? {
            let tokens = tokens(clause).map_err(|error| within(clause, &error))?;
            if let Some((word, own_name, list)) = list_clause(&tokens) {
                let (list, nocase) = split_nocase(list);
                let names = list_names(list).map_err(|error| within(clause, &error))?;
                key_lists += usize::from(word.eq_ignore_ascii_case("key"));
                lists.push((clause, word.to_ascii_lowercase(), own_name, names, nocase));
            } else {
                let is_key;
                (builder, is_key) =
                    column(builder, &tokens).map_err(|error| within(clause, &error))?;
                inline_key |= is_key;
            }
            if key_lists + usize::from(inline_key) > 1 {
                return Err(within(clause, "the key is named twice"));
            }
        }
        for (clause, word, own_name, names, nocase) in lists {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let unique = word == "unique";
            builder = match (word.as_str(), own_name, nocase) {
                ("key", None, false) => builder.key_of(&names),
                ("key", None, true) => return Err(within(clause, "a key cannot be nocase")),
                ("key", Some(_), _) => return Err(within(clause, "a key has no name")),
                ("index" | "unique", None, false) => builder.index_of(&names, unique),
                ("index" | "unique", None, true) => builder.index_of_nocase(&names, unique),
                ("index" | "unique", Some(name), false) => {
                    builder.index_named(name, &names, unique)
                }
                ("index" | "unique", Some(name), true) => {
                    builder.index_named_nocase(name, &names, unique)
                }
                _ => return Err(within(clause, "a list belongs to key, index or unique")),
            };
        }
        builder.build()
    }
}

/// What stands before a last `nocase`, and whether there is one.
fn split_nocase<'t, 'a>(tokens: &'t [Token<'a>]) -> (&'t [Token<'a>], bool) {
    match tokens {
        [list @ .., last] if is_word(last, "nocase") => (list, true),
        list => (list, false),
    }
}

/// The word before a list in parentheses, the name between them, if there is one, and the list.
type ListClause<'t, 'a> = (&'a str, Option<String>, &'t [Token<'a>]);

fn list_clause<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<ListClause<'t, 'a>> {
    match tokens {
        [Token::Word(word), Token::Open, list @ ..] => Some((word, None, list)),
        // A column may be called like these words, and its type have digits in parentheses.
        [Token::Word(_), Token::Word(ty), rest @ ..] if column_type(ty, rest).is_ok() => None,
        [Token::Word(word), Token::Word(name) | Token::Name(name), Token::Open, list @ ..]
            if ["key", "index", "unique"].iter().any(|known| word.eq_ignore_ascii_case(known)) =>
        {
            Some((word, Some((*name).to_owned()), list))
        }
        _ => None,
    }
}

fn is_word(token: &Token<'_>, word: &str) -> bool {
    matches!(token, Token::Word(found) if found.eq_ignore_ascii_case(word))
}

fn within(clause: &str, fault: impl fmt::Display) -> Error {
    let shown: String = clause.chars().take(80).collect();
    Error::invalid(format!("schema clause \"{shown}\": {fault}"))
}

/// Adds the column a clause names and tells whether it is (part of) the key.
fn column(builder: SchemaBuilder, tokens: &[Token<'_>]) -> Result<(SchemaBuilder, bool), String> {
    let [Token::Word(name) | Token::Name(name), rest @ ..] = tokens else {
        return Err("must begin with a column's name".to_owned());
    };
    let [Token::Word(ty), rest @ ..] = rest else {
        return Err(format!("column \"{name}\" has no type"));
    };
    let (ty, mut rest) = column_type(ty, rest)?;
    let (mut builder, mut is_key) = (builder.column(*name, ty), false);
    while let [option, after @ ..] = rest {
        let Token::Word(word) = option else {
            return Err(format!("unexpected {} after \"{name} {ty}\"", describe(option)));
        };
        rest = after;
        builder = match word.to_ascii_lowercase().as_str() {
            "key" => {
                is_key = true;
                builder.key()
            }
            "index" | "unique" => {
                let nocase = matches!(rest, [next, ..] if is_word(next, "nocase"));
                rest = &rest[usize::from(nocase)..];
                match (word.eq_ignore_ascii_case("unique"), nocase) {
                    (false, false) => builder.index(),
                    (false, true) => builder.index_nocase(),
                    (true, false) => builder.unique(),
                    (true, true) => builder.unique_nocase(),
                }
            }
            "nocase" => return Err("nocase belongs behind index or unique".to_owned()),
            "notnull" => builder.notnull(),
            "default" => {
                let (value, after) = default_value(ty, rest)?;
                rest = after;
                builder.default(value)
            }
            "property" => {
                let [property, value, after @ ..] = rest else {
                    return Err("property needs a name and a value".to_owned());
                };
                rest = after;
                builder.property(plain(property)?, plain(value)?)
            }
            _ => {
                return Err(format!(
                    "unknown option \"{word}\": must be key, index, unique, notnull, default or property"
                ));
            }
        };
    }
    Ok((builder, is_key))
}

/// The type of this word, with the list in parentheses that may follow it.
fn column_type<'t, 'a>(
    word: &str,
    tokens: &'t [Token<'a>],
) -> Result<(Type, &'t [Token<'a>]), String> {
    let mut name = word.to_owned();
    let mut rest = tokens;
    if let [Token::Open, ..] = tokens {
        let close = tokens.iter().position(|token| *token == Token::Close);
        let end = 1 + close.ok_or("a parenthesis is not closed")?;
        for token in &tokens[..end] {
            match token {
                Token::Word(word) if name.ends_with(['(', ',']) => name.push_str(word),
                Token::Open => name.push('('),
                Token::Close => name.push(')'),
                Token::Comma => name.push(','),
                other => return Err(format!("unexpected {} in a type", describe(other))),
            }
        }
        rest = &tokens[end..];
    }
    let ty = Type::from_name(&name).map_err(|error| error.to_string())?;
    Ok((ty, rest))
}

fn default_value<'t, 'a>(
    ty: Type,
    tokens: &'t [Token<'a>],
) -> Result<(Value, &'t [Token<'a>]), String> {
    if let (Type::Bytes, [Token::Word("x"), Token::Quoted(hex), rest @ ..]) = (ty, tokens) {
        let bytes = decode_hex(hex).ok_or_else(|| format!("x'{hex}' is not hexadecimal"))?;
        return Ok((Value::Bytes(bytes), rest));
    }
    let [token, rest @ ..] = tokens else { return Err("default needs a value".to_owned()) };
    if is_word(token, "null") {
        return Ok((Value::Null, rest));
    }
    let text = plain(token)?;
    let value = parse_value(text.as_bytes(), ty).map_err(|error| format!("default {error}"))?;
    Ok((value.to_owned(), rest))
}

fn plain(token: &Token<'_>) -> Result<String, String> {
    match token {
        Token::Word(text) | Token::Name(text) => Ok((*text).to_owned()),
        Token::Quoted(text) => Ok(text.clone()),
        mark => Err(format!("unexpected {}", describe(mark))),
    }
}

fn list_names(tokens: &[Token<'_>]) -> Result<Vec<String>, String> {
    let (mut names, mut rest) = (Vec::new(), tokens);
    loop {
        let [Token::Word(name) | Token::Name(name), mark, after @ ..] = rest else {
            return Err("must be a list of column names in parentheses".to_owned());
        };
        names.push((*name).to_owned());
        match (mark, after) {
            (Token::Comma, _) => rest = after,
            (Token::Close, []) => return Ok(names),
            (Token::Close, [extra, ..]) => {
                return Err(format!("unexpected {} after the list", describe(extra)));
            }
            _ => return Err("names in a list are separated by commas".to_owned()),
        }
    }
}

fn describe(token: &Token<'_>) -> String {
    match token {
        Token::Word(word) => format!("\"{word}\""),
        Token::Name(name) => format!("\"{name}\""),
        Token::Quoted(text) => format!("'{text}'"),
        Token::Open => "\"(\"".to_owned(),
        Token::Close => "\")\"".to_owned(),
        Token::Comma => "\",\"".to_owned(),
    }
}

/// Cuts at the commas that stand outside quotes and parentheses.
fn split_clauses(text: &str) -> Result<Vec<&str>> {
    let (mut clauses, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_usize, None);
    for (at, char) in text.char_indices() {
        match (quote, char) {
            (Some(open), _) if open == char => quote = None,
            (None, '\'' | '"') => quote = Some(char),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                clauses.push(text[start..at].trim());
                start = at + 1;
            }
            _ => {}
        }
    }
    clauses.push(text[start..].trim());
    if let Some(nth) = clauses.iter().position(|clause| clause.is_empty()) {
        return Err(Error::invalid(format!("schema clause {} is empty", nth + 1)));
    }
    Ok(clauses)
}

fn tokens(clause: &str) -> Result<Vec<Token<'_>>, String> {
    let (mut tokens, mut rest) = (Vec::new(), clause.trim_start());
    while let Some(first) = rest.chars().next() {
        let token;
        (token, rest) = match first {
            '(' => (Token::Open, &rest[1..]),
            ')' => (Token::Close, &rest[1..]),
            ',' => (Token::Comma, &rest[1..]),
            '"' => {
                let (name, after) =
                    rest[1..].split_once('"').ok_or("a double quote is not closed")?;
                (Token::Name(name), after)
            }
            '\'' => quoted(&rest[1..])?,
            _ => {
                let ends = |char: char| char.is_whitespace() || "(),'\"".contains(char);
                let (word, after) = rest.split_at(rest.find(ends).unwrap_or(rest.len()));
                (Token::Word(word), after)
            }
        };
        tokens.push(token);
        rest = rest.trim_start();
    }
    Ok(tokens)
}

/// Reads what follows a single quote, up to the quote that is not doubled.
fn quoted(text: &str) -> Result<(Token<'_>, &str), String> {
    let (mut out, mut rest) = (String::new(), text);
    loop {
        let (part, after) = rest.split_once('\'').ok_or("a single quote is not closed")?;
        out.push_str(part);
        match after.strip_prefix('\'') {
            Some(more) => {
                out.push('\'');
                rest = more;
            }
            None => return Ok((Token::Quoted(out), after)),
        }
    }
}

/// The form [`Schema::parse`] reads; a hidden `_row`, ids and the version are left out.
impl fmt::Display for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inline = self.inline_indexes();
        let inline_key = self.key.len() == 1;
        for (position, column) in self.visible_columns().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}{} {}", Name(&column.name), column.ty)?;
            if inline_key && self.is_key(position) {
                f.write_str(" key")?;
            }
            if let Some(index) = inline.iter().find(|index| index.columns == [position]) {
                f.write_str(if index.unique { " unique" } else { " index" })?;
                f.write_str(if index.nocase { " nocase" } else { "" })?;
            }
            if column.notnull && !self.is_key(position) {
                f.write_str(" notnull")?;
            }
            if let Some(value) = &column.default {
                write!(f, " default {}", Literal(value.as_ref()))?;
            }
            for (name, text) in &column.properties {
                let (name, text) = (name.as_str(), text.as_str());
                write!(f, " property {} {}", Literal(name.into()), Literal(text.into()))?;
            }
        }
        if !inline_key {
            write!(f, ", key({})", self.names_of(&self.key))?;
        }
        for index in &self.indexes[inline.len()..] {
            let word = if index.unique { "unique" } else { "index" };
            let columns = self.names_of(&index.columns);
            if self.has_own_name(index) {
                write!(f, ", {word} {}({columns})", Name(&index.name))?;
            } else {
                write!(f, ", {word}({columns})")?;
            }
            f.write_str(if index.nocase { " nocase" } else { "" })?;
        }
        Ok(())
    }
}

impl Schema {
    /// True if the index was given a name: else it is called after its columns.
    fn has_own_name(&self, index: &super::Index) -> bool {
        index.name != self.index_name(&index.columns, index.nocase)
    }

    /// The first indexes, as long as each is over one column and they follow the columns' order;
    /// the rest are clauses of their own, so that reading back keeps the order of all.
    fn inline_indexes(&self) -> &[super::Index] {
        let mut from = 0;
        let fits = |index: &&super::Index| match index.columns.as_slice() {
            [column] if *column >= from && !self.has_own_name(index) => {
                from = *column + 1;
                true
            }
            _ => false,
        };
        &self.indexes[..self.indexes.iter().take_while(fits).count()]
    }

    fn names_of(&self, positions: &[usize]) -> String {
        let names: Vec<String> =
            positions.iter().map(|at| Name(&self.columns[*at].name).to_string()).collect();
        names.join(", ")
    }
}

struct Name<'a>(&'a str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.0.starts_with(|first: char| first.is_alphabetic() || first == '_')
            && self.0.chars().all(|char| char.is_alphanumeric() || char == '_');
        if plain { f.write_str(self.0) } else { write!(f, "\"{}\"", self.0) }
    }
}

struct Literal<'a>(ValueRef<'a>);

impl fmt::Display for Literal<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ValueRef::Null => f.write_str("null"),
            ValueRef::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            ValueRef::Bytes(bytes) => {
                f.write_str("x'")?;
                bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
                f.write_str("'")
            }
            value => {
                let mut out = Vec::new();
                write_value(value, &mut out);
                f.write_str(&String::from_utf8_lossy(&out))
            }
        }
    }
}

#[cfg(test)]
mod tests;
