//! Tokens of the SQL form, and errors that point at their place in the text.

use crate::error::{Error, Kind};
use crate::value::decode_hex;

/// Most characters of the text an error shows before and after its place.
const SHOWN_CHARS_MAX: usize = 60;

/// A piece of the text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'t> {
    /// A keyword or a plain column name.
    Word(&'t str),
    /// A `"quoted"` column name.
    Quoted(String),
    /// A `'string'`.
    Text(String),
    /// Bytes in hexadecimal, as in `x'00ff'`.
    Bytes(Vec<u8>),
    /// A number without its sign.
    Number(&'t str),
    /// An operator or punctuation.
    Symbol(&'static str),
    /// The end of the text.
    End,
}

/// What is wrong, and at which byte.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) message: String,
}

/// Longer symbols come before those they begin with.
const SYMBOLS: [&str; 21] = [
    "==", "!=", "<>", "<=", ">=", "!~*", "!~", "~*", "~", "=", "<", ">", "(", ")", ",", "+", "-",
    "*", "/", "%", "||",
];

/// Cuts the text into tokens, one at a time.
#[derive(Clone)]
pub(super) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token and the byte it starts at.
    pub(super) fn next(&mut self) -> Result<(usize, Token<'t>), Fault> {
        let rest = self.text[self.at..].trim_start();
        let start = self.text.len() - rest.len();
        self.at = start;
        let Some(first) = rest.chars().next() else { return Ok((start, Token::End)) };
        let token = match first {
            '\'' => Token::Text(self.quoted('\'')?),
            '"' => Token::Quoted(self.quoted('"')?),
            'x' | 'X' if rest[1..].starts_with('\'') => Token::Bytes(self.bytes()?),
            '0'..='9' | '.' => Token::Number(self.number()?),
            c if c.is_alphabetic() || c == '_' => Token::Word(self.word()),
            _ => Token::Symbol(self.symbol(first)?),
        };
        Ok((start, token))
    }

    /// What stands between two marks, in which a doubled mark stands for one.
    fn quoted(&mut self, mark: char) -> Result<String, Fault> {
        let start = self.at;
        let mut out = String::new();
        let mut rest = &self.text[start + 1..];
        loop {
            let Some(end) = rest.find(mark) else {
                let message = format!("no closing {mark} for this one");
                return Err(Fault { at: start, message });
            };
            out.push_str(&rest[..end]);
            rest = &rest[end + 1..];
            let Some(more) = rest.strip_prefix(mark) else { break };
            out.push(mark);
            rest = more;
        }
        self.at = self.text.len() - rest.len();
        Ok(out)
    }

    /// What stands in quotes behind an `x`.
    fn bytes(&mut self) -> Result<Vec<u8>, Fault> {
        let start = self.at;
        self.at += 1;
        let digits = self.quoted('\'')?;
        decode_hex(&digits).ok_or_else(|| {
            let message = "bytes are written as pairs of hexadecimal digits".to_owned();
            Fault { at: start, message }
        })
    }

    fn word(&mut self) -> &'t str {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// Digits, a point and digits, an exponent; at least one digit before the exponent.
    fn number(&mut self) -> Result<&'t str, Fault> {
        let rest = &self.text[self.at..];
        let bytes = rest.as_bytes();
        let digits = |from: usize| {
            bytes[from..].iter().position(|b| !b.is_ascii_digit()).map_or(bytes.len(), |n| from + n)
        };
        let mut end = digits(0);
        let mut count = end;
        if bytes.get(end) == Some(&b'.') {
            let point = end + 1;
            end = digits(point);
            count += end - point;
        }
        if matches!(bytes.get(end), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
            let from = end + 1 + sign;
            end = digits(from.min(bytes.len()));
            count *= usize::from(end > from);
        }
        let glued =
            rest[end..].starts_with(|c: char| c.is_alphanumeric() || matches!(c, '_' | '.'));
        if count == 0 || glued {
            return Err(Fault { at: self.at, message: "this is not a number".to_owned() });
        }
        self.at += end;
        Ok(&rest[..end])
    }

    fn symbol(&mut self, first: char) -> Result<&'static str, Fault> {
        let rest = &self.text[self.at..];
        let found = SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol));
        let symbol = found.ok_or_else(|| {
            let message = format!("unexpected character {first:?}");
            Fault { at: self.at, message }
        })?;
        self.at += symbol.len();
        Ok(symbol)
    }
}

impl Token<'_> {
    /// The token as an error names it.
    pub(super) fn shown(&self) -> String {
        let text = match self {
            Self::End => return "the end".to_owned(),
            Self::Bytes(_) => return "bytes".to_owned(),
            Self::Word(text) | Self::Number(text) | Self::Symbol(text) => text,
            Self::Quoted(text) | Self::Text(text) => text.as_str(),
        };
        let short: String = text.chars().take(SHOWN_CHARS_MAX).collect();
        match self {
            Self::Text(_) => format!("'{short}'"),
            _ => format!("\"{short}\""),
        }
    }
}

impl Fault {
    /// The error: the place, what is wrong, the line of text and a caret under the place.
    pub(super) fn into_error(self, text: &str) -> Error {
        self.into_error_of(Kind::Invalid, text)
    }

    /// The same of another kind.
    pub(super) fn into_error_of(self, kind: Kind, text: &str) -> Error {
        let at = self.at.min(text.len());
        let position = text[..at].chars().count() + 1;
        let line_start = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let before: Vec<char> = text[line_start..at].chars().collect();
        let skipped = before.len().saturating_sub(SHOWN_CHARS_MAX);
        let after = text[at..].lines().next().unwrap_or_default().chars().take(SHOWN_CHARS_MAX);
        let line: String = before[skipped..].iter().copied().chain(after).map(printable).collect();
        let line = line.trim_end();
        let indent = " ".repeat(before.len() - skipped);
        let message = self.message;
        Error::new(kind, format!("position {position}: {message}\n  {line}\n  {indent}^"))
            .detail(position.to_string())
    }
}

fn printable(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Result<Vec<Token<'_>>, Fault> {
        let mut lexer = Lexer::new(text);
        let mut out = Vec::new();
        loop {
            let (_, token) = lexer.next()?;
            if token == Token::End {
                return Ok(out);
            }
            out.push(token);
        }
    }

    #[test]
    fn text_is_cut_into_tokens() {
        use Token::{Number, Quoted, Symbol, Text, Word};
        let found = tokens("a<=.5 AND \"x\"\"y\"<>'it''s',1.e-3 é").unwrap();
        let quoted = Quoted("x\"y".to_owned());
        let text = Text("it's".to_owned());
        let expected = [
            Word("a"),
            Symbol("<="),
            Number(".5"),
            Word("AND"),
            quoted,
            Symbol("<>"),
            text,
            Symbol(","),
            Number("1.e-3"),
            Word("é"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn bad_tokens_point_at_their_start() {
        for (text, at) in [
            ("a 'b", 2),
            ("1e", 0),
            (".", 0),
            ("a = 12b", 4),
            ("1.2.3", 0),
            ("a ; b", 2),
            ("\"", 0),
            ("a x'0g'", 2),
            ("x'0", 1),
        ] {
            assert_eq!(tokens(text).unwrap_err().at, at, "{text}");
        }
    }

    #[test]
    fn the_caret_stands_under_the_place() {
        let fault = Fault { at: "é =\n\tb ".len(), message: "bad".to_owned() };
        let shown = fault.into_error("é =\n\tb ;\nnext").to_string();
        assert_eq!(shown, "position 8: bad\n   b ;\n     ^");
    }
}
