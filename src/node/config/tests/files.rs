//! Reading redis.conf and the command line, without a real server.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::*;
use crate::protocol::repr;

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn load(text: &[u8]) -> Result<Config, ConfigErrors> {
    let folder = folder(&[]);
    let file = folder.path().join("redis.conf");
    fs::write(&file, text).unwrap();
    Config::load(Some(&file), &[])
}

/// (line, reason, nearest) of every mistake.
fn mistakes(text: &[u8]) -> Vec<(usize, String, Option<&'static str>)> {
    let errors = load(text).unwrap_err().errors;
    errors.into_iter().map(|error| (error.line, error.reason, error.nearest)).collect()
}

#[test]
fn all_mistakes_of_a_file_are_told_each_with_its_line() {
    let text = b"# a comment\nprot 22502\nport \"6379\nport 70000\nappendonly maybe\nport\nhz 20\n\
        maxmemory-policy lru\ninclude missing.conf\nmaxmemory 1\0mb\n";
    let policies = "volatile-lru, volatile-lfu, volatile-random, volatile-ttl, allkeys-lru, allkeys-lfu, \
        allkeys-random, noeviction";
    let expected = [
        (2, "Bad directive or wrong number of arguments".to_owned(), Some("port")),
        (3, "Unbalanced quotes in configuration line".to_owned(), None),
        (4, "argument must be between 0 and 65535 inclusive".to_owned(), None),
        (5, "argument must be 'yes' or 'no'".to_owned(), None),
        (6, "wrong number of arguments".to_owned(), None),
        (8, format!("argument(s) must be one of the following: {policies}"), None),
        (0, "Fatal error, can't open config file 'missing.conf': No such file or directory".to_owned(), None),
        (10, "Zero byte in configuration line".to_owned(), None),
    ];
    if cfg!(unix) {
        assert_eq!(mistakes(text), expected);
    }
}

#[test]
fn mistakes_are_printed_in_the_form_of_redis() {
    let errors = load(b"\nprot 22502\nport 70000\n").unwrap_err();
    let expected = "\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\n\
        Reading the configuration file, at line 2\n>>> 'prot 22502'\n\
        Bad directive or wrong number of arguments\nDid you mean 'port'?\n\
        Reading the configuration file, at line 3\n>>> 'port 70000'\n\
        argument must be between 0 and 65535 inclusive\n";
    assert_eq!(errors.to_string(), expected);
}

#[test]
fn a_known_word_is_offered_only_for_a_near_one() {
    let cases = [
        ("prot", Some("port")),
        ("requirepas", Some("requirepass")),
        ("slave-priorty", Some("slave-priority")),
        ("inclued", Some("include")),
        ("client-output-bufer-limits", Some("client-output-buffer-limit")),
        ("x", None),
        ("totally-unknown-word", None),
    ];
    for (word, expected) in cases {
        assert_eq!(mistakes(format!("{word} 1 2 3 4 5\n").as_bytes())[0].2, expected, "{word}");
    }
}

#[test]
fn marks_line_ends_and_blanks_of_any_editor_are_accepted() {
    let config =
        load(b"\xef\xbb\xbf# by Notepad\r\n\r\n \tport\t 7001 \r\nMAXMEMORY 64mb\r\nrequirepass 'a b'")
            .unwrap();
    assert_eq!((config.port, config.maxmemory), (7001, 64 << 20));
    assert_eq!(config.requirepass.as_deref(), Some("a b"));
}

#[test]
fn save_lines_replace_the_default_points_and_add_up() {
    let cases: [(&str, &[(u64, u64)]); 7] = [
        ("hz 10\n", &[(3600, 1), (300, 100), (60, 10_000)]),
        ("save 900 1\nsave 300 10\n", &[(900, 1), (300, 10)]),
        ("save 900 1 300 10\n", &[(900, 1), (300, 10)]),
        ("save \"900 1 300 10\"\n", &[(900, 1), (300, 10)]),
        ("save \"\"\n", &[]),
        ("save 900 1\nsave \"\"\n", &[]),
        ("save \"\"\nsave 900 1\n", &[(900, 1)]),
    ];
    for (text, points) in cases {
        assert_eq!(load(text.as_bytes()).unwrap().save, points, "{text:?}");
    }
}

#[test]
fn files_include_others_in_place_relative_to_dir() {
    let folder = folder(&[
        ("main.conf", "port 1\ninclude a.conf\nhz 30\ninclude *.part\ninclude *.nosuch\n"),
        ("a.conf", "port 2\nhz 20\n"),
        ("2.part", "timeout 2\n"),
        ("1.part", "timeout 1\n"),
        ("wrong.conf", "hz x\n"),
    ]);
    let dir = ("dir".to_owned(), repr(folder.path().to_string_lossy().as_bytes()));
    let load = |name: &str| Config::load(None, &[dir.clone(), ("include".to_owned(), name.to_owned())]);
    let config = load("main.conf").unwrap();
    assert_eq!((config.port, config.hz, config.timeout), (2, 30, Duration::from_secs(2)));
    let errors = load("wrong.conf").unwrap_err();
    assert_eq!(errors.errors[0].file.as_deref(), Some(Path::new("wrong.conf")));
    assert!(
        errors.to_string().contains("Reading the configuration file wrong.conf, at line 1\n"),
        "{errors}"
    );
}

#[test]
fn a_file_that_includes_itself_is_refused() {
    let folder = folder(&[("loop.conf", "include loop.conf\n")]);
    let dir = ("dir".to_owned(), repr(folder.path().to_string_lossy().as_bytes()));
    let errors = Config::load(None, &[dir, ("include".to_owned(), "loop.conf".to_owned())]).unwrap_err();
    assert!(errors.errors[0].reason.contains("16 levels"), "{errors}");
}

#[test]
fn a_file_of_nothing_but_mistakes_is_not_listed_whole() {
    let text = "nosuch 1\n".repeat(100_000);
    assert_eq!(load(text.as_bytes()).unwrap_err().errors.len(), 100);
}

#[test]
fn modules_and_commands_that_do_not_exist_are_refused_rather_than_ignored() {
    for (text, reason) in [
        ("loadmodule x.so\n", "Modules are not supported"),
        ("search.limit 1\n", "Modules are not supported"),
        ("search.limit\n", "Module config specified without value"),
        ("rename-command nosuch x\n", "No such command in rename-command"),
    ] {
        assert_eq!(mistakes(text.as_bytes())[0].1, reason, "{text:?}");
    }
    assert!(load(b"list-max-ziplist-entries 5\nlua-replicate-commands yes\n").is_ok());
}

#[test]
fn the_directives_of_the_suite_of_redis_are_accepted() {
    let text = "always-show-logo yes\nnotify-keyspace-events KEA\ndaemonize no\npidfile /var/run/redis.pid\n\
        port 6379\ntimeout 0\nbind 127.0.0.1\nloglevel verbose\nlogfile ''\ndatabases 16\n\
        latency-monitor-threshold 1\nrepl-diskless-sync-delay 0\nsave 900 1\nrdbcompression yes\n\
        dbfilename dump.rdb\ndir ./\nslave-serve-stale-data yes\nappendonly no\nappendfsync everysec\n\
        no-appendfsync-on-rewrite no\nactiverehashing yes\nenable-protected-configs yes\n\
        enable-debug-command yes\nenable-module-command yes\npropagation-error-behavior panic\n\
        unixsocket /tmp/redis.sock\nkey-load-delay 500\nloading-process-events-interval-bytes 1024\n\
        hash-max-ziplist-value 64\nzset-max-ziplist-entries 128\n";
    let config = load(text.as_bytes()).unwrap();
    assert_eq!(config.loglevel, crate::node::LogLevel::Verbose);
    assert_eq!(config.enable_debug_command, ProtectedAction::Yes);
    assert_eq!(config.propagation_error_behavior, Some(PropagationErrorBehavior::Panic));
    assert_eq!((config.key_load_delay_us, config.logfile.as_str()), (500, ""));
    let mut notes = config.without_effect(None);
    notes.retain(|(level, _)| *level == crate::node::LogLevel::Warning);
    assert_eq!(notes.len(), usize::from(cfg!(not(unix))), "{notes:?}");
}

fn parsed(args: &[&str]) -> (Option<PathBuf>, Vec<(String, String)>) {
    let args: Vec<String> = args.iter().map(ToString::to_string).collect();
    let CommandLine { config_file, reads_stdin, directives } = parse_command_line(&args);
    assert!(!reads_stdin);
    (config_file, directives)
}

#[test]
fn the_command_line_is_split_as_redis_does() {
    type Case<'c> = (&'c [&'c str], Option<&'c str>, &'c [(&'c str, &'c str)]);
    let cases: &[Case<'_>] = &[
        (&[], None, &[]),
        (&["redis.conf"], Some("redis.conf"), &[]),
        (
            &["redis.conf", "--port", "1", "--hz", "2"],
            Some("redis.conf"),
            &[("port", "\"1\""), ("hz", "\"2\"")],
        ),
        (&["--save", ""], None, &[("save", "\"\"")]),
        (&["--save"], None, &[("save", "\"\"")]),
        (&["--save", "--port", "1"], None, &[("save", "\"\""), ("port", "\"1\"")]),
        (&["--save", "900", "1", "300", "10"], None, &[("save", r#""900" "1" "300" "10""#)]),
        (&["--save", "900 1"], None, &[("save", r#""900 1""#)]),
        (&["--replicaof", "host", "1"], None, &[("replicaof", r#""host" "1""#)]),
        (&["--port", "--hz", "1"], None, &[("port", r#""--hz" "1""#)]),
        (&["--port 1", "--hz", "2"], None, &[("port 1", ""), ("hz", "\"2\"")]),
        (&["--requirepass", "--x"], None, &[("requirepass", "\"--x\"")]),
        (&["stray", "thing"], Some("stray"), &[("\"thing\"", "")]),
        (&["--sentinel", "--port", "1"], None, &[("sentinel", ""), ("port", "\"1\"")]),
    ];
    for (args, file, directives) in cases {
        let (found, overrides) = parsed(args);
        assert_eq!(found.as_deref(), file.map(Path::new), "{args:?}");
        let overrides: Vec<_> =
            overrides.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(overrides, *directives, "{args:?}");
    }
}

#[test]
fn the_command_line_overrides_the_file() {
    let folder = folder(&[("redis.conf", "port 1\nhz 20\nsave 900 1\n")]);
    let file = folder.path().join("redis.conf");
    let (_, overrides) = parsed(&[
        "--port",
        "7001",
        "--save",
        "",
        "--replicaof",
        "localhost",
        "7002",
        "--client-output-buffer-limit",
        "replica",
        "0",
        "0",
        "0",
        "--requirepass",
        "a \"b",
    ]);
    let config = Config::load(Some(&file), &overrides).unwrap();
    assert_eq!((config.port, config.hz), (7001, 20));
    assert!(config.save.is_empty());
    assert_eq!(config.replicaof, Some(("localhost".to_owned(), 7002)));
    assert_eq!(config.client_output_buffer_limit.replica, OutputLimit::default());
    assert_eq!(config.requirepass.as_deref(), Some("a \"b"));
}

#[test]
fn dir_is_absolute_and_the_process_stays_where_it_is() {
    let folder = folder(&[]);
    fs::create_dir(folder.path().join("inner")).unwrap();
    let here = std::env::current_dir().unwrap();
    let outer = ("dir".to_owned(), repr(folder.path().to_string_lossy().as_bytes()));
    let config = Config::load(None, &[outer, ("dir".to_owned(), "./inner".to_owned())]).unwrap();
    assert!(config.dir.is_absolute() && config.dir.ends_with("inner"), "{:?}", config.dir);
    assert_eq!(std::env::current_dir().unwrap(), here);
}
