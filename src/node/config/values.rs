//! A parameter's value apart from its field: how text becomes a value, and a value text.

use std::time::Duration;

use super::numbers::{octal, parse_memory, show_memory};
use super::params::Kind;
use crate::protocol::strict_i64;

/// A value of any kind that is not special.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    /// yes or no.
    Flag(bool),
    /// Any number; a percentage is negative.
    Number(i128),
    /// Text; `None` where Redis tells "not set" from empty.
    Text(Option<String>),
    /// One of the words of the parameter.
    Word(&'static str),
}

/// A field of [`Config`](super::Config) that holds a value. The table guarantees kind and range.
pub(super) trait Stored {
    fn value(&self) -> Value;
    fn store(&mut self, value: Value);
}

impl Stored for bool {
    fn value(&self) -> Value {
        Value::Flag(*self)
    }

    fn store(&mut self, value: Value) {
        if let Value::Flag(flag) = value {
            *self = flag;
        }
    }
}

macro_rules! stored_numbers {
    ($($number:ty),+) => {$(
        impl Stored for $number {
            fn value(&self) -> Value {
                Value::Number((*self).into())
            }

            fn store(&mut self, value: Value) {
                if let Value::Number(number) = value {
                    // The bounds in the table are within those of the type.
                    *self = number.try_into().unwrap_or(Self::MAX);
                }
            }
        }
    )+};
}
stored_numbers!(u16, u32, u64, i64);

/// Whole seconds.
impl Stored for Duration {
    fn value(&self) -> Value {
        Value::Number(self.as_secs().into())
    }

    fn store(&mut self, value: Value) {
        if let Value::Number(seconds) = value {
            *self = Duration::from_secs(seconds.try_into().unwrap_or(u64::MAX));
        }
    }
}

impl Stored for String {
    fn value(&self) -> Value {
        Value::Text(Some(self.clone()))
    }

    fn store(&mut self, value: Value) {
        if let Value::Text(text) = value {
            *self = text.unwrap_or_default();
        }
    }
}

impl Stored for Option<String> {
    fn value(&self) -> Value {
        Value::Text(self.clone())
    }

    fn store(&mut self, value: Value) {
        if let Value::Text(text) = value {
            *self = text;
        }
    }
}

/// Reads `args` as a value of `kind`; the error is Redis' text. Special kinds are read by their own functions.
pub(super) fn parse(kind: &Kind, args: &[String]) -> Result<Value, String> {
    let text = args.first().map_or("", String::as_str);
    match *kind {
        Kind::Flag => flag(text).map(Value::Flag),
        Kind::Integer { min, max } => {
            let number = strict_i64(text.as_bytes()).ok_or("argument couldn't be parsed into an integer")?;
            within(number.into(), min, max)
        }
        Kind::Memory { min, max } => {
            within(parse_memory(text).ok_or("argument must be a memory value")?, min, max)
        }
        Kind::MemoryOrPercent => memory_or_percent(text),
        Kind::Octal { max } => {
            let number = octal(text).ok_or("argument couldn't be parsed as an octal number")?;
            if (0..=max).contains(&number) {
                return Ok(Value::Number(number));
            }
            Err(format!("argument must be between 0 and {max:o} inclusive"))
        }
        Kind::Word { words, synonym } => {
            let word = find_word(words, text)?;
            Ok(Value::Word(synonym.filter(|(other, _)| *other == word).map_or(word, |(_, main)| main)))
        }
        Kind::Words { words, conflict } => several_words(words, conflict, args),
        Kind::Text { unset_if_empty, check } => {
            check(text)?;
            Ok(Value::Text(if unset_if_empty && text.is_empty() { None } else { Some(text.to_owned()) }))
        }
        Kind::Special(_) => unreachable!("special parameters read their own arguments"),
    }
}

fn flag(text: &str) -> Result<bool, String> {
    match text {
        _ if text.eq_ignore_ascii_case("yes") => Ok(true),
        _ if text.eq_ignore_ascii_case("no") => Ok(false),
        _ => Err("argument must be 'yes' or 'no'".to_owned()),
    }
}

fn within(number: i128, min: i128, max: i128) -> Result<Value, String> {
    if (min..=max).contains(&number) {
        return Ok(Value::Number(number));
    }
    Err(format!("argument must be between {min} and {max} inclusive"))
}

fn memory_or_percent(text: &str) -> Result<Value, String> {
    if let Some(bytes) = parse_memory(text) {
        return within(bytes, -100, i64::MAX.into());
    }
    let percent = text.strip_suffix('%').and_then(|digits| strict_i64(digits.as_bytes()));
    match percent {
        Some(percent @ 0..=100) => Ok(Value::Number(-i128::from(percent))),
        Some(101..) => Err("percentage argument must be less or equal to 100".to_owned()),
        _ => Err("argument must be a memory or percent value".to_owned()),
    }
}

fn find_word(words: &'static [&'static str], text: &str) -> Result<&'static str, String> {
    let found = words.iter().find(|word| word.eq_ignore_ascii_case(text));
    found.copied().ok_or_else(|| format!("argument(s) must be one of the following: {}", words.join(", ")))
}

/// Words that may be combined; the first one means none of the others and vanishes beside them.
fn several_words(
    words: &'static [&'static str],
    conflict: (&str, &str, &str),
    args: &[String],
) -> Result<Value, String> {
    let mut given = Vec::new();
    for text in args.iter().map(String::as_str) {
        given.push(find_word(words, text)?);
    }
    if given.is_empty() {
        find_word(words, "")?;
    }
    if given.contains(&conflict.0) && given.contains(&conflict.1) {
        return Err(conflict.2.to_owned());
    }
    let chosen: Vec<&str> = words.iter().copied().skip(1).filter(|word| given.contains(word)).collect();
    let text = if chosen.is_empty() { words[0].to_owned() } else { chosen.join(" ") };
    Ok(Value::Text(Some(text)))
}

/// A value as CONFIG GET shows it.
pub(super) fn show(kind: &Kind, value: &Value) -> String {
    match (kind, value) {
        (_, Value::Flag(flag)) => if *flag { "yes" } else { "no" }.to_owned(),
        (Kind::MemoryOrPercent, Value::Number(number @ ..0)) => format!("{}%", -number),
        (Kind::Octal { .. }, Value::Number(number)) => format!("{number:o}"),
        (_, Value::Number(number)) => number.to_string(),
        (_, Value::Text(text)) => text.clone().unwrap_or_default(),
        (_, Value::Word(word)) => (*word).to_owned(),
    }
}

/// A value as CONFIG REWRITE writes it, `None` if the file must not name it.
pub(super) fn write(kind: &Kind, value: &Value) -> Option<String> {
    match (kind, value) {
        (Kind::Text { .. }, Value::Text(text)) => text.as_deref().map(super::quote),
        (Kind::Memory { .. } | Kind::MemoryOrPercent, Value::Number(number @ 0..)) => {
            Some(show_memory(*number))
        }
        _ => Some(show(kind, value)),
    }
}
