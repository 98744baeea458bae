//! What is made of the files of an append-only file at a start, and what is said of it: in each case the same as by
//! the real server, where that is installed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::aof::refusal;
use super::support::client::command;
use super::support::server::{Kind, free_port};
use super::support::{Server, missing};

const INCR_1: &str = "file appendonly.aof.1.incr.aof seq 1 type i\n";
const INCR_2: &str = "file appendonly.aof.2.incr.aof seq 2 type i\n";
const BASE_RDB: &str = "file appendonly.aof.1.base.rdb seq 1 type b\n";
const BASE_AOF: &str = "file appendonly.aof.1.base.aof seq 1 type b\n";
const OLD: &str = "file appendonly.aof seq 1 type b\n";

/// A data set of one key that says of itself that it is what a file begins with.
fn rdb(field: &str) -> Vec<u8> {
    let aux = [&[0xFA, field.len() as u8], field.as_bytes(), b"\x011"].concat();
    [&b"REDIS0010"[..], &aux, b"\x00\x04good\x01v\xFF\0\0\0\0\0\0\0\0"].concat()
}

fn set(key: &str) -> Vec<u8> {
    [command("SELECT 0"), command(&format!("SET {key} v"))].concat()
}

/// Files as `A.1.incr.aof` in the folder, `old` beside it, and the manifest `M`.
type Files<'a> = &'a [(&'a str, Vec<u8>)];

fn write(dir: &Path, files: Files<'_>) {
    let folder = dir.join("appendonlydir");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).unwrap();
    for (name, bytes) in files {
        let path = match *name {
            "old" => dir.join("appendonly.aof"),
            "M" => folder.join("appendonly.aof.manifest"),
            name => folder.join(name.replacen('A', "appendonly.aof", 1)),
        };
        fs::write(path, bytes).unwrap();
    }
}

/// Without times, which differ.
fn without_times(line: &str) -> String {
    line.rsplit_once(": ")
        .filter(|(_, time)| time.ends_with(" seconds"))
        .map_or(line, |(text, _)| text)
        .to_owned()
}

/// Lines about the append-only file in what a server told, from its last start on.
fn lines(journal: &str) -> Vec<String> {
    let texts = journal.lines().filter_map(|line| line.split_once("Notice: ").or(line.split_once(" * ")));
    let texts = texts.map(|(_, text)| without_times(text));
    texts
        .filter(|text| ["AOF", "DB loaded from", "history file"].iter().any(|word| text.contains(word)))
        .collect()
}

/// Number of keys, manifest and lines after a start with these files.
fn start(kind: Kind, files: Files<'_>) -> (String, String, Vec<String>) {
    let mut server = Server::start(kind, &["appendonly no"]);
    server.kill();
    write(server.dir(), files);
    let before = lines(&server.journal()).len();
    server.restart(&[("appendonly", "yes")]);
    let keys = server.ask("DBSIZE");
    // It goes on where the file ends.
    assert_eq!(server.ask("SET more v"), "OK");
    server.kill();
    let told = lines(&server.journal())[before..].to_vec();
    let manifest = fs::read_to_string(server.dir().join("appendonlydir/appendonly.aof.manifest")).unwrap();
    server.restart(&[]);
    assert_eq!(
        (server.ask("EXISTS more"), server.ask("DBSIZE")),
        ("1".into(), (keys.parse::<u64>().unwrap() + 1).to_string())
    );
    (keys, manifest, told)
}

#[test]
fn the_files_that_are_there_are_gone_on_with() {
    let base_read = "Reading RDB base file on AOF loading...";
    let (base_line, whole) =
        ("DB loaded from base file appendonly.aof.1.base.rdb", "DB loaded from append only file");
    let (is_base, opened) =
        ("RDB is base AOF", "Opening AOF incr file appendonly.aof.1.incr.aof on server start");
    let created = "Creating AOF incr file appendonly.aof.1.incr.aof on server start";
    let incr = "DB loaded from incr file appendonly.aof.1.incr.aof";
    let migrated = "Successfully migrated an old-style AOF file (appendonly.aof) into the AOF directory (appendonlydir).";
    let old = "DB loaded from base file appendonly.aof";
    let cases: [(&str, Files<'_>, &str, String, &[&str]); 11] = [
        (
            "nothing",
            &[],
            "0",
            format!("{BASE_RDB}{INCR_1}"),
            &["Creating AOF base file appendonly.aof.1.base.rdb on server start", created],
        ),
        (
            "an increment",
            &[("A.1.incr.aof", set("a")), ("M", INCR_1.into())],
            "1",
            INCR_1.into(),
            &[incr, whole, opened],
        ),
        (
            "two increments",
            &[
                ("A.1.incr.aof", set("a")),
                ("A.2.incr.aof", set("b")),
                ("M", [INCR_1, INCR_2].concat().into()),
            ],
            "2",
            format!("{INCR_1}{INCR_2}"),
            &[
                incr,
                "DB loaded from incr file appendonly.aof.2.incr.aof",
                whole,
                "Opening AOF incr file appendonly.aof.2.incr.aof on server start",
            ],
        ),
        (
            "a base",
            &[("A.1.base.rdb", rdb("aof-base")), ("M", BASE_RDB.into())],
            "1",
            format!("{BASE_RDB}{INCR_1}"),
            &[base_read, is_base, base_line, whole, created],
        ),
        (
            "a base and an increment that is empty",
            &[
                ("A.1.base.rdb", rdb("aof-base")),
                ("A.1.incr.aof", vec![]),
                ("M", [BASE_RDB, INCR_1].concat().into()),
            ],
            "1",
            format!("{BASE_RDB}{INCR_1}"),
            &[base_read, is_base, base_line, whole, opened],
        ),
        (
            "an empty base",
            &[
                ("A.1.base.aof", vec![]),
                ("A.1.incr.aof", set("a")),
                ("M", [BASE_AOF, INCR_1].concat().into()),
            ],
            "1",
            format!("{BASE_AOF}{INCR_1}"),
            &[incr, whole, opened],
        ),
        (
            "history",
            &[
                ("A.1.incr.aof", set("a")),
                ("A.0.incr.aof", set("b")),
                ("M", ["file appendonly.aof.0.incr.aof seq 9 type h\n", INCR_1].concat().into()),
            ],
            "1",
            INCR_1.into(),
            &[incr, whole, opened, "Removing the history file appendonly.aof.0.incr.aof in the background"],
        ),
        (
            "an old file",
            &[("old", set("a"))],
            "1",
            format!("{OLD}{INCR_1}"),
            &[migrated, old, whole, created],
        ),
        (
            "an old file with a data set",
            &[("old", [rdb("aof-preamble"), set("a")].concat())],
            "2",
            format!("{OLD}{INCR_1}"),
            &[
                migrated,
                "Reading RDB preamble from AOF file...",
                "RDB has an AOF tail",
                "Reading the remaining AOF tail...",
                old,
                whole,
                created,
            ],
        ),
        (
            "a taking over that was interrupted",
            &[("old", set("a")), ("M", OLD.into())],
            "1",
            format!("{OLD}{INCR_1}"),
            &[migrated, old, whole, created],
        ),
        (
            "a taking over that was done",
            &[("old", set("other")), ("A", set("a")), ("M", OLD.into())],
            "1",
            format!("{OLD}{INCR_1}"),
            &[old, whole, created],
        ),
    ];
    for (what, files, keys, manifest, told) in cases {
        let expected = (keys.to_owned(), manifest, told.iter().map(|line| (*line).to_owned()).collect());
        assert_eq!(start(Kind::Node, files), expected, "{what}");
        if !missing("redis-server") {
            assert_eq!(start(Kind::Redis, files), expected, "{what}, redis-server");
        }
    }
}

/// The last line of a real server that does not start.
fn last_line_of_redis(dir: &Path, directives: &[(&str, &str)]) -> String {
    let mut server = Command::new("redis-server");
    let port = free_port().to_string();
    server.args([
        "--port",
        &port,
        "--bind",
        "127.0.0.1",
        "--save",
        "",
        "--appendonly",
        "yes",
        "--dir",
        dir.to_str().unwrap(),
    ]);
    server.args(directives.iter().flat_map(|(name, value)| [format!("--{name}"), (*value).to_owned()]));
    let told = server.stdin(Stdio::null()).output().unwrap().stdout;
    let told = String::from_utf8_lossy(&told).into_owned();
    let last = told.lines().rfind(|line| !line.is_empty()).unwrap();
    last.split_once(" # ").unwrap().1.to_owned()
}

#[test]
fn what_is_wrong_is_told_in_the_words_that_others_wait_for() {
    let (truncated, whole) = (("aof-load-truncated", "yes"), ("aof-load-truncated", "no"));
    let unexpected = "Unexpected end of file reading the append only file appendonly.aof.1.incr.aof. You can: 1) Make a \
                      backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively \
                      you can set the 'aof-load-truncated' configuration option to yes and restart the server.";
    let bad = "Bad file format reading the append only file appendonly.aof.1.incr.aof: make a backup of your AOF file, \
               then use ./redis-check-aof --fix <filename.manifest>";
    let torn = || [set("a"), b"*3\r\n$3\r\nSET\r\n".to_vec()].concat();
    let multi = || [set("a"), command("MULTI"), command("SET b v")].concat();
    let no_file =
        |name: &str| format!("Unable to obtain the AOF file {name} length. stat: No such file or directory");
    let incr = |bytes: Vec<u8>| vec![("A.1.incr.aof", bytes), ("M", INCR_1.into())];
    let manifest = |text: &str| vec![("A.1.incr.aof", set("a")), ("M", text.into())];
    let two = |first| {
        vec![("A.1.incr.aof", first), ("A.2.incr.aof", set("b")), ("M", [INCR_1, INCR_2].concat().into())]
    };
    let both = |base| {
        vec![("A.1.base.aof", base), ("A.1.incr.aof", set("b")), ("M", [BASE_AOF, INCR_1].concat().into())]
    };
    let cases = [
        (incr(torn()), whole, unexpected.to_owned()),
        (incr(multi()), whole, unexpected.to_owned()),
        (two(torn()), whole, unexpected.to_owned()),
        (two(torn()), truncated, "Fatal error: the truncated file is not the last file".into()),
        (both(multi()), truncated, "Fatal error: the truncated file is not the last file".into()),
        (incr([set("a"), b"!!!".to_vec()].concat()), truncated, bad.into()),
        (incr([set("a"), b"SET b v\r\n".to_vec()].concat()), truncated, bad.into()),
        (incr([set("a"), vec![0; 50]].concat()), truncated, bad.into()),
        (
            incr([set("a"), command("bla x")].concat()),
            truncated,
            "Unknown command 'bla' reading the append only file appendonly.aof.1.incr.aof".into(),
        ),
        (
            incr([set("a"), command("CONFIG nope")].concat()),
            truncated,
            "Unknown command 'CONFIG' reading the append only file appendonly.aof.1.incr.aof".into(),
        ),
        (
            vec![("A.1.incr.aof", set("a")), ("M", [BASE_AOF, INCR_1].concat().into())],
            whole,
            no_file("appendonly.aof.1.base.aof"),
        ),
        (vec![("M", INCR_1.into())], whole, no_file("appendonly.aof.1.incr.aof")),
        (vec![("M", OLD.into())], whole, no_file("appendonly.aof")),
        (manifest(""), whole, "Found an empty AOF manifest".into()),
        (manifest(INCR_1.trim()), whole, "The AOF manifest file contains too long line".into()),
        (manifest(&[INCR_1, "\n"].concat()), whole, "Invalid AOF manifest file format".into()),
        (manifest(&[INCR_1, INCR_1].concat()), whole, "Found a non-monotonic sequence number".into()),
        (manifest("file ../x seq 1 type i\n"), whole, "File can't be a path, just a filename".into()),
    ];
    let dir = tempfile::tempdir().unwrap();
    for (files, directive, line) in cases {
        write(dir.path(), &files);
        let text = refusal(dir.path(), &[directive]);
        let shown =
            if text.starts_with("***") { text.lines().next_back().unwrap_or_default() } else { &text };
        assert!(shown.starts_with(&line), "{text}\ninstead of {line}");
        for (name, bytes) in files.iter().filter(|(name, _)| *name != "M") {
            let now =
                fs::read(dir.path().join("appendonlydir").join(name.replacen('A', "appendonly.aof", 1)));
            assert_eq!(now.unwrap(), *bytes, "{line}: the file is as it was");
        }
        if !missing("redis-server") {
            assert_eq!(last_line_of_redis(dir.path(), &[directive]), line, "redis-server");
        }
    }
}

#[test]
fn an_end_that_is_torn_is_told_in_the_same_words_and_cut() {
    let multi = [set("a"), command("MULTI"), command("SET b v")].concat();
    let torn = [set("a"), b"*3\r\n$3\r\nSET\r\n".to_vec()].concat();
    for (bytes, is_open) in [(multi, true), (torn, false)] {
        let mut server = Server::node(&["appendonly no"]);
        server.kill();
        write(server.dir(), &[("A.1.incr.aof", bytes), ("M", INCR_1.into())]);
        server.restart(&[("appendonly", "yes")]);
        assert_eq!(server.ask("DBSIZE"), "1");
        let told = server.journal();
        for line in [
            "!!! Warning: short read while loading the AOF file appendonly.aof.1.incr.aof!!!",
            &format!("!!! Truncating the AOF appendonly.aof.1.incr.aof at offset {} !!!", set("a").len()),
            "AOF appendonly.aof.1.incr.aof loaded anyway because aof-load-truncated is enabled",
        ] {
            assert!(told.contains(line), "{line}\n{told}");
        }
        let reverted = "Revert incomplete MULTI/EXEC transaction in AOF file appendonly.aof.1.incr.aof";
        assert_eq!(told.contains(reverted), is_open, "{told}");
    }
}

#[test]
fn a_transaction_in_a_transaction_loses_no_command() {
    let dir = tempfile::tempdir().unwrap();
    let nested = ["MULTI", "MULTI", "SET b v", "EXEC"].map(command).concat();
    write(dir.path(), &[("A.1.incr.aof", nested), ("M", INCR_1.into())]);
    let text = refusal(dir.path(), &[]);
    assert!(text.ends_with("cannot be executed: MULTI calls can not be nested"), "{text}");
}
