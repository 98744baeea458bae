//! A parameter's value apart from its field: how text becomes a value, and a value text.

use super::Config;
use super::numbers::{octal, parse_memory, show_memory};
use super::param::{Home, Kind, Param};
use super::value::Value;
use crate::protocol::{repr, strict_i64};

/// Smallest backlog.
const BACKLOG_MIN: u64 = 16 << 10;

impl Param {
    /// Its value as CONFIG GET shows it.
    pub(super) fn show(&self, config: &Config) -> String {
        match &self.kind {
            Kind::Special(special) => (special.show)(config),
            kind => self.value(config).map_or_else(String::new, |value| show(kind, &value)),
        }
    }

    /// Its value, if it is not special.
    pub(super) fn value(&self, config: &Config) -> Option<Value> {
        match self.home {
            Home::Field { read, .. } => Some(read(config)),
            Home::Kept => config.kept.get(self.name).cloned(),
            Home::Special => None,
        }
    }

    /// Validates and stores a value; the error is Redis' text, and the value is then unchanged.
    pub(super) fn set(&self, config: &mut Config, args: &[String]) -> Result<(), String> {
        if let Kind::Special(special) = &self.kind {
            return (special.set)(config, args);
        }
        let value = parse(&self.kind, args)?;
        match self.home {
            Home::Field { write, .. } => write(config, value),
            Home::Kept => {
                config.kept.insert(self.name, value);
            }
            Home::Special => unreachable!("only special kinds live there"),
        }
        // Out of range is capped here, not refused, as in Redis.
        config.hz = config.hz.clamp(1, 500);
        config.repl_backlog_size = config.repl_backlog_size.max(BACKLOG_MIN);
        Ok(())
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
        (Kind::Text { .. }, Value::Text(text)) => text.as_deref().map(repr),
        (Kind::Memory { .. } | Kind::MemoryOrPercent, Value::Number(number @ 0..)) => {
            Some(show_memory(*number))
        }
        _ => Some(show(kind, value)),
    }
}
