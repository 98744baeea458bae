//! The command line of a server, as redis-server reads it.

use std::path::PathBuf;

use super::quote;
use crate::protocol::split_inline;

/// Splits the arguments after the program's name into a configuration file and directives that override it.
///
/// A first argument that does not start with `-` is the file. `--name` takes the arguments up to the next
/// `--…`, but at least one, so that a value may start with `--`; `--save` and `--sentinel` may go without.
/// The values come quoted as redis.conf needs them, ready for [`Config::load`](super::Config::load), which is
/// also where mistakes come to light, as in Redis.
pub fn parse_command_line(args: &[String]) -> (Option<PathBuf>, Vec<(String, String)>) {
    let mut args = args.iter().map(String::as_str).peekable();
    let file = args.next_if(|first| !first.starts_with('-') && !first.is_empty()).map(PathBuf::from);

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
        directives.push((option.to_owned(), if empties { quote("") } else { String::new() }));
    }
    (file, directives)
}

/// A stray value without an option becomes a directive of its own, which then is refused by name.
fn append_value(directives: &mut Vec<(String, String)>, value: &str) {
    let value = quote(value);
    match directives.last_mut() {
        None => directives.push((value, String::new())),
        Some((_, so_far)) if so_far.is_empty() => *so_far = value,
        Some((_, so_far)) => {
            so_far.push(' ');
            so_far.push_str(&value);
        }
    }
}
