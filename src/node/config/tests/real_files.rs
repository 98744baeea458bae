//! Files and command lines: what a real redis-server 7.0 refuses, and what it reads of ours.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::*;
use super::real::{Real, free_port, get, redis_is_missing, set};

/// What a real server says about a command line that it refuses, time stamps cut.
fn refusal(folder: &Path, args: &[String]) -> String {
    let out =
        Command::new("redis-server").args(args).current_dir(folder).stdin(Stdio::null()).output().unwrap();
    assert!(!out.status.success(), "redis-server accepted {args:?}");
    let logged = String::from_utf8_lossy(&out.stdout).into_owned();
    let fatal = logged.split_inclusive('\n').filter_map(|line| line.split_once(" # "));
    let fatal: String = fatal.map(|(_, text)| text).filter(|text| text.starts_with("Fatal")).collect();
    fatal + &String::from_utf8_lossy(&out.stderr)
}

/// What we say, without the proposal that Redis does not make.
fn our_refusal(args: &[String]) -> String {
    let CommandLine { config_file, directives, .. } = parse_command_line(args);
    let errors = Config::load(config_file.as_deref(), &directives).unwrap_err().to_string();
    errors.split_inclusive('\n').filter(|line| !line.starts_with("Did you mean")).collect()
}

#[test]
fn a_bad_file_is_refused_in_the_words_of_a_real_server() {
    if redis_is_missing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("redis.conf");
    let bad = [
        "# comment\nprot 22502\n",
        "\n\n  prot\t22502  \r\n",
        "port \"6379\n",
        "port '63'79\n",
        "port 70000\n",
        "port -1\n",
        "port x\n",
        "port\n",
        "port 1 2\n",
        "appendonly maybe\n",
        "maxmemory-policy nosuch\n",
        "maxmemory 10x\n",
        "repl-backlog-size 0\n",
        "include /nonexistent/redis.conf\n",
        "include\n",
        "save 900\n",
        "save 900 x\n",
        "save \"900 1 300\"\n",
        "client-output-buffer-limit slave 1 2\n",
        "client-output-buffer-limit nosuch 1 2 3\n",
        "replicaof localhost\n",
        "replicaof localhost 70000\n",
        "slaveof localhost x\n",
        "dir /nonexistent\n",
        "dbfilename a/b\n",
        "unixsocketperm 778\n",
        "unixsocketperm 1777\n",
        "notify-keyspace-events q\n",
        "rename-command nosuch x\n",
        "sentinel monitor x\n",
        "module.x\n",
        "logfile /nonexistent/log\n",
        "cluster-enabled yes\nreplicaof localhost 1\n",
        "user\n",
        "shutdown-on-sigterm\n",
        "oom-score-adj-values\n",
        "databases 0\n",
    ];
    let no_folder = format!("dir {}\n", file.display());
    for text in bad.into_iter().chain([no_folder.as_str()]) {
        fs::write(&file, text).unwrap();
        let args = [file.to_str().unwrap().to_owned()];
        assert_eq!(our_refusal(&args), refusal(folder.path(), &args), "{text:?}");
    }
}

#[test]
fn a_bad_command_line_is_refused_in_the_words_of_a_real_server() {
    if redis_is_missing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("unended"), "port 1\nloglevel debug").unwrap();
    fs::write(folder.path().join("ended"), "port 1\nloglevel debug\n").unwrap();
    let in_folder = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let bad: &[&[&str]] = &[
        &["--prot", "22502"],
        &["--port", "--loglevel", "debug"],
        &["--port", "70000"],
        &["--port"],
        &["--port 70000"],
        &["--loglevel", "debug", "--prot", "1"],
        &["--save", "900"],
        &["--save", "--prot", "1"],
        &["--replicaof", "localhost"],
        &["-x"],
        &[&in_folder("unended"), "--prot", "1"],
        &[&in_folder("ended"), "--prot", "1"],
        &[&in_folder("ended"), "stray"],
        &[&in_folder("missing")],
        &["--port", "1", "2 3"],
    ];
    for args in bad {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        assert_eq!(our_refusal(&args), refusal(folder.path(), &args), "{args:?}");
    }
}

#[test]
fn a_rewritten_file_means_the_same_to_us_and_to_a_real_server() {
    if redis_is_missing() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("redis.conf");
    let port = free_port();
    let old = format!(
        "\u{feff}# a node\r\nport {port}\r\nslave-priority 5\r\n\r\n\r\nsave 900 1\r\nsave 300 10\r\n# end\r\n\
         rename-command keys \"\"\n\nreplicaof localhost 1\nnosuch thing\n"
    );
    fs::write(&file, old.replace("nosuch thing\n", "").replace("rename-command keys \"\"\n", "")).unwrap();
    let mut config = Config::load(Some(&file), &[]).unwrap();
    fs::write(&file, old.replace("rename-command keys \"\"\n", "")).unwrap();
    config.dir = folder.path().canonicalize().unwrap();
    config.replicaof = None;
    let changes: &[&str] = &[
        "requirepass",
        "a \"b\" \\ ü\n",
        "maxmemory",
        "3gb",
        "save",
        "60 1",
        "maxmemory-clients",
        "7%",
        "client-output-buffer-limit",
        "pubsub 1kb 2 3",
        "notify-keyspace-events",
        "KEx",
        "shutdown-on-sigterm",
        "now force",
        "oom-score-adj-values",
        "1 2 3",
        "replica-announce-ip",
        "10.0.0.1",
        "latency-tracking-info-percentiles",
        "",
        "loglevel",
        "warning",
        "list-max-ziplist-size",
        "-3",
        "bind",
        "127.0.0.1 -::1",
        "acl-pubsub-default",
        "allchannels",
        "repl-backlog-size",
        "1000001",
    ];
    assert_eq!(set(&mut config, changes), "OK");

    config.rewrite(&file).unwrap();

    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("localhost"), "{text}");
    assert_eq!(Config::load(Some(&file), &[]).unwrap(), config, "{text}");
    let mut real = Real::start(folder.path(), port, &[file.to_str().unwrap()]);
    assert_eq!(real.ask(&["AUTH", "a \"b\" \\ ü\n"]), ["OK"]);
    assert_eq!(get(&config, "*"), real.config_get("*"), "{text}");

    // And the other way: what a real server writes is read here, and says the same.
    assert_eq!(real.ask(&["CONFIG", "SET", "hz", "33", "save", "", "masterauth", "x y"]), ["OK"]);
    assert_eq!(real.ask(&["CONFIG", "REWRITE"]), ["OK"]);
    let reread = Config::load(Some(&file), &[]).unwrap();
    assert_eq!(get(&reread, "*"), real.config_get("*"), "{}", fs::read_to_string(&file).unwrap());
    drop(real);
}
