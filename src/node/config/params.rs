//! What a parameter is: its name, kind, where its value lives and who may change it.

use super::Config;
use super::special::Special;
use super::table::TABLE;
use super::values::{self, Value};

/// Smallest backlog.
const BACKLOG_MIN: u64 = 16 << 10;

/// One parameter.
#[derive(Debug)]
pub(super) struct Param {
    /// Canonical name.
    pub(super) name: &'static str,
    /// Older name, listed by CONFIG GET too.
    pub(super) alias: Option<&'static str>,
    /// Type and bounds.
    pub(super) kind: Kind,
    /// Where the value lives.
    pub(super) home: Home,
    /// Default, as redis.conf would say it.
    pub(super) default: &'static str,
    /// Who may change it at run time.
    pub(super) access: Access,
    /// Listed by exact name only.
    pub(super) hidden: bool,
    /// Must not change while a data set loads.
    pub(super) fixed_while_loading: bool,
    /// What becomes of it here.
    pub(super) effect: Effect,
}

/// What becomes of a parameter that is set to something else than its default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    /// It does what it says: somebody reads it.
    Acts,
    /// It is about something that is always right here, for this reason: nothing is missed.
    Moot(&'static str),
    /// Nothing happens, for this reason: the log says so.
    Idle(&'static str),
    /// It would be a promise that is not kept: the start is refused with the first text, CONFIG SET with the second.
    Refused(&'static str, &'static str),
}

/// Who may change a parameter at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Everyone.
    Mutable,
    /// Nobody.
    Immutable,
    /// Those whom `enable-protected-configs` allows.
    Protected,
}

/// Type and bounds of a parameter.
#[derive(Debug)]
pub(super) enum Kind {
    /// yes or no.
    Flag,
    /// A decimal number.
    Integer { min: i128, max: i128 },
    /// Bytes, with an optional unit.
    Memory { min: i128, max: i128 },
    /// Bytes, or a percentage of `maxmemory`.
    MemoryOrPercent,
    /// File permissions.
    Octal { max: i128 },
    /// One of these words; a synonym is read as the other one.
    Word { words: &'static [&'static str], synonym: Option<(&'static str, &'static str)> },
    /// Any of these words, but not both of a pair; the first means none.
    Words { words: &'static [&'static str], conflict: (&'static str, &'static str, &'static str) },
    /// Text that passes a check.
    Text { unset_if_empty: bool, check: fn(&str) -> Result<(), &'static str> },
    /// A list or a pair with functions of its own.
    Special(Special),
}

/// Where a parameter's value lives.
#[derive(Debug)]
pub(super) enum Home {
    /// In a field of [`Config`].
    Field { read: fn(&Config) -> Value, write: fn(&mut Config, Value) },
    /// In [`Config`]'s map, by name.
    Kept,
    /// Where the functions of a special kind put it.
    Special,
}

impl Param {
    /// A mutable parameter.
    pub(super) const fn new(name: &'static str, kind: Kind, default: &'static str, home: Home) -> Self {
        let access = Access::Mutable;
        let effect = Effect::Acts;
        Self {
            name,
            alias: None,
            kind,
            home,
            default,
            access,
            hidden: false,
            fixed_while_loading: false,
            effect,
        }
    }

    /// Changes nothing that anybody could miss.
    pub(super) const fn moot(self, why: &'static str) -> Self {
        self.with(Effect::Moot(why))
    }

    /// Without effect.
    pub(super) const fn idle(self, why: &'static str) -> Self {
        self.with(Effect::Idle(why))
    }

    /// Refused, unless it is the default.
    pub(super) const fn refused(self, at_start: &'static str, at_run_time: &'static str) -> Self {
        self.with(Effect::Refused(at_start, at_run_time))
    }

    /// With this effect.
    pub(super) const fn with(self, effect: Effect) -> Self {
        Self { effect, ..self }
    }

    /// With an older name.
    pub(super) const fn alias(self, alias: &'static str) -> Self {
        Self { alias: Some(alias), ..self }
    }

    /// Fixed at start.
    pub(super) const fn immutable(self) -> Self {
        Self { access: Access::Immutable, ..self }
    }

    /// Guarded by `enable-protected-configs`.
    pub(super) const fn protected(self) -> Self {
        Self { access: Access::Protected, ..self }
    }

    /// Not matched by patterns.
    pub(super) const fn hidden(self) -> Self {
        Self { hidden: true, ..self }
    }

    /// Not changeable while a data set loads.
    pub(super) const fn fixed_while_loading(self) -> Self {
        Self { fixed_while_loading: true, ..self }
    }

    /// Whether its value may be made of several words.
    pub(super) fn takes_several(&self) -> bool {
        match self.kind {
            Kind::Words { .. } => true,
            Kind::Special(special) => special.several,
            _ => false,
        }
    }

    /// Its value as CONFIG GET shows it.
    pub(super) fn show(&self, config: &Config) -> String {
        match &self.kind {
            Kind::Special(special) => (special.show)(config),
            kind => self.value(config).map_or_else(String::new, |value| values::show(kind, &value)),
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
        let value = values::parse(&self.kind, args)?;
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

/// The parameter of this name or alias, whatever its case, and the name that was meant.
pub(super) fn find(name: &str) -> Option<(&'static Param, &'static str)> {
    TABLE.iter().find_map(|param| {
        let names = [Some(param.name), param.alias];
        let meant = names.into_iter().flatten().find(|known| known.eq_ignore_ascii_case(name))?;
        Some((param, meant))
    })
}

/// `text` in double quotes, as redis.conf needs it for blanks, quotes and control characters.
pub fn quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for byte in text.bytes() {
        match byte {
            b'\\' | b'"' => quoted.extend(['\\', char::from(byte)]),
            b'\n' => quoted.push_str("\\n"),
            b'\r' => quoted.push_str("\\r"),
            b'\t' => quoted.push_str("\\t"),
            7 => quoted.push_str("\\a"),
            8 => quoted.push_str("\\b"),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => {
                let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
                quoted.extend(['\\', 'x', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    quoted.push('"');
    quoted
}
