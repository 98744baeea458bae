//! What is wrong in a configuration, in Redis' form: all of it, not only the first mistake.

use std::fmt;
use std::path::PathBuf;

use super::REDIS_VERSION;

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// File that holds the line; `None` for the command line and other overrides.
    pub file: Option<PathBuf>,
    /// Number of the line from 1, counted on through the overrides as Redis does; 0 if no line is to blame.
    pub line: usize,
    /// The line, without blanks at its ends.
    pub text: String,
    /// What is wrong, in Redis' words.
    pub reason: String,
    /// A known directive that may have been meant.
    pub nearest: Option<&'static str>,
}

/// Everything wrong in a configuration; there is at least one mistake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    /// The mistakes, in the order of reading.
    pub errors: Vec<ConfigError>,
    /// The file asked for.
    pub file: Option<PathBuf>,
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigErrors {
    /// Redis' form; the main file is not named there, an included one is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut headed = false;
        for error in &self.errors {
            if error.line == 0 && error.text.is_empty() && error.file.is_some() {
                writeln!(f, "{}", error.reason)?; // a file that cannot be read has no line to show
                continue;
            }
            if !headed {
                writeln!(f, "\n*** FATAL CONFIG FILE ERROR (Redis {REDIS_VERSION}) ***")?;
                headed = true;
            }
            self.write_one(error, f)?;
        }
        Ok(())
    }
}

impl ConfigErrors {
    fn write_one(&self, error: &ConfigError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if error.line > 0 {
            match &error.file {
                Some(file) if self.file.as_ref() != Some(file) => {
                    writeln!(f, "Reading the configuration file {}, at line {}", file.display(), error.line)?;
                }
                _ => writeln!(f, "Reading the configuration file, at line {}", error.line)?,
            }
            writeln!(f, ">>> '{}'", error.text)?;
        }
        writeln!(f, "{}", error.reason)?;
        if let Some(word) = error.nearest {
            writeln!(f, "Did you mean '{word}'?")?;
        }
        Ok(())
    }
}
