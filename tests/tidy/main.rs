//! What the whole source tree promises: layers know only those to their left, files can be read in one sitting.
#![allow(clippy::unwrap_used, missing_docs)]

mod circles;
mod node;

use std::fs;
use std::path::{Path, PathBuf};

/// Left to right: each may use those before it, and itself.
const LAYERS: [&str; 8] =
    ["protocol", "store", "commands", "persistence", "replication", "node", "lab", "app"];

/// Uses of a layer to the right that are allowed for now, as `file: path`. Kept empty.
const EXCEPTIONS: [&str; 0] = [];

/// A longer file says why in a comment that starts with this.
const REASON: &str = "// Long because ";
const LINES_MAX: usize = 500;

fn rust_files(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Every file of our own, with its path from the root of the project and its text.
fn files() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["src", "platform/src", "tests", "benches"] {
        if root.join(folder).is_dir() {
            rust_files(&root.join(folder), &mut found);
        }
    }
    found.sort();
    let name = |path: &Path| path.strip_prefix(root).unwrap().to_string_lossy().replace('\\', "/");
    let files: Vec<_> = found.iter().map(|path| (name(path), fs::read_to_string(path).unwrap())).collect();
    assert!(files.len() > 100, "the tree is not where this test looks for it");
    files
}

#[track_caller]
fn assert_none(wrong: &[String], rule: &str) {
    assert!(wrong.is_empty(), "{rule}:\n{}", wrong.join("\n"));
}

/// The layers that a line of code names: `crate::node::…`, `crate::{node, …}`, `repliscope::node`.
fn named_layers(code: &str) -> Vec<&'static str> {
    let mut named = Vec::new();
    for at in code.match_indices("crate::").map(|(at, word)| at + word.len()) {
        let rest = &code[at..];
        let words = match rest.strip_prefix('{') {
            // The first word of each member of the list.
            Some(list) => {
                let mut depth = 0;
                let mut members = vec![String::new()];
                for byte in list.chars() {
                    match byte {
                        '{' => depth += 1,
                        '}' if depth == 0 => break,
                        '}' => depth -= 1,
                        ',' if depth == 0 => members.push(String::new()),
                        _ if depth == 0 => members.last_mut().unwrap().push(byte),
                        _ => {}
                    }
                }
                members
            }
            None => vec![rest.to_owned()],
        };
        for word in words {
            let word: String =
                word.trim_start().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            named.extend(LAYERS.iter().find(|layer| **layer == word));
        }
    }
    named
}

#[test]
fn each_layer_names_only_those_to_its_left() {
    let mut wrong = Vec::new();
    for (name, text) in files() {
        let Some(layer) = name.strip_prefix("src/").and_then(|rest| rest.split('/').next()) else { continue };
        let Some(own) = LAYERS.iter().position(|known| *known == layer) else { continue };
        let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
        for named in named_layers(&code.join(" ")) {
            let right = LAYERS.iter().position(|known| *known == named).unwrap() > own;
            let line = format!("{name}: crate::{named}");
            if right && !EXCEPTIONS.contains(&line.as_str()) && !wrong.contains(&line) {
                wrong.push(line);
            }
        }
    }
    assert_none(&wrong, "a layer names one to its right");
}

#[test]
fn the_layer_rule_sees_every_form_of_use() {
    assert_eq!(named_layers("use crate::node::Config; let x = crate::lab::start();"), ["node", "lab"]);
    assert_eq!(named_layers("use crate::{store::{Store, node}, app};"), ["store", "app"]);
    assert_eq!(named_layers("use crate::nodes::X; use super::node;"), [""; 0]);
}

#[test]
fn the_engine_knows_no_window_and_the_window_no_sockets() {
    let mut wrong = Vec::new();
    for (name, text) in files().iter().filter(|(name, _)| name.starts_with("src/")) {
        let in_app = name.starts_with("src/app/");
        let foreign: &[&str] =
            if in_app { &["tokio::", "std::net::", "socket2::"] } else { &["egui::", "eframe::", "egui_"] };
        // The window is started from main.
        if name == "src/main.rs" {
            continue;
        }
        for line in text.lines().filter(|line| !line.trim_start().starts_with("//")) {
            wrong.extend(
                foreign.iter().filter(|word| line.contains(**word)).map(|word| format!("{name}: {word}")),
            );
        }
    }
    assert_none(&wrong, "a crate that this layer must not know");
}

#[test]
fn a_file_is_read_in_one_sitting_or_says_why_not() {
    let long = |(name, text): (String, String)| {
        let lines = text.lines().count();
        let excused = text.lines().any(|line| line.trim_start().starts_with(REASON));
        (lines > LINES_MAX && !excused).then(|| format!("{name}: {lines} lines"))
    };
    let wrong: Vec<String> = files().into_iter().filter_map(long).collect();
    assert_none(&wrong, &format!("more than {LINES_MAX} lines and no line that starts with '{REASON}'"));
}

#[test]
fn nothing_is_unsafe_but_the_calls_of_the_windows_api_and_one_of_the_allocator() {
    /// Where it is allowed, and only with a reason at each place.
    const ALLOWED: [&str; 2] = ["platform/src/windows/", "platform/src/allocator.rs"];
    let word = concat!("un", "safe");
    let manifest = |path: &str| fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    assert!(manifest("Cargo.toml").contains(&format!("{word}_code = \"forbid\"")), "the lint is off");
    let platform = manifest("platform/Cargo.toml");
    assert!(platform.contains(&format!("{word}_code = \"deny\"")), "the lint is off");
    assert!(platform.contains(&format!("undocumented_{word}_blocks = \"deny\"")), "the lint is off");
    let uses = |text: &str| {
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        code.into_iter().any(|line| line.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == word))
    };
    let wrong: Vec<String> =
        files().into_iter().filter(|(_, text)| uses(text)).map(|(name, _)| name).collect();
    let is_allowed = |name: &String| ALLOWED.iter().any(|place| name.starts_with(place));
    let (allowed, wrong): (Vec<_>, Vec<_>) = wrong.into_iter().partition(is_allowed);
    assert_none(&wrong, "uses the forbidden word");
    assert!(!allowed.is_empty(), "what may use it is not where this test looks for it");
}

#[test]
fn every_module_says_what_it_owns() {
    let silent = |text: &str| !text.trim_start().starts_with("//!");
    let wrong: Vec<String> = files()
        .into_iter()
        .filter(|(name, text)| {
            let is_test = name.contains("/tests/") || name.ends_with("tests.rs");
            (name.starts_with("src/") || name.starts_with("platform/src/")) && !is_test && silent(text)
                || name.ends_with("/mod.rs") && silent(text)
        })
        .map(|(name, _)| name)
        .collect();
    assert_none(&wrong, "does not start with //!");
}

#[test]
fn a_table_of_files_names_every_file() {
    let names = |rows: &str| -> Vec<String> {
        rows.split('`').skip(1).step_by(2).map(|name| name.trim_end_matches(".rs").to_owned()).collect()
    };
    let (mut wrong, mut tables) = (Vec::new(), 0);
    for (name, text) in files().iter().filter(|(name, _)| name.ends_with("/mod.rs")) {
        let rows: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("//! |")).collect();
        if !rows.first().is_some_and(|head| head.starts_with(" file ")) {
            continue;
        }
        tables += 1;
        let first_cells: Vec<&str> = rows.iter().filter_map(|row| row.split('|').next()).collect();
        let listed = names(&first_cells.join(" "));
        let declared: Vec<&str> = text.lines().filter_map(declared_module).collect();
        wrong.extend(
            declared
                .iter()
                .filter(|module| !listed.iter().any(|row| row == *module))
                .map(|module| format!("{name}: {module} has no row")),
        );
        wrong.extend(
            listed
                .iter()
                .filter(|row| !declared.contains(&row.as_str()))
                .map(|row| format!("{name}: {row} is no file")),
        );
        wrong.extend((!declared.is_sorted()).then(|| format!("{name}: the list of files is not sorted")));
    }
    assert_none(&wrong, "the table of a module and its files differ");
    assert!(tables >= 4, "the tables are not where this test looks for them");
}

/// The name in a line that declares a module, if it holds no tests.
fn declared_module(line: &str) -> Option<&str> {
    let (visibility, rest) = line.split_once("mod ")?;
    let module = rest.strip_suffix(';')?;
    let is_declaration = visibility.is_empty() || visibility.starts_with("pub");
    (is_declaration && !module.ends_with("tests")).then_some(module)
}

/// Fields of `Config` that nobody reads yet, and parameters kept by name. Kept empty, but for work under way.
const UNREAD: [&str; 0] = [];

#[test]
fn a_parameter_acts_or_the_table_says_that_it_does_not() {
    let files = files();
    let text_of = |name: &str| &files.iter().find(|(known, _)| known == name).unwrap().1;
    let readers: Vec<&str> = files
        .iter()
        .filter(|(name, _)| name.starts_with("src/") && !name.contains("/tests"))
        .filter(|(name, _)| !name.starts_with("src/node/config/") || name.ends_with("/get_set.rs"))
        .map(|(_, text)| text.as_str())
        .collect();
    let reads_field = |field: &str| {
        let is_whole = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '(');
        let uses = |text: &str| text.split(&format!(".{field}")).skip(1).any(is_whole);
        readers.iter().any(|text| uses(text))
    };
    let asks_by_name = |name: &str| {
        let asked =
            ["is_on", "integer", "text", "value_of"].map(|question| format!(".{question}(\"{name}\")"));
        readers.iter().any(|text| asked.iter().any(|asked| text.contains(asked)))
    };
    let mut wrong = Vec::new();

    let config = text_of("src/node/config/mod.rs").split("struct Config {").nth(1).unwrap();
    let fields = config.lines().map_while(|line| (line != "}").then_some(line));
    let fields = fields.filter_map(|line| line.trim_start().strip_prefix("pub ")?.split(':').next());
    for field in fields.filter(|field| !UNREAD.contains(field)) {
        wrong.extend((!reads_field(field)).then(|| format!("{field}: a field that nobody reads")));
    }

    let is_parameter = |line: &&str| {
        line.contains('"')
            && ["KEPT", "field!(", "special::", "shutdown_flags("].iter().any(|home| line.contains(home))
    };
    let table = text_of("src/node/config/table.rs").split("static TABLE").nth(1).unwrap();
    let mut parameters = 0;
    for line in table.lines().filter(is_parameter) {
        parameters += 1;
        let name = line.split('"').nth(1).unwrap();
        let says_not = [".idle(", ".moot(", ".refused("].iter().filter(|word| line.contains(*word)).count();
        let acts = match line {
            _ if line.contains("field!(") => true,
            _ if line.contains("KEPT") || line.contains("shutdown_flags(") => asks_by_name(name),
            // It has a field, or is kept where its own functions put it: then the table says so.
            _ => says_not == 0,
        };
        match (acts, says_not) {
            (true, 0) | (false, 1) => {}
            (true, _) => wrong.push(format!("{name}: has a reader, and the table says that it does nothing")),
            (false, _) => wrong.push(format!("{name}: nobody reads it, and the table does not say so")),
        }
    }
    assert_none(&wrong, "parameters that do not do what is said of them");
    assert!(parameters > 170, "the table is not where this test looks for it: {parameters}");
}
