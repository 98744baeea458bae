//! The manifest of the append-only file: its parts and their order.
//!
//! One line for each part: `file appendonly.aof.1.base.rdb seq 1 type b`. Types are `b` (base), `i` (incremental) and
//! `h` (history: replaced already, to be deleted).

use std::fmt::Write as _;

use crate::protocol::split_inline;

/// Longest line, as in Redis.
const LINE_MAX: usize = 1024;

/// One file of the append-only file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Its name, without a folder.
    pub name: String,
    /// Its number: grows with each file of its type.
    pub seq: u64,
}

/// All parts, in the order in which they are read: the base, then the increments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Manifest {
    /// The data of one instant.
    pub base: Option<Part>,
    /// The commands since then; the last one is appended to.
    pub increments: Vec<Part>,
    /// What a rewrite has replaced.
    pub history: Vec<Part>,
    last_base: u64,
    last_increment: u64,
}

/// Why a manifest cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Reading the manifest file, at line {line}\n>>> '{text}'\n{reason}")]
pub struct ManifestError {
    /// Number of the line, from 1.
    pub line: usize,
    /// The line.
    pub text: String,
    /// Redis' words.
    pub reason: &'static str,
}

impl Manifest {
    /// Reads a manifest. O(lines).
    ///
    /// # Errors
    /// The first line that is none, or that does not fit to those before it.
    pub fn parse(contents: &str) -> Result<Self, ManifestError> {
        let mut manifest = Self::default();
        let fail = |line: usize, text: &str, reason| ManifestError { line, text: text.to_owned(), reason };
        let mut lines = 0;
        for (index, text) in contents.lines().enumerate() {
            lines += 1;
            if text.starts_with('#') {
                continue;
            }
            manifest.add_line(text).map_err(|reason| fail(index + 1, text, reason))?;
        }
        if lines == 0 {
            return Err(fail(0, "", "Found an empty AOF manifest"));
        }
        Ok(manifest)
    }

    fn add_line(&mut self, text: &str) -> Result<(), &'static str> {
        const INVALID: &str = "Invalid AOF manifest file format";
        if text.len() > LINE_MAX {
            return Err("The AOF manifest file contains too long line");
        }
        let words = split_inline(text.trim().as_bytes()).ok_or(INVALID)?;
        let (mut name, mut seq, mut kind) = (None, None, None);
        let (pairs, []) = words.as_chunks::<2>() else { return Err(INVALID) };
        for [key, value] in pairs {
            let value = std::str::from_utf8(value).map_err(|_| INVALID)?;
            match key.to_ascii_lowercase().as_slice() {
                b"file" if value.contains(['/', '\\']) => {
                    return Err("File can't be a path, just a filename");
                }
                b"file" => name = Some(value.to_owned()),
                b"seq" => seq = value.parse().ok(),
                b"type" => kind = value.chars().next(),
                _ => {}
            }
        }
        let (Some(name), Some(seq), Some(kind)) = (name, seq, kind) else { return Err(INVALID) };
        if name.is_empty() || seq == 0 {
            return Err(INVALID);
        }
        let part = Part { name, seq };
        match kind {
            'b' if self.base.is_some() => return Err("Found duplicate base file information"),
            'b' => {
                self.last_base = seq;
                self.base = Some(part);
            }
            'h' => self.history.push(part),
            'i' if seq <= self.last_increment => return Err("Found a non-monotonic sequence number"),
            'i' => {
                self.last_increment = seq;
                self.increments.push(part);
            }
            _ => return Err("Unknown AOF file type"),
        }
        Ok(())
    }

    /// As it stands in its file.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let parts = (self.base.iter().map(|part| (part, 'b')))
            .chain(self.history.iter().map(|part| (part, 'h')))
            .chain(self.increments.iter().map(|part| (part, 'i')));
        for (part, kind) in parts {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "file {} seq {} type {kind}", quoted(&part.name), part.seq);
        }
        text
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.base.is_none() && self.increments.is_empty()
    }

    /// Files to read, in their order.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.base.iter().chain(&self.increments)
    }

    /// Hands out no number that `earlier` has handed out: a file of it may still be written by who was given up.
    pub fn go_on_from(&mut self, earlier: &Self) {
        self.last_base = self.last_base.max(earlier.last_base);
        self.last_increment = self.last_increment.max(earlier.last_increment);
    }

    /// The base that is written next, in the RDB format or as commands. No two have the same name.
    pub fn next_base(&mut self, prefix: &str, is_rdb: bool) -> Part {
        self.last_base += 1;
        let seq = self.last_base;
        let suffix = if is_rdb { "rdb" } else { "aof" };
        Part { name: format!("{prefix}.{seq}.base.{suffix}"), seq }
    }

    /// Adds the increment that is appended to next.
    pub fn add_increment(&mut self, prefix: &str) -> Part {
        self.last_increment += 1;
        let seq = self.last_increment;
        let part = Part { name: format!("{prefix}.{seq}.incr.aof"), seq };
        self.increments.push(part.clone());
        part
    }

    /// A file from before there were manifests becomes the base.
    pub fn adopt(&mut self, name: &str) {
        self.last_base = 1;
        self.base = Some(Part { name: name.to_owned(), seq: 1 });
    }

    /// A new base holds all that came before the last `kept` increments: what it replaces is history.
    pub fn replace_base(&mut self, base: Part, kept: usize) {
        let replaced = self.increments.len().saturating_sub(kept);
        self.history.extend(self.base.take());
        self.history.extend(self.increments.drain(..replaced));
        self.base = Some(base);
    }
}

/// A name as one word of a line.
fn quoted(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\'' | b'\\');
    if !name.is_empty() && name.bytes().all(plain) {
        return name.to_owned();
    }
    let escaped = name.bytes().fold(String::new(), |mut text, byte| {
        match byte {
            b'"' | b'\\' => text.extend(['\\', char::from(byte)]),
            b' ' | b'\'' => text.push(char::from(byte)),
            byte if byte.is_ascii_graphic() => text.push(char::from(byte)),
            // Writing to a String cannot fail.
            byte => drop(write!(text, "\\x{byte:02x}")),
        }
        text
    });
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_rewrite_turns_what_it_replaces_into_history() {
        let mut manifest = Manifest::default();
        let base = manifest.next_base("a.aof", true);
        manifest.replace_base(base, 0);
        manifest.add_increment("a.aof");
        manifest.add_increment("a.aof");
        let base = manifest.next_base("a.aof", false);
        manifest.replace_base(base, 1);
        let text = "file a.aof.2.base.aof seq 2 type b\nfile a.aof.1.base.rdb seq 1 type h\n\
                    file a.aof.1.incr.aof seq 1 type h\nfile a.aof.2.incr.aof seq 2 type i\n";
        assert_eq!(manifest.render(), text);
        assert_eq!(Manifest::parse(text).unwrap(), manifest);
        assert_eq!(manifest.next_base("a.aof", true).name, "a.aof.3.base.rdb");
    }

    #[test]
    fn names_of_every_kind_come_back() {
        for name in ["with space.aof", "quote\"s and 'more'", "grüße.aof", "back-tick`"] {
            let mut manifest = Manifest::default();
            manifest.add_increment(name);
            assert_eq!(Manifest::parse(&manifest.render()).unwrap(), manifest, "{name}");
        }
    }

    #[test]
    fn what_is_no_manifest_is_refused_as_redis_does() {
        let base = "file a.1.base.rdb seq 1 type b\n";
        let cases = [
            ("", 0, "Found an empty AOF manifest"),
            ("\n", 1, "Invalid AOF manifest file format"),
            ("file a seq 1", 1, "Invalid AOF manifest file format"),
            ("file a seq 1 type", 1, "Invalid AOF manifest file format"),
            ("file a seq x type i", 1, "Invalid AOF manifest file format"),
            ("file a seq 0 type i", 1, "Invalid AOF manifest file format"),
            ("file \"a seq 1 type i", 1, "Invalid AOF manifest file format"),
            ("file b/a seq 1 type i", 1, "File can't be a path, just a filename"),
            ("file a seq 1 type x", 1, "Unknown AOF file type"),
            (&format!("{base}{base}"), 2, "Found duplicate base file information"),
            ("file a seq 2 type i\nfile b seq 2 type i", 2, "Found a non-monotonic sequence number"),
            (&"x".repeat(2000), 1, "The AOF manifest file contains too long line"),
        ];
        for (text, line, reason) in cases {
            let error = Manifest::parse(text).unwrap_err();
            assert_eq!((error.line, error.reason), (line, reason), "{text}");
        }
        assert!(Manifest::parse(&format!("# a comment\n{base}")).is_ok());
    }
}
