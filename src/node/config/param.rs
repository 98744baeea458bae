//! What a parameter is: its name, kind, where its value lives and who may change it.

use super::Config;
use super::value::Value;

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
}

/// The functions of one special parameter.
#[derive(Debug, Clone, Copy)]
pub(super) struct Special {
    /// Whether it takes several words.
    pub(super) several: bool,
    /// Validates and stores; the error is Redis' text, and nothing is then changed.
    pub(super) set: fn(&mut Config, &[String]) -> Result<(), String>,
    /// The value as CONFIG GET shows it.
    pub(super) show: fn(&Config) -> String,
    /// What CONFIG REWRITE writes after the name, line by line.
    pub(super) lines: fn(&Config, &Config) -> Vec<Line>,
}

/// One line of a rewritten file, without the name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// What follows the name.
    pub(super) value: String,
    /// Whether the line is added to a file that has none to replace.
    pub(super) forced: bool,
}

impl Line {
    pub(super) fn forced(value: String) -> Self {
        Self { value, forced: true }
    }
}
