//! The node's log in Redis' format: `<pid>:<role> <time> <level> <text>`.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use crate::node::event::LogLevel;

/// Where log lines go.
#[derive(Debug)]
pub(in crate::node) struct Log {
    level: LogLevel,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    /// Events only.
    None,
    Stdout,
    File(File),
}

impl Log {
    /// Lines of `level` and louder go to `logfile`, or to stdout if that is empty, or nowhere but to events.
    ///
    /// # Errors
    /// The file cannot be opened for appending.
    pub(in crate::node) fn open(
        level: LogLevel,
        to_stdout: bool,
        logfile: Option<&Path>,
    ) -> std::io::Result<Self> {
        let sink = if let Some(logfile) = logfile {
            Sink::File(File::options().create(true).append(true).open(logfile)?)
        } else if to_stdout {
            Sink::Stdout
        } else {
            Sink::None
        };
        Ok(Self { level, sink })
    }

    pub(in crate::node) fn wants(&self, level: LogLevel) -> bool {
        level >= self.level
    }

    pub(in crate::node) fn set_level(&mut self, level: LogLevel) {
        self.level = level;
    }

    /// Writes one line. A log that cannot be written stops nobody.
    pub(in crate::node) fn write(&mut self, level: LogLevel, is_replica: bool, text: &str) {
        let mark = match level {
            LogLevel::Debug => '.',
            LogLevel::Verbose => '-',
            LogLevel::Notice => '*',
            LogLevel::Warning => '#',
        };
        let role = if is_replica { 'S' } else { 'M' };
        let time = jiff::Zoned::now().strftime("%d %b %Y %H:%M:%S.%3f").to_string();
        self.raw(&format!("{}:{role} {time} {mark} {text}\n", std::process::id()));
    }

    /// Writes text as it is.
    pub(in crate::node) fn raw(&mut self, text: &str) {
        let _ = match &mut self.sink {
            Sink::None => Ok(()),
            Sink::Stdout => {
                let mut out = std::io::stdout().lock();
                out.write_all(text.as_bytes()).and_then(|()| out.flush())
            }
            Sink::File(file) => file.write_all(text.as_bytes()),
        };
    }
}
