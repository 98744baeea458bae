//! `user` lines of a file: there is only the default user, so they may say of it what is true anyway, and no more.
//!
//! A real server writes such a line into its file at each CONFIG REWRITE. Must not know who is connected.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

/// What cannot be kept out must not be let in: a rule that is not enforced would leave the server open.
pub(super) const NO_USERS: &str = "Users and their rules are not supported: there is only the default user, who may do \
    everything. Ask for a password with requirepass instead";

/// What a `user` line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UserLine {
    /// The default user may do everything without a password.
    Open,
    /// The same with the password that has this hash: it must be that of `requirepass`.
    Locked(String),
    /// Something else.
    Other,
}

impl UserLine {
    /// Reads the words after `user`.
    pub(super) fn parse(name: &str, rules: &[String]) -> Self {
        const ALWAYS: [&[&str]; 4] =
            [&["on"], &["~*", "allkeys", "%RW~*"], &["&*", "allchannels"], &["+@all", "allcommands"]];
        let is = |rule: &str, words: &[&str]| words.iter().any(|word| rule.eq_ignore_ascii_case(word));
        let (mut hash, mut open, mut said) = (None, false, [false; ALWAYS.len()]);
        for rule in rules {
            match ALWAYS.iter().position(|words| is(rule, words)) {
                Some(nth) => said[nth] = true,
                None if is(rule, &["sanitize-payload"]) => {}
                None if is(rule, &["nopass"]) => open = true,
                None if rule.starts_with('#') && hash.is_none() => hash = Some(rule[1..].to_owned()),
                None => return Self::Other,
            }
        }
        match hash {
            _ if name != "default" || said.contains(&false) => Self::Other,
            None if open => Self::Open,
            Some(hash) if !open => Self::Locked(hash),
            _ => Self::Other,
        }
    }

    /// Whether it is true, with this `requirepass`.
    pub(super) fn holds(&self, requirepass: Option<&str>) -> bool {
        match self {
            Self::Open => true,
            Self::Locked(hash) => requirepass.is_some_and(|password| sha256(password) == *hash),
            Self::Other => false,
        }
    }
}

/// The hash by which Redis keeps a password, in hexadecimal digits.
pub(in crate::node) fn sha256(text: &str) -> String {
    let mut hex = String::with_capacity(64);
    for byte in Sha256::digest(text) {
        // A string takes everything.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
