//! The tables of requests: `request => reply => stream`, without the stream if nothing is sent.
//!
//! `@+1000` is a point in time, 1,000 ms after now. Groups begin with an empty data set.

use super::harness::Fixture;

const TABLES: &[&str] = &[
    include_str!("bitmaps.cases"),
    include_str!("geo.cases"),
    include_str!("hashes.cases"),
    include_str!("hyperloglog.cases"),
    include_str!("keys.cases"),
    include_str!("lists.cases"),
    include_str!("sets.cases"),
    include_str!("sort.cases"),
    include_str!("streams.cases"),
    include_str!("strings.cases"),
    include_str!("zsets.cases"),
];

/// One request with what must come of it.
pub(super) struct Case {
    pub(super) group: &'static str,
    pub(super) request: &'static str,
    pub(super) reply: &'static str,
    pub(super) stream: &'static str,
}

/// All cases, in order.
pub(super) fn all() -> Vec<Case> {
    let mut group = "";
    let mut cases = Vec::new();
    for line in TABLES.iter().flat_map(|table| table.lines()).filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix("# ") {
            group = name;
            continue;
        }
        let mut parts = line.split(" => ");
        let (request, reply) = (parts.next().unwrap(), parts.next().unwrap());
        cases.push(Case { group, request, reply, stream: parts.next().unwrap_or_default() });
    }
    cases
}

/// Whether `actual` is what was expected, at a time of `now`, with points in time as far off as `slack`.
pub(super) fn fits(expected: &str, actual: &str, now: i64, slack: i64) -> bool {
    let expected = expected.replace("\\x20", " ");
    let (mut expected, mut actual) = (expected.split(' '), actual.split(' '));
    loop {
        match (expected.next(), actual.next()) {
            (None, None) => return true,
            (Some(expected), Some(actual)) => {
                let fits = match expected.strip_prefix('@') {
                    None => expected == actual,
                    Some(offset) => {
                        let wanted = now + offset.parse::<i64>().unwrap();
                        actual.parse::<i64>().is_ok_and(|at| (at - wanted).abs() <= slack)
                    }
                };
                if !fits {
                    return false;
                }
            }
            _ => return false,
        }
    }
}

#[test]
fn every_case_has_the_reply_and_the_stream_of_redis() {
    let mut node = Fixture::new();
    let mut group = "";
    let mut wrong = Vec::new();
    for case in all() {
        if case.group != group {
            node = Fixture::new();
            group = case.group;
        }
        let reply = node.run(case.request);
        let stream = node.stream.join("; ");
        for (expected, actual) in [(case.reply, reply), (case.stream, stream)] {
            if !fits(expected, &actual, node.now, 0) {
                wrong.push(format!("{group}: {}\n  expected {expected}\n  got      {actual}", case.request));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
