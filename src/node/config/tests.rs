#![allow(clippy::unwrap_used)]

mod files;
mod real;
mod real_files;
mod real_get_set;
mod rewriting;

use super::param::Effect;
use super::table::TABLE;
use super::*;
use crate::protocol::repr;
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
    assert_eq!(config.without_effect(None), []);
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

/// What a file with these lines is refused for: the line and the reason.
fn refusals(lines: &[&str]) -> Vec<(usize, String)> {
    let errors = Config::load_with_text(None, lines.join("\n").as_bytes(), &[]).err();
    let errors = errors.map_or_else(Vec::new, |errors| errors.errors);
    errors.into_iter().map(|error| (error.line, error.reason)).collect()
}

#[test]
fn what_would_be_a_false_promise_is_refused_at_the_start_and_at_run_time() {
    let mut refused = 0;
    for param in TABLE {
        let Effect::Refused(reason, refusal) = param.effect else { continue };
        let value = rewriting::another_value(&param.kind, param.default).unwrap();
        let line = format!("{} {}", param.name, repr(&value));
        assert_eq!(refusals(&["# first", &line]), [(2, reason.to_owned())], "{line}");
        // A later line may take it back, and the default is no wish.
        let back = format!("{} {}", param.name, repr(param.default));
        assert_eq!(refusals(&[&line, &back]), [], "{line}");
        let mut config = Config::default();
        let reply = set(&mut config, &[param.name, &value]);
        if param.access == param::Access::Mutable {
            assert!(reply.ends_with(refusal) && !refusal.is_empty(), "{line}: {reply}");
            assert_eq!(set(&mut config, &[param.name, param.default]), "OK");
        }
        assert_eq!(config, Config::default());
        refused += 1;
    }
    assert!(refused >= 6, "{refused}");
}

#[test]
fn users_are_refused_but_for_the_default_one_as_it_is_anyway() {
    for fine in [
        "user default on nopass ~* &* +@all",
        "user default on nopass sanitize-payload ~* &* +@all",
        "user default nopass ON allkeys allchannels allcommands",
    ] {
        assert_eq!(refusals(&[fine]), [], "{fine}");
    }
    // As a real server writes it when it has a password.
    let hash = "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b";
    let locked = format!("user default on sanitize-payload #{hash} ~* &* +@all");
    assert_eq!(refusals(&[&locked, "requirepass secret"]), []);
    for lines in [&[&locked[..]][..], &[&locked, "requirepass other"], &[&locked, "requirepass ''"]] {
        assert_eq!(refusals(lines).len(), 1, "{lines:?}");
    }
    for bad in [
        "user default off",
        "user default on",
        "user default on nopass ~* &*",
        "user default on nopass ~app:* &* +@all",
        "user default on nopass ~* &* +@all -flushall",
        "user default on nopass #00 ~* &* +@all",
        "user default on >secret ~* &* +@all",
        "user app on nopass ~* &* +@all",
        "user app",
    ] {
        let found = refusals(&[bad]);
        assert!(matches!(&found[..], [(1, reason)] if reason.contains("requirepass")), "{bad}: {found:?}");
    }
}

#[test]
fn what_has_no_effect_is_named_when_it_is_not_the_default() {
    let mut idle = 0;
    for param in TABLE {
        let (Effect::Idle(_) | Effect::Moot(_)) = param.effect else { continue };
        let mut config = Config::default();
        let Some(value) = rewriting::another_value(&param.kind, &param.show(&config)) else { continue };
        let words = if param.takes_several() { vec![value] } else { vec![value.clone()] };
        param.set(&mut config, &words).unwrap();
        let told = config.without_effect(None);
        let [(level, line)] = &told[..] else { panic!("{}: {told:?}", param.name) };
        assert!(line.starts_with(&format!("'{}", param.name)) && !line.contains(char::is_control), "{line}");
        assert_eq!(*level == LogLevel::Warning, matches!(param.effect, Effect::Idle(_)), "{line}");
        assert_eq!(config.without_effect(Some(&[param.name])), told);
        assert_eq!(config.without_effect(Some(&["port"])), []);
        idle += 1;
    }
    assert!(idle > 50, "{idle}");
    let mut config = Config::default();
    assert_eq!(set(&mut config, &["tls-key-file-pass", "secret"]), "OK");
    assert_eq!(set(&mut config, &["ignore-warnings", "x\ny", "maxmemory", "1gb"]), "OK");
    let told = config.without_effect(None).into_iter().map(|(_, line)| line).collect::<Vec<_>>();
    assert_eq!(
        told,
        [
            "'ignore-warnings \"x\\ny\"' has no effect here: the system is not checked at the start, so there is nothing \
             to silence",
            "'tls-key-file-pass' has no effect here: TLS is not supported",
        ]
    );
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
