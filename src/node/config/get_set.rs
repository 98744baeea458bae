//! The defaults, and CONFIG GET and CONFIG SET with their exact texts.

use std::collections::BTreeSet;

use crate::commands::{Case, glob_matches};
use crate::protocol::repr;

use super::param::{Access, Effect, Param};
use super::table::{self, TABLE};
use super::{Config, LogLevel, ProtectedAction};

/// Who asks for a change, and when.
#[derive(Debug, Clone, Copy, Default)]
pub struct Caller {
    /// It is connected over loopback or a unix socket.
    pub is_local: bool,
    /// The node is loading its data set.
    pub while_loading: bool,
}

impl Default for Config {
    /// Redis' own defaults; `dir` is the process' current folder.
    fn default() -> Self {
        let mut config = Self::blank();
        config.dir = std::env::current_dir().unwrap_or_else(|_| ".".into());
        for param in TABLE {
            // The folder is the current one, whatever it is, even one that is gone; the other has not been chosen.
            if matches!(param.name, "dir" | "propagation-error-behavior") {
                continue;
            }
            let args =
                if param.takes_several() { words(param.default) } else { vec![param.default.to_owned()] };
            if let Err(reason) = param.set(&mut config, &args) {
                unreachable!("default of '{}': {reason}", param.name);
            }
        }
        config
    }
}

impl Config {
    /// CONFIG GET: the parameters that match any of `patterns`, in the table's order, exact names first.
    ///
    /// Without `*`, `?` and `[` a pattern is a name, which is answered as it was typed.
    pub fn get(&self, patterns: &[&[u8]]) -> Vec<(String, String)> {
        let mut found = Vec::new();
        let mut seen = BTreeSet::new();
        for pattern in patterns {
            let pattern = String::from_utf8_lossy(pattern);
            if !pattern.contains(['*', '?', '[']) {
                if let Some((param, name)) = table::find(&pattern)
                    && seen.insert(name)
                {
                    found.push((pattern.into_owned(), param.show(self)));
                }
                continue;
            }
            for param in TABLE.iter().filter(|param| !param.hidden) {
                for name in [Some(param.name), param.alias].into_iter().flatten() {
                    if !seen.contains(name) && matches_pattern(pattern.as_bytes(), name.as_bytes()) {
                        seen.insert(name);
                        found.push((name.to_owned(), param.show(self)));
                    }
                }
            }
        }
        found
    }

    /// The value of one parameter as CONFIG GET shows it, by name or alias.
    pub fn value_of(&self, name: &str) -> Option<String> {
        table::find(name).map(|(param, _)| param.show(self))
    }

    /// CONFIG SET by an unprivileged caller of a node that is not loading: see [`Config::set_for`].
    ///
    /// # Errors
    /// As [`Config::set_for`].
    pub fn set(&mut self, pairs: &[(&[u8], &[u8])]) -> Result<Vec<&'static str>, String> {
        self.set_for(Caller::default(), pairs)
    }

    /// CONFIG SET: changes all parameters or none, and returns the canonical names of those that changed.
    ///
    /// The caller applies them (listens on the new port, resizes the backlog, …). It keeps a clone of the
    /// configuration from before, and puts it back if one cannot be applied.
    ///
    /// # Errors
    /// The exact error reply without its leading `-`; nothing is then changed.
    pub fn set_for(&mut self, caller: Caller, pairs: &[(&[u8], &[u8])]) -> Result<Vec<&'static str>, String> {
        let chosen = self.choose(caller, pairs)?;
        let mut next = self.clone();
        for ((param, name), (_, value)) in chosen.iter().zip(pairs) {
            let outcome = match std::str::from_utf8(value) {
                Ok(value) => next.set_one(param, value),
                Err(_) => Err("argument must be valid UTF-8".to_owned()),
            };
            outcome.map_err(|reason| failed(name, &reason))?;
        }
        let mut changed: Vec<&'static str> = Vec::new();
        for (param, _) in chosen {
            if !changed.contains(&param.name) && param.show(self) != param.show(&next) {
                changed.push(param.name);
            }
        }
        *self = next;
        Ok(changed)
    }

    /// The parameters that `pairs` name, if the caller may change them all.
    fn choose(
        &self,
        caller: Caller,
        pairs: &[(&[u8], &[u8])],
    ) -> Result<Vec<(&'static Param, &'static str)>, String> {
        let mut chosen: Vec<(&Param, &str)> = Vec::with_capacity(pairs.len());
        for (typed, _) in pairs {
            let typed = String::from_utf8_lossy(typed);
            let Some((param, name)) = table::find(&typed) else {
                return Err(format!("ERR Unknown option or number of arguments for CONFIG SET - '{typed}'"));
            };
            if let Some(reason) = self.denial(param, caller) {
                return Err(failed(&typed, reason));
            }
            if caller.while_loading && param.fixed_while_loading {
                return Err("LOADING Redis is loading the dataset in memory".to_owned());
            }
            // A name and its alias are no duplicate: the later one counts, as in Redis.
            if chosen.iter().any(|(_, other)| *other == name) {
                return Err(failed(&typed, "duplicate parameter"));
            }
            chosen.push((param, name));
        }
        Ok(chosen)
    }

    fn denial(&self, param: &Param, caller: Caller) -> Option<&'static str> {
        let allowed = match self.enable_protected_configs {
            ProtectedAction::Yes => true,
            ProtectedAction::Local => caller.is_local,
            ProtectedAction::No => false,
        };
        match param.access {
            Access::Immutable => Some("can't set immutable config"),
            Access::Protected if !allowed => Some("can't set protected config"),
            _ => None,
        }
    }

    /// Sets one parameter at run time.
    fn set_one(&mut self, param: &Param, value: &str) -> Result<(), String> {
        let before = param.show(self);
        let args = if param.takes_several() { words(value) } else { vec![value.to_owned()] };
        param.set(self, &args)?;
        let after = param.show(self);
        match param.effect {
            Effect::Refused(_, refusal) if before != after && after != param.default => {
                Err(refusal.to_owned())
            }
            _ => Ok(()),
        }
    }

    /// Lines for the log about parameters that are not at their default and do nothing here: all of them, or those
    /// that CONFIG SET has just `changed`.
    pub fn without_effect(&self, changed: Option<&[&'static str]>) -> Vec<(LogLevel, String)> {
        let defaults = Self::default();
        let asked = TABLE.iter().filter(|param| changed.is_none_or(|names| names.contains(&param.name)));
        let line = |param: &Param| {
            let (level, why) = match param.effect {
                Effect::Idle(why) => (LogLevel::Warning, why),
                Effect::Moot(why) => (LogLevel::Debug, why),
                Effect::Acts | Effect::Refused(..) => return None,
            };
            let value = param.show(self);
            (value != param.show(&defaults)).then(|| {
                let setting = setting(param.name, &value);
                (level, format!("'{setting}' has no effect here: {why}"))
            })
        };
        asked.filter_map(line).collect()
    }
}

/// A parameter with its value for the log: no password, and always one line.
fn setting(name: &str, value: &str) -> String {
    match value {
        _ if name.ends_with("-pass") => name.to_owned(),
        _ if value.is_empty() || value.contains(char::is_control) => format!("{name} {}", repr(value)),
        _ => format!("{name} {value}"),
    }
}

fn failed(name: &str, reason: &str) -> String {
    format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")
}

/// The words of a run-time value: every single blank separates, so two make an empty word, as in Redis.
fn words(value: &str) -> Vec<String> {
    if value.is_empty() { Vec::new() } else { value.split(' ').map(str::to_owned).collect() }
}

/// Whether `name` matches a glob pattern, whatever the case.
pub(super) fn matches_pattern(pattern: &[u8], name: &[u8]) -> bool {
    glob_matches(pattern, name, Case::Ignored)
}
