//! The command line of a server, as redis-server reads it.

use std::path::PathBuf;

use crate::protocol::{repr, split_inline};

/// What a command line says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct CommandLine {
    /// The configuration file.
    pub config_file: Option<PathBuf>,
    /// Further lines of it come over standard input: a `-` says so.
    pub reads_stdin: bool,
    /// Directives that override both, with values quoted as redis.conf needs them.
    pub directives: Vec<(String, String)>,
}

/// Splits the arguments after the program's name.
///
/// A first argument that does not start with `-` is the file. `-` alone, as the first or the last argument, is standard
/// input. `--name` takes the arguments up to the next `--…`, but at least one, so that a value may start with `--`;
/// `--save` and `--sentinel` may go without. The directives are ready for [`Config::load`](super::Config::load), which
/// is also where mistakes come to light, as in Redis.
pub fn parse_command_line(args: &[String]) -> CommandLine {
    let last = args.len().saturating_sub(1);
    let is_stdin = |(index, arg): (usize, &str)| arg == "-" && (index == 0 || index == last);
    let reads_stdin = args.iter().map(String::as_str).enumerate().any(is_stdin);
    let options = args.iter().map(String::as_str).enumerate().filter(|option| !is_stdin(*option));
    let mut args = options.map(|(_, arg)| arg).peekable();
    let config_file = args.next_if(|first| !first.starts_with('-') && !first.is_empty()).map(PathBuf::from);

    let mut directives: Vec<(String, String)> = Vec::new();
    let mut value_due = false;
    while let Some(arg) = args.next() {
        let Some(option) = arg.strip_prefix("--").filter(|_| !value_due) else {
            value_due = false;
            append_value(&mut directives, arg);
            continue;
        };
        // `--port 6380` in one argument brings its value along.
        let alone = split_inline(arg.as_bytes()).is_some_and(|words| words.len() == 1);
        let ends = alone && args.peek().is_none_or(|next| next.starts_with("--"));
        let empties = ends && arg.eq_ignore_ascii_case("--save");
        value_due = alone && !empties && !(ends && arg.eq_ignore_ascii_case("--sentinel"));
        directives.push((option.to_owned(), if empties { repr("") } else { String::new() }));
    }
    CommandLine { config_file, reads_stdin, directives }
}

/// A stray value without an option becomes a directive of its own, which then is refused by name.
fn append_value(directives: &mut Vec<(String, String)>, value: &str) {
    let value = repr(value);
    match directives.last_mut() {
        None => directives.push((value, String::new())),
        Some((_, so_far)) if so_far.is_empty() => *so_far = value,
        Some((_, so_far)) => {
            so_far.push(' ');
            so_far.push_str(&value);
        }
    }
}
