//! redis.conf: reading it, its included files and the directives that override it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::param::{Effect, Param};
use super::special::system_text;
use super::table::{self, TABLE};
use super::users::{NO_USERS, UserLine};
use super::{Config, ConfigError, ConfigErrors};
use crate::persistence::open;
use crate::protocol::split_inline;

/// Largest configuration file.
pub(in crate::node) const FILE_BYTES_MAX: u64 = 16 << 20;
/// Deepest nesting of `include`.
const INCLUDE_DEPTH_MAX: usize = 16;
/// Most mistakes that are collected: a wrong file need not be listed whole.
const ERRORS_MAX: usize = 100;
/// Directives of a file that are no parameters.
pub(super) const DIRECTIVES: [&str; 5] = ["include", "rename-command", "user", "loadmodule", "sentinel"];
/// Directives of old versions that are read and ignored.
const RETIRED: [&str; 3] = ["list-max-ziplist-entries", "list-max-ziplist-value", "lua-replicate-commands"];

impl Config {
    /// Reads `file`, then `overrides` as (directive, value as a file would have it: see [`repr`](crate::protocol::repr)).
    ///
    /// Relative paths (`dir`, `include`, `logfile`) start at the process' folder and then at `dir`, as in Redis.
    ///
    /// # Errors
    /// Every mistake of the files and the overrides.
    pub fn load(file: Option<&Path>, overrides: &[(String, String)]) -> Result<Self, ConfigErrors> {
        Self::load_with_text(file, b"", overrides)
    }

    /// As [`Config::load`], with a `text` in the form of a file between the two: what came over standard input.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load_with_text(
        file: Option<&Path>,
        text: &[u8],
        overrides: &[(String, String)],
    ) -> Result<Self, ConfigErrors> {
        let config = Self::default();
        let mut loader = Loader {
            config,
            errors: Vec::new(),
            save_seen: false,
            refusable: BTreeMap::new(),
            users: Vec::new(),
        };
        let lines = |text: &[u8]| memchr::memchr_iter(b'\n', text).count();
        let mut before = 0;
        if let Some(path) = file
            && let Some(text) = loader.read(path)
        {
            before += lines(&text);
            loader.text(&text, Origin { file, line: 0 }, 0);
        }
        loader.text(text, Origin { file: None, line: before }, 0);
        // Redis puts the options behind these texts, one empty line between: so it counts their lines.
        for (line, (name, value)) in (before + lines(text) + 2..).zip(overrides) {
            let origin = Origin { file: None, line };
            loader.line(format!("{name} {value}").as_bytes(), origin, 0);
        }
        loader.check_whole();
        if loader.errors.is_empty() {
            return Ok(loader.config);
        }
        Err(ConfigErrors { errors: loader.errors, file: file.map(Path::to_owned) })
    }
}

/// Where a line stands.
#[derive(Clone, Copy)]
struct Origin<'p> {
    file: Option<&'p Path>,
    line: usize,
}

impl Origin<'_> {
    fn mistake(self, line: &[u8], reason: &str) -> ConfigError {
        let (file, text) = (self.file.map(Path::to_owned), String::from_utf8_lossy(line).into_owned());
        ConfigError { file, line: self.line, text, reason: reason.to_owned(), nearest: None }
    }
}

struct Loader {
    config: Config,
    errors: Vec<ConfigError>,
    /// The first `save` line replaces the default points, later ones add to it.
    save_seen: bool,
    /// The last line of each parameter that may be refused: a later one may take it back.
    refusable: BTreeMap<&'static str, (&'static Param, ConfigError)>,
    /// `user` lines, which may need a password that a later line tells.
    users: Vec<(UserLine, ConfigError)>,
}

impl Loader {
    fn read(&mut self, path: &Path) -> Option<Vec<u8>> {
        let full = self.config.dir.join(path);
        let mut text = Vec::new();
        let outcome = open(&full).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut text));
        let problem = match outcome {
            Ok(_) if text.len() as u64 <= FILE_BYTES_MAX => return Some(text),
            Ok(_) => format!("larger than {FILE_BYTES_MAX} bytes"),
            Err(error) => system_text(&error),
        };
        let reason = format!("Fatal error, can't open config file '{}': {problem}", path.display());
        self.report(Origin { file: Some(path), line: 0 }, "", reason, None);
        None
    }

    /// The lines of a text; `after` is what stands before the first one.
    fn text(&mut self, text: &[u8], after: Origin<'_>, depth: usize) {
        // Editors on Windows put a byte order mark in front.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            self.line(line, Origin { line: after.line + index + 1, ..after }, depth);
        }
    }

    fn line(&mut self, line: &[u8], origin: Origin<'_>, depth: usize) {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") || self.errors.len() >= ERRORS_MAX {
            return;
        }
        if let Err(reason) = self.directive(line, origin, depth) {
            let nearest = if reason == UNKNOWN { nearest(&first_word(line)) } else { None };
            self.report(origin, &String::from_utf8_lossy(line), reason, nearest);
        }
    }

    fn report(&mut self, at: Origin<'_>, text: &str, reason: String, nearest: Option<&'static str>) {
        let file = at.file.map(Path::to_owned);
        self.errors.push(ConfigError { file, line: at.line, text: text.to_owned(), reason, nearest });
    }

    fn directive(&mut self, line: &[u8], origin: Origin<'_>, depth: usize) -> Result<(), String> {
        if line.contains(&0) {
            return Err("Zero byte in configuration line".to_owned());
        }
        let words = split(line)?;
        let Some((name, args)) = words.split_first() else { return Ok(()) };
        let name = name.to_ascii_lowercase();
        if let Some((param, _)) = table::find(&name) {
            self.parameter(param, args)?;
            if let Effect::Refused(reason, _) = param.effect {
                self.refusable.insert(param.name, (param, origin.mistake(line, reason)));
            }
            return Ok(());
        }
        match (name.as_str(), args) {
            (retired, [_]) if RETIRED.contains(&retired) => Ok(()),
            ("include", [path]) => self.include(path, depth),
            ("rename-command", [from, to]) => {
                self.config.command_names.rename(from, to).map_err(str::to_owned)
            }
            ("user", [name, rules @ ..]) => {
                self.users.push((UserLine::parse(name, rules), origin.mistake(line, NO_USERS)));
                Ok(())
            }
            ("loadmodule", [_, ..]) => Err("Modules are not supported".to_owned()),
            ("sentinel", []) => Err("Sentinel mode is not supported".to_owned()),
            ("sentinel", [_, ..]) => Err("sentinel directive while not in sentinel mode".to_owned()),
            (dotted, []) if dotted.contains('.') => Err("Module config specified without value".to_owned()),
            (dotted, _) if dotted.contains('.') => Err("Modules are not supported".to_owned()),
            _ => Err(UNKNOWN.to_owned()),
        }
    }

    fn parameter(&mut self, param: &Param, args: &[String]) -> Result<(), String> {
        if !param.takes_several() {
            return if args.len() == 1 {
                param.set(&mut self.config, args)
            } else {
                Err("wrong number of arguments".to_owned())
            };
        }
        // One quoted argument may hold them all; an empty one means none.
        let inner = match args {
            [only] if !only.is_empty() => split(only.as_bytes())?,
            _ => args.to_vec(),
        };
        if param.name == "save" { self.save(param, &inner) } else { param.set(&mut self.config, &inner) }
    }

    fn save(&mut self, param: &Param, args: &[String]) -> Result<(), String> {
        let mut points = std::mem::take(&mut self.config.save);
        param.set(&mut self.config, args)?;
        let clears = matches!(args, [only] if only.is_empty());
        if self.save_seen && !clears {
            points.append(&mut self.config.save);
            self.config.save = points;
        }
        self.save_seen = true;
        Ok(())
    }

    fn include(&mut self, pattern: &str, depth: usize) -> Result<(), String> {
        if depth >= INCLUDE_DEPTH_MAX {
            return Err(format!("Files include each other more than {INCLUDE_DEPTH_MAX} levels deep"));
        }
        for path in included_files(&self.config.dir, pattern) {
            if let Some(text) = self.read(&path) {
                self.text(&text, Origin { file: Some(&path), line: 0 }, depth + 1);
            }
        }
        Ok(())
    }

    /// What no single line is to blame for.
    fn check_whole(&mut self) {
        let nowhere = Origin { file: None, line: 0 };
        if !self.config.logfile.is_empty() {
            let path = self.config.dir.join(&self.config.logfile);
            if let Err(error) = File::options().append(true).create(true).open(path) {
                let reason = format!("Can't open the log file: {}", system_text(&error));
                self.report(nowhere, "", reason, None);
            }
        }
        if self.config.is_on("cluster-enabled") && self.config.replicaof.is_some() {
            self.report(nowhere, "", "replicaof directive not allowed in cluster mode".to_owned(), None);
        }
        if self.errors.is_empty() {
            let refusable = std::mem::take(&mut self.refusable).into_values();
            let refused = refusable.filter(|(param, _)| param.show(&self.config) != param.default);
            self.errors.extend(refused.map(|(_, error)| error));
            let password = self.config.requirepass.as_deref();
            let untrue =
                std::mem::take(&mut self.users).into_iter().filter(|(user, _)| !user.holds(password));
            self.errors.extend(untrue.map(|(_, error)| error));
        }
    }
}

/// Redis' text for what is no directive.
const UNKNOWN: &str = "Bad directive or wrong number of arguments";

/// The words of a line, which must be text.
fn split(line: &[u8]) -> Result<Vec<String>, String> {
    let words = split_inline(line).ok_or("Unbalanced quotes in configuration line")?;
    let texts = words.into_iter().map(String::from_utf8);
    texts.collect::<Result<_, _>>().map_err(|_| "Configuration line is not valid UTF-8".to_owned())
}

fn first_word(line: &[u8]) -> String {
    let word = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
    String::from_utf8_lossy(word).to_ascii_lowercase()
}

/// The files of an `include`, in order of name; wildcards are understood in the file's name only.
fn included_files(dir: &Path, pattern: &str) -> Vec<PathBuf> {
    let path = Path::new(pattern);
    let (Some(name), true) =
        (path.file_name().and_then(|name| name.to_str()), pattern.contains(['*', '?', '[']))
    else {
        return vec![path.to_owned()];
    };
    let folder = path.parent().unwrap_or(Path::new(""));
    let Ok(entries) = std::fs::read_dir(dir.join(folder)) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let visible = |found: &String| found.starts_with('.') == name.starts_with('.');
    let matching = names
        .filter(|found| visible(found) && super::get_set::matches_pattern(name.as_bytes(), found.as_bytes()));
    let mut files: Vec<PathBuf> = matching.map(|found| folder.join(found)).collect();
    files.sort();
    files
}

/// The known directive that differs least from `word`, if it differs little.
fn nearest(word: &str) -> Option<&'static str> {
    let names = TABLE.iter().flat_map(|param| [Some(param.name), param.alias]).flatten().chain(DIRECTIVES);
    let tolerated = (word.len() / 3).clamp(1, 3);
    let rated = names.map(|name| (edits(word.as_bytes(), name.as_bytes()), name));
    rated.filter(|(edits, _)| *edits <= tolerated).min_by_key(|(edits, _)| *edits).map(|(_, name)| name)
}

/// Insertions, deletions, replacements and swaps of neighbours from `a` to `b`; far apart counts as many.
fn edits(a: &[u8], b: &[u8]) -> usize {
    if a.len().abs_diff(b.len()) > 3 {
        return usize::MAX;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for i in 0..a.len() {
        let mut next = vec![i + 1];
        for j in 0..b.len() {
            let replace = row[j] + usize::from(a[i] != b[j]);
            let mut best = replace.min(row[j + 1] + 1).min(next[j] + 1);
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                best = best.min(before[j - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[b.len()]
}
