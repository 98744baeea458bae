//! The manifest of the append-only file: its parts and their order.
//!
//! One line for each part: `file appendonly.aof.1.base.rdb seq 1 type b`. Types are `b` (base), `i` (incremental) and
//! `h` (history: replaced already, to be deleted).

use std::fmt::Write as _;

use crate::protocol::{repr_if_needed, split_inline};

/// Longest line with its end, as in Redis.
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
#[error("{reason}")]
pub struct ManifestError {
    /// Number of the line, from 1, and the line; `None` where no line can be shown.
    pub line: Option<(usize, String)>,
    /// Redis' words.
    pub reason: &'static str,
}

impl ManifestError {
    /// What Redis logs.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec!["\n*** FATAL AOF MANIFEST FILE ERROR ***".to_owned()];
        if let Some((number, text)) = &self.line {
            lines.push(format!("Reading the manifest file, at line {number}"));
            lines.push(format!(">>> '{text}'"));
        }
        lines.push(self.reason.to_owned());
        lines
    }
}

impl Manifest {
    /// Reads a manifest. O(lines).
    ///
    /// # Errors
    /// The first line that is none, or that does not fit to those before it.
    pub fn parse(contents: &str) -> Result<Self, ManifestError> {
        let mut manifest = Self::default();
        if contents.is_empty() {
            return Err(ManifestError { line: None, reason: "Found an empty AOF manifest" });
        }
        for (index, line) in contents.split_inclusive('\n').enumerate() {
            if line.starts_with('#') {
                continue;
            }
            // Without its end it may be cut, and lines behind it lost.
            if line.len() > LINE_MAX || !line.ends_with('\n') {
                return Err(ManifestError {
                    line: None,
                    reason: "The AOF manifest file contains too long line",
                });
            }
            let text = line.trim_matches([' ', '\t', '\r', '\n']);
            let fail = |reason| ManifestError { line: Some((index + 1, text.to_owned())), reason };
            manifest.add_line(text).map_err(fail)?;
        }
        Ok(manifest)
    }

    fn add_line(&mut self, text: &str) -> Result<(), &'static str> {
        const INVALID: &str = "Invalid AOF manifest file format";
        let words = split_inline(text.as_bytes()).ok_or(INVALID)?;
        let (mut name, mut seq, mut kind) = (None, None, None);
        let (pairs, []) = words.as_chunks::<2>() else { return Err(INVALID) };
        for [key, value] in pairs {
            let value = std::str::from_utf8(value).map_err(|_| INVALID)?;
            match key.to_ascii_lowercase().as_slice() {
                b"file" if value.contains(['/', '\\']) => {
                    return Err("File can't be a path, just a filename");
                }
                b"file" => name = Some(value.to_owned()),
                // As many as Redis can count; more could not be counted on from.
                b"seq" => seq = value.parse().ok().filter(|seq| *seq < i64::MAX as u64),
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
            let _ = writeln!(text, "file {} seq {} type {kind}", repr_if_needed(&part.name), part.seq);
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
        let suffix = if is_rdb { "rdb" } else { "aof" };
        loop {
            self.last_base += 1;
            let part =
                Part { name: format!("{prefix}.{}.base.{suffix}", self.last_base), seq: self.last_base };
            if !self.is_history(&part) {
                return part;
            }
        }
    }

    /// A file that is to be deleted.
    fn is_history(&self, part: &Part) -> bool {
        self.history.iter().any(|old| old.name == part.name)
    }

    /// Adds the increment that is appended to next.
    pub fn add_increment(&mut self, prefix: &str) -> Part {
        loop {
            self.last_increment += 1;
            let seq = self.last_increment;
            let part = Part { name: format!("{prefix}.{seq}.incr.aof"), seq };
            if !self.is_history(&part) {
                self.increments.push(part.clone());
                return part;
            }
        }
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
    fn no_file_has_the_name_of_one_that_is_to_be_deleted() {
        let text = "file a.1.base.rdb seq 1 type h\nfile a.1.incr.aof seq 7 type h\n";
        let mut manifest = Manifest::parse(text).unwrap();
        assert!(manifest.is_empty());
        assert_eq!(manifest.next_base("a", true).name, "a.2.base.rdb");
        assert_eq!(manifest.add_increment("a").name, "a.2.incr.aof");
    }

    #[test]
    fn names_of_every_kind_come_back() {
        for name in ["with space.aof", "quote\"s and 'more'", "grüße.aof", "back-tick`", "\n\r\t\x07\x08\x01"]
        {
            let mut manifest = Manifest::default();
            manifest.add_increment(name);
            assert_eq!(Manifest::parse(&manifest.render()).unwrap(), manifest, "{name}");
        }
        let mut manifest = Manifest::default();
        manifest.add_increment(" file seq \n\n.aof ");
        let line = r#"file " file seq \n\n.aof .1.incr.aof" seq 1 type i"#;
        assert_eq!(manifest.render().trim_end(), line, "as Redis writes it");
    }

    #[test]
    fn what_is_no_manifest_is_refused_as_redis_does() {
        let base = "file a.1.base.rdb seq 1 type b\n";
        let two = "file a seq 2 type i\nfile b seq 2 type i\n";
        let cases = [
            ("", None, "Found an empty AOF manifest"),
            ("\n", Some((1, "")), "Invalid AOF manifest file format"),
            ("file a seq 1\n", Some((1, "file a seq 1")), "Invalid AOF manifest file format"),
            ("file a seq 1 type\n", Some((1, "file a seq 1 type")), "Invalid AOF manifest file format"),
            (
                " file a seq x type i\r\n",
                Some((1, "file a seq x type i")),
                "Invalid AOF manifest file format",
            ),
            ("file a seq 0 type i\n", Some((1, "file a seq 0 type i")), "Invalid AOF manifest file format"),
            (
                "file a seq 18446744073709551615 type b\n",
                Some((1, "file a seq 18446744073709551615 type b")),
                "Invalid AOF manifest file format",
            ),
            (
                "file \"a seq 1 type i\n",
                Some((1, "file \"a seq 1 type i")),
                "Invalid AOF manifest file format",
            ),
            (
                "file b/a seq 1 type i\n",
                Some((1, "file b/a seq 1 type i")),
                "File can't be a path, just a filename",
            ),
            ("file a seq 1 type x\n", Some((1, "file a seq 1 type x")), "Unknown AOF file type"),
            (&format!("{base}{base}"), Some((2, base.trim())), "Found duplicate base file information"),
            (two, Some((2, "file b seq 2 type i")), "Found a non-monotonic sequence number"),
            (&format!("{}\n", "x".repeat(1024)), None, "The AOF manifest file contains too long line"),
            (base.trim(), None, "The AOF manifest file contains too long line"),
        ];
        for (text, line, reason) in cases {
            let error = Manifest::parse(text).unwrap_err();
            let shown = error.line.as_ref().map(|(number, text)| (*number, text.as_str()));
            assert_eq!((shown, error.reason), (line, reason), "{text}");
            assert_eq!(error.lines().len(), if line.is_some() { 4 } else { 2 });
        }
        for good in
            [&format!("# a comment\n{base}"), "FILE a SEQ 1 TYPE incr more words\r\n", "# a comment\n"]
        {
            assert!(Manifest::parse(good).is_ok(), "{good}");
        }
    }
}
