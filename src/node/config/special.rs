//! Parameters that are lists, pairs or paths, and the checks of texts.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::numbers::{c_integer, parse_memory, show_memory};
use super::param::{Line, Special};
use super::value::Value;
use super::{Config, OutputLimit, OutputLimits, names};
use crate::commands::KeyspaceEvents;
use crate::protocol::{repr, repr_if_needed};

const WRONG_NUMBER: &str = "wrong number of arguments";
const OOM_NAME: &str = "oom-score-adj-values";
/// Most addresses of `bind`.
const BIND_MAX: usize = 16;

pub(super) const DIR: Special = Special {
    several: false,
    set: set_dir,
    show: |config| show_path(&config.dir),
    lines: |config, _| vec![Line::forced(repr(show_path(&config.dir)))],
};

/// Relative to the folder so far, as `chdir` is. The folder must exist.
fn set_dir(config: &mut Config, args: &[String]) -> Result<(), String> {
    let [path] = args else { return Err(WRONG_NUMBER.to_owned()) };
    let path = config.dir.join(path);
    config.dir = enter(&path).map_err(|error| system_text(&error))?;
    Ok(())
}

/// The absolute form of a folder that can be listed.
fn enter(path: &Path) -> std::io::Result<PathBuf> {
    let folder = std::fs::metadata(path)?;
    if !folder.is_dir() {
        return Err(std::io::ErrorKind::NotADirectory.into());
    }
    // Windows' canonical form (`\\?\C:\…`) is not what people or Redis' files use.
    if cfg!(windows) { std::path::absolute(path) } else { path.canonicalize() }
}

fn show_path(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}

/// A system error in C's words, without Rust's number behind it.
pub(in crate::node) fn system_text(error: &std::io::Error) -> String {
    let text = match error.kind() {
        std::io::ErrorKind::NotADirectory => "Not a directory".to_owned(),
        _ => error.to_string(),
    };
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

pub(super) const SAVE: Special =
    Special { several: true, set: set_save, show: |config| join_save(&config.save), lines: save_lines };

fn set_save(config: &mut Config, args: &[String]) -> Result<(), String> {
    let args = if matches!(args, [only] if only.is_empty()) { &[] } else { args };
    if !args.len().is_multiple_of(2) {
        return Err("Invalid save parameters".to_owned());
    }
    let mut points = Vec::with_capacity(args.len() / 2);
    for pair in args.chunks_exact(2) {
        let (seconds, changes) = (c_integer(&pair[0]), c_integer(&pair[1]));
        let (Some(seconds @ 1..), Some(changes @ 0..)) = (seconds, changes) else {
            return Err("Invalid save parameters".to_owned());
        };
        points.push((seconds as u64, changes as u64));
    }
    config.save = points;
    Ok(())
}

fn join_save(points: &[(u64, u64)]) -> String {
    let points: Vec<String> = points.iter().map(|(after, changes)| format!("{after} {changes}")).collect();
    points.join(" ")
}

fn save_lines(config: &Config, _: &Config) -> Vec<Line> {
    if config.save.is_empty() {
        return vec![Line::forced(repr(""))];
    }
    config.save.iter().map(|(after, changes)| Line::forced(format!("{after} {changes}"))).collect()
}

pub(super) const OUTPUT_LIMITS: Special =
    Special { several: true, set: set_output_limits, show: show_output_limits, lines: output_limit_lines };

fn set_output_limits(config: &mut Config, args: &[String]) -> Result<(), String> {
    if !args.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".to_owned());
    }
    let mut limits = config.client_output_buffer_limit;
    for group in args.chunks_exact(4) {
        let class = group[0].to_ascii_lowercase();
        let Some(limit) = output_class(&mut limits, &class) else {
            return Err("Invalid client class specified in buffer limit configuration.".to_owned());
        };
        let (hard, soft, seconds) = (parse_memory(&group[1]), parse_memory(&group[2]), c_integer(&group[3]));
        let (Some(hard), Some(soft), Some(seconds @ 0..)) = (hard, soft, seconds) else {
            return Err(
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.".to_owned()
            );
        };
        let soft_for = Duration::from_secs(seconds as u64);
        *limit = OutputLimit { hard: hard as u64, soft: soft as u64, soft_for };
    }
    config.client_output_buffer_limit = limits;
    Ok(())
}

fn output_class<'l>(limits: &'l mut OutputLimits, class: &str) -> Option<&'l mut OutputLimit> {
    match class {
        "normal" => Some(&mut limits.normal),
        "slave" | "replica" => Some(&mut limits.replica),
        "pubsub" => Some(&mut limits.pubsub),
        _ => None,
    }
}

fn by_class(limits: &OutputLimits) -> [(&'static str, OutputLimit); 3] {
    [("normal", limits.normal), ("slave", limits.replica), ("pubsub", limits.pubsub)]
}

fn show_output_limits(config: &Config) -> String {
    let groups = by_class(&config.client_output_buffer_limit)
        .map(|(class, limit)| format!("{class} {} {} {}", limit.hard, limit.soft, limit.soft_for.as_secs()));
    groups.join(" ")
}

/// One line per class, so that a file keeps the line of each.
fn output_limit_lines(config: &Config, defaults: &Config) -> Vec<Line> {
    let defaults = by_class(&defaults.client_output_buffer_limit);
    let limits = by_class(&config.client_output_buffer_limit).into_iter().zip(defaults);
    let line = |((class, limit), default): ((&str, OutputLimit), _)| {
        let shown = if class == "slave" { "replica" } else { class };
        let (hard, soft) = (show_memory(limit.hard.into()), show_memory(limit.soft.into()));
        Line {
            value: format!("{shown} {hard} {soft} {}", limit.soft_for.as_secs()),
            forced: (class, limit) != default,
        }
    };
    limits.map(line).collect()
}

pub(super) const OOM_VALUES: Special = Special {
    several: true,
    set: set_oom_values,
    show: |config| config.text(OOM_NAME).to_owned(),
    lines: |config, defaults| plain(config.text(OOM_NAME), defaults.text(OOM_NAME)),
};

fn set_oom_values(config: &mut Config, args: &[String]) -> Result<(), String> {
    if args.len() != 3 {
        return Err(WRONG_NUMBER.to_owned());
    }
    let mut scores = Vec::new();
    for arg in args {
        let Some(score @ -2000..=2000) = c_integer(arg) else {
            return Err("Invalid oom-score-adj-values, elements must be between -2000 and 2000.".to_owned());
        };
        scores.push(score.to_string());
    }
    config.kept.insert(OOM_NAME, Value::Text(Some(scores.join(" "))));
    Ok(())
}

/// One line of text that stands as it is, forced if it is not the default.
fn plain(value: &str, default: &str) -> Vec<Line> {
    vec![Line { value: value.to_owned(), forced: value != default }]
}

pub(super) const KEYSPACE_EVENTS: Special = Special {
    several: false,
    set: set_keyspace_events,
    show: |config| config.notify_keyspace_events.letters(),
    lines: |config, _| {
        let letters = config.notify_keyspace_events.letters();
        vec![Line { value: repr(&letters), forced: !letters.is_empty() }]
    },
};

fn set_keyspace_events(config: &mut Config, args: &[String]) -> Result<(), String> {
    let [letters] = args else { return Err(WRONG_NUMBER.to_owned()) };
    let classes = KeyspaceEvents::parse(letters);
    config.notify_keyspace_events = classes.ok_or("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")?;
    Ok(())
}

pub(super) const BIND: Special =
    Special { several: true, set: set_bind, show: |config| config.bind.join(" "), lines: bind_lines };

fn set_bind(config: &mut Config, args: &[String]) -> Result<(), String> {
    if args.len() > BIND_MAX {
        return Err("Too many bind addresses specified.".to_owned());
    }
    let none = matches!(args, [only] if only.is_empty());
    config.bind = if none { Vec::new() } else { args.to_vec() };
    Ok(())
}

/// The default is written as no line at all, as it cannot be told from a choice.
fn bind_lines(config: &Config, defaults: &Config) -> Vec<Line> {
    if config.bind == defaults.bind {
        return Vec::new();
    }
    let addresses: Vec<String> = config.bind.iter().map(|address| repr_if_needed(address)).collect();
    vec![Line::forced(if addresses.is_empty() { repr("") } else { addresses.join(" ") })]
}

pub(super) const REPLICAOF: Special =
    Special { several: true, set: set_replicaof, show: show_replicaof, lines: replicaof_lines };

fn set_replicaof(config: &mut Config, args: &[String]) -> Result<(), String> {
    let [host, port] = args else { return Err(WRONG_NUMBER.to_owned()) };
    if host.eq_ignore_ascii_case("no") && port.eq_ignore_ascii_case("one") {
        config.replicaof = None;
        return Ok(());
    }
    let port = c_integer(port).and_then(|port| u16::try_from(port).ok()).ok_or("Invalid master port")?;
    config.replicaof = Some((host.clone(), port));
    Ok(())
}

fn show_replicaof(config: &Config) -> String {
    config.replicaof.as_ref().map_or_else(String::new, |(host, port)| format!("{host} {port}"))
}

/// A master's file must not name a master: the next start would demote it.
fn replicaof_lines(config: &Config, _: &Config) -> Vec<Line> {
    let line = |(host, port): &(String, u16)| Line::forced(format!("{} {port}", repr_if_needed(host)));
    config.replicaof.iter().map(line).collect()
}

pub(super) const PERCENTILES: Special = Special {
    several: true,
    set: set_percentiles,
    show: join_percentiles,
    lines: |config, _| {
        let percentiles = join_percentiles(config);
        vec![Line::forced(if percentiles.is_empty() { repr("") } else { percentiles })]
    },
};

fn set_percentiles(config: &mut Config, args: &[String]) -> Result<(), String> {
    let args = if matches!(args, [only] if only.is_empty()) { &[] } else { args };
    let mut percentiles = Vec::with_capacity(args.len());
    for arg in args {
        let number = arg.parse::<f64>().ok().filter(|number| !number.is_nan());
        let percentile = number.ok_or("Invalid latency-tracking-info-percentiles parameters")?;
        if !(0.0..=100.0).contains(&percentile) {
            return Err(
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]".to_owned()
            );
        }
        percentiles.push(percentile);
    }
    config.latency_tracking_info_percentiles = percentiles;
    Ok(())
}

fn join_percentiles(config: &Config) -> String {
    let show = |number: &f64| format!("{number:.6}").trim_end_matches('0').trim_end_matches('.').to_owned();
    let shown: Vec<String> = config.latency_tracking_info_percentiles.iter().map(show).collect();
    shown.join(" ")
}

fn is_file_name(text: &str) -> bool {
    !text.contains(['/', '\\'])
}

pub(super) fn check_dbfilename(text: &str) -> Result<(), &'static str> {
    if is_file_name(text) {
        names::check(text, names::fault)
    } else {
        Err("dbfilename can't be a path, just a filename")
    }
}

pub(super) fn check_aof_name(text: &str) -> Result<(), &'static str> {
    match text {
        "" => Err("appendfilename can't be empty"),
        _ if !is_file_name(text) => Err("appendfilename can't be a path, just a filename"),
        _ => names::check(text, names::fault),
    }
}

pub(super) fn check_aof_dir(text: &str) -> Result<(), &'static str> {
    match text {
        "" => Err("appenddirname can't be empty"),
        _ if !is_file_name(text) => Err("appenddirname can't be a path, just a dirname"),
        _ => names::check(text, names::fault),
    }
}

/// A path of a file that need not exist yet.
pub(super) fn check_path(text: &str) -> Result<(), &'static str> {
    names::check(text, names::fault_in_path)
}

pub(super) fn check_hostname(text: &str) -> Result<(), &'static str> {
    if text.len() >= 256 {
        return Err("Hostnames must be less than 256 characters");
    }
    if text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.')) {
        return Ok(());
    }
    Err("Hostnames may only contain alphanumeric characters, hyphens or dots")
}

/// Variables of `proc-title-template`, and whether they always stand for some text.
const TITLE_VARIABLES: [(&str, bool); 7] = [
    ("title", false),
    ("listen-addr", true),
    ("server-mode", false),
    ("port", true),
    ("tls-port", true),
    ("unixsocket", false),
    ("config-file", true),
];

/// A template must be well-formed, and stand for more than blanks.
pub(super) fn check_title(text: &str) -> Result<(), &'static str> {
    const WRONG: &str = "template format is invalid or contains unknown variables";
    let says_something = |literal: &str| !literal.trim_matches(' ').is_empty();
    let (mut rest, mut filled) = (text, false);
    while let Some((literal, after)) = rest.split_once('{') {
        filled |= says_something(literal);
        if let Some(quoted) = after.strip_prefix('{') {
            (rest, filled) = (quoted, true);
            continue;
        }
        let (name, tail) = after.split_once('}').ok_or(WRONG)?;
        let (_, fills) = TITLE_VARIABLES.iter().find(|(known, _)| *known == name).ok_or(WRONG)?;
        (rest, filled) = (tail, filled | fills);
    }
    if filled || says_something(rest) { Ok(()) } else { Err(WRONG) }
}
