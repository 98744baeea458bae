//! Libraries of functions: kept with the data as the text they were loaded from, and never run.

use std::sync::Arc;

/// One library.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    engine: String,
    name: String,
    code: Arc<[u8]>,
}

/// Why a text is no library. The words are Redis'.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LibraryError {
    /// No first line that begins with `#!`.
    #[error("Missing library metadata")]
    NoMetadata,
    /// Something else than `name=…` in the first line.
    #[error("Invalid metadata value given: {0}")]
    UnknownMetadata(String),
    /// Two names.
    #[error("Invalid metadata value, name argument was given multiple times")]
    TwoNames,
    /// No name.
    #[error("Library name was not given")]
    NoName,
    /// A name of other characters.
    #[error(
        "Library names can only contain letters, numbers, or underscores(_) and must be at least one character long"
    )]
    BadName,
}

impl Library {
    /// Takes a text that begins with `#!<engine> name=<name>` and a line end.
    ///
    /// # Errors
    /// Its first line is another one.
    pub fn new(code: &[u8]) -> Result<Self, LibraryError> {
        let end = memchr::memchr(b'\n', code).ok_or(LibraryError::NoMetadata)?;
        let line = std::str::from_utf8(&code[..end]).map_err(|_| LibraryError::NoMetadata)?;
        let mut words = line.strip_prefix("#!").ok_or(LibraryError::NoMetadata)?.split_ascii_whitespace();
        let engine = words.next().unwrap_or_default().to_owned();
        let mut name = None;
        for word in words {
            let Some((_, value)) = word.split_once('=').filter(|(key, _)| key.eq_ignore_ascii_case("name"))
            else {
                return Err(LibraryError::UnknownMetadata(word.to_owned()));
            };
            if name.replace(value.to_owned()).is_some() {
                return Err(LibraryError::TwoNames);
            }
        }
        let name = name.ok_or(LibraryError::NoName)?;
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(LibraryError::BadName);
        }
        Ok(Self { engine, name, code: code.into() })
    }

    /// `lua`, as the text says it.
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// Its name: no other library of a data set has it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn code(&self) -> &[u8] {
        &self.code
    }
}

/// Libraries of one data set, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub struct Libraries(Vec<Library>);

impl Libraries {
    /// All of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Library> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one has this name.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|library| library.name == name)
    }

    /// Adds one; `true` if it takes the place of an earlier one of its name.
    pub fn put(&mut self, library: Library) -> bool {
        let replaces = self.remove(&library.name);
        self.0.push(library);
        replaces
    }

    /// Takes one away; `false` if there is none of this name.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.0.len();
        self.0.retain(|library| library.name != name);
        self.0.len() < before
    }

    /// Takes all away.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Estimate of the bytes that they take.
    pub fn memory(&self) -> u64 {
        self.0.iter().map(|library| (size_of::<Library>() + library.code.len()) as u64).sum()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_first_line_names_engine_and_library() {
        let library = Library::new(b"#!lua name=mylib\nreturn 1").unwrap();
        assert_eq!((library.engine(), library.name()), ("lua", "mylib"));
        let error = |code: &str| Library::new(code.as_bytes()).unwrap_err().to_string();
        for (code, wanted) in [
            ("", "Missing library metadata"),
            ("return 1\n", "Missing library metadata"),
            ("#!lua name=x", "Missing library metadata"),
            ("#!lua\n", "Library name was not given"),
            ("#!lua name=x name=y\n", "Invalid metadata value, name argument was given multiple times"),
            ("#!lua foo=x\n", "Invalid metadata value given: foo=x"),
        ] {
            assert_eq!(error(code), wanted, "{code:?}");
        }
        assert!(error("#!lua name=a-b\n").starts_with("Library names can only contain"));
    }

    #[test]
    fn a_name_is_there_once() {
        let mut all = Libraries::default();
        for code in ["#!lua name=a\n1", "#!lua name=b\n", "#!lua name=a\n2"] {
            all.put(Library::new(code.as_bytes()).unwrap());
        }
        let names: Vec<&str> = all.iter().map(Library::name).collect();
        assert_eq!(names, ["b", "a"]);
        assert!(all.remove("a") && !all.remove("a") && all.has("b"));
        assert!(all.memory() > 13);
    }
}
