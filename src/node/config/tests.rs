#![allow(clippy::unwrap_used)]

mod files;
mod real;
mod real_files;
mod real_get_set;
mod rewriting;

use super::table::TABLE;
use super::*;
use real::{get, set};

#[test]
fn fields_hold_the_defaults_of_the_table() {
    let config = Config::default();
    assert_eq!(config.port, 6379);
    assert_eq!(config.bind, ["*", "-::*"]);
    assert_eq!(config.repl_backlog_size, 1 << 20);
    assert_eq!(config.repl_timeout, Duration::from_mins(1));
    assert_eq!(config.save, [(3600, 1), (300, 100), (60, 10_000)]);
    assert_eq!(config.replicaof, None);
    assert_eq!(config.requirepass, None);
    assert_eq!(config.maxmemory_policy, MaxmemoryPolicy::NoEviction);
    assert_eq!(config.client_output_buffer_limit.replica.hard, 256 << 20);
    assert_eq!(config.integer("busy-reply-threshold"), 5000);
    assert!(config.is_on("activerehashing"));
    assert_eq!(config.text("supervised"), "no");
    assert_eq!(config.unsupported(), [""; 0]);
}

#[test]
fn every_name_and_alias_means_one_parameter() {
    let mut names: Vec<_> =
        TABLE.iter().flat_map(|param| [Some(param.name), param.alias]).flatten().collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn config_set_changes_all_or_nothing() {
    let mut config = Config::default();
    let before = config.clone();
    let reply = set(&mut config, &["maxmemory", "1mb", "slave-priority", "7", "hz", "x"]);
    assert_eq!(
        reply,
        "ERR CONFIG SET failed (possibly related to argument 'hz') - argument couldn't be parsed into an integer"
    );
    assert_eq!(config, before);
}

#[test]
fn config_set_names_what_changed_by_its_canonical_name() {
    let mut config = Config::default();
    let pairs: [(&[u8], &[u8]); 4] =
        [(b"SLAVE-PRIORITY", b"7"), (b"maxmemory", b"0"), (b"save", b"60 1"), (b"hz", b"9000")];
    assert_eq!(config.set(&pairs).unwrap(), ["replica-priority", "save", "hz"]);
    assert_eq!((config.replica_priority, config.hz), (7, 500));
    assert_eq!(config.save, [(60, 1)]);
}

#[test]
fn failing_commands_of_a_stream_are_ignored_only_if_somebody_asked_for_it() {
    let mut config = Config::default();
    assert_eq!(get(&config, "propagation-error-behavior")["propagation-error-behavior"], "ignore");
    assert_eq!(config.propagation_error_behavior, None);
    assert_eq!(set(&mut config, &["propagation-error-behavior", "ignore"]), "OK");
    assert_eq!(config.propagation_error_behavior, Some(PropagationErrorBehavior::Ignore));
}

#[test]
fn protected_parameters_follow_enable_protected_configs() {
    let pairs: [(&[u8], &[u8]); 1] = [(b"dbfilename", b"other.rdb")];
    let (near, far) = (Caller { is_local: true, ..Caller::default() }, Caller::default());
    let cases = [
        (ProtectedAction::No, near, false),
        (ProtectedAction::No, far, false),
        (ProtectedAction::Local, near, true),
        (ProtectedAction::Local, far, false),
        (ProtectedAction::Yes, far, true),
    ];
    for (enable_protected_configs, caller, allowed) in cases {
        let mut config = Config { enable_protected_configs, ..Config::default() };
        let reply = config.set_for(caller, &pairs);
        assert_eq!(reply.is_ok(), allowed, "{enable_protected_configs:?} {caller:?}: {reply:?}");
        if !allowed {
            assert_eq!(
                reply.unwrap_err(),
                "ERR CONFIG SET failed (possibly related to argument 'dbfilename') - can't set protected config"
            );
        }
    }
}

#[test]
fn some_parameters_stay_while_data_loads() {
    let caller = Caller { while_loading: true, ..Caller::default() };
    let mut config = Config::default();
    let reply = config.set_for(caller, &[(b"repl-diskless-load", b"swapdb")]);
    assert_eq!(reply, Err("LOADING Redis is loading the dataset in memory".to_owned()));
    assert_eq!(config.set_for(caller, &[(b"hz", b"20")]), Ok(vec!["hz"]));
}

#[test]
fn what_we_cannot_do_is_refused_at_run_time_and_told_at_start() {
    let mut config = Config::default();
    let refused = set(&mut config, &["tls-replication", "yes"]);
    assert!(refused.ends_with("Unable to update TLS configuration. Check server logs."), "{refused}");

    let asked = [("daemonize", "yes"), ("tls-port", "6380"), ("user", "default on nopass ~* +@all")];
    let asked = asked.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = Config::load(None, &asked).unwrap();
    let notes = config.unsupported();
    assert_eq!(notes.len(), 3, "{notes:?}");
    // What was loaded may be confirmed at run time: nothing changes by it.
    let mut config = config;
    assert_eq!(set(&mut config, &["tls-port", "6380"]), "OK");
}

#[test]
fn a_value_that_is_no_text_is_refused() {
    let mut config = Config::default();
    let reply = config.set(&[(b"requirepass", b"\xff\xfe")]).unwrap_err();
    assert!(reply.ends_with("argument must be valid UTF-8"), "{reply}");
    let reply = config.set(&[(b"\xff", b"1")]).unwrap_err();
    assert!(reply.starts_with("ERR Unknown option"), "{reply}");
}

#[test]
fn a_name_is_answered_as_typed_and_a_pattern_by_canonical_names() {
    let config = Config::default();
    assert_eq!(get(&config, "MaxMemory").into_iter().next().unwrap().0, "MaxMemory");
    let priorities: Vec<_> = get(&config, "*VE-priority").into_keys().collect();
    assert_eq!(priorities, ["slave-priority"]);
    assert!(get(&config, "key-load*").is_empty());
    assert_eq!(get(&config, "key-load-delay").len(), 1);
    assert!(get(&config, "nosuch").is_empty());
}

#[test]
fn a_pattern_of_many_stars_is_answered_at_once() {
    let pattern = "*a".repeat(100_000);
    assert!(get(&Config::default(), &pattern).is_empty());
}
