#![allow(clippy::unwrap_used)]
// Long because it is one list of conversations.

use proptest::prelude::*;

use super::LinkAction as Do;
use super::LinkEvent as On;
use super::*;
use crate::replication::{Backlog, History, MIN_BACKLOG_SIZE, PsyncRequest, PsyncVerdict, judge};

const S: Duration = Duration::from_secs(1);
const MS: Duration = Duration::from_millis(1);
const ID: &str = "0707070707070707070707070707070707070707";

fn id(byte: u8) -> ReplId {
    ReplId::from_bytes([byte; 20])
}

fn config() -> LinkConfig {
    LinkConfig { listening_port: 7002, announce_ip: None, auth: None, timeout: 60 * S }
}

/// A link with its actions of the last event.
struct Bench {
    link: ReplicaLink,
    now: Duration,
    out: Vec<LinkAction>,
}

impl Bench {
    fn new(config: LinkConfig, held: Option<(ReplId, ReplOffset)>) -> Self {
        Self { link: ReplicaLink::new(config, held), now: 100 * S, out: Vec::new() }
    }

    fn on(&mut self, event: LinkEvent<'_>) -> &[LinkAction] {
        self.out.clear();
        self.link.on_event(self.now, event, &mut self.out);
        &self.out
    }

    fn line(&mut self, line: &str) -> &[LinkAction] {
        let line = line.replace("ID", ID);
        self.on(On::Line(line.as_bytes()))
    }

    /// Connects and answers up to the PSYNC, which it returns.
    fn shake_hands(&mut self) -> String {
        self.on(On::ConnectNow);
        self.on(On::SocketOpen);
        self.line("+PONG");
        while self.link.role_word() == "handshake" && self.link.state != State::Psync {
            self.line("+OK");
        }
        sent(&self.out)
    }

    fn full_sync(&mut self, offset: ReplOffset) {
        self.shake_hands();
        self.line(&format!("+FULLRESYNC ID {offset}"));
        self.line("$100");
        self.on(On::SnapshotReceived);
        self.on(On::SnapshotLoaded);
        assert!(self.link.is_up());
    }

    fn error(&self) -> &LinkError {
        self.out
            .iter()
            .find_map(|action| if let Do::Close(error) = action { Some(error) } else { None })
            .unwrap()
    }

    fn pause(&self) -> Option<Duration> {
        self.out.iter().find_map(|action| if let Do::Reopen { after } = action { Some(*after) } else { None })
    }
}

/// What was sent, as words: `PSYNC ? -1`; commands are set apart by ` | `.
fn sent(out: &[LinkAction]) -> String {
    let bytes: Vec<u8> = out
        .iter()
        .filter_map(|action| if let Do::Send(bytes) = action { Some(bytes) } else { None })
        .flatten()
        .copied()
        .collect();
    let text = String::from_utf8(bytes).unwrap();
    let mut commands: Vec<String> = Vec::new();
    for line in text.split_terminator("\r\n") {
        match line.as_bytes() {
            [b'*', ..] => commands.push(String::new()),
            [b'$', ..] => {}
            _ if commands.is_empty() => commands.push(line.to_owned()),
            _ => {
                let command = commands.last_mut().unwrap();
                command.push_str(if command.is_empty() { "" } else { " " });
                command.push_str(line);
            }
        }
    }
    commands.join(" | ")
}

fn steps(out: &[LinkAction]) -> Vec<LinkStep> {
    out.iter().filter_map(|action| if let Do::Report(step) = action { Some(*step) } else { None }).collect()
}

#[test]
fn the_handshake_goes_in_redis_order() {
    let auth = Some(MasterAuth { user: Some("repl".to_owned()), password: "secret".to_owned() });
    let mut bench =
        Bench::new(LinkConfig { auth, announce_ip: Some("10.0.0.2".to_owned()), ..config() }, None);
    assert_eq!(bench.on(On::ConnectNow), [Do::Connect, Do::Report(LinkStep::Connecting)]);
    assert_eq!(sent(bench.on(On::SocketOpen)), "PING");
    assert_eq!(steps(&bench.out), [LinkStep::Ping]);
    assert_eq!(
        sent(bench.line("-NOAUTH Authentication required.")),
        "AUTH repl secret | REPLCONF listening-port 7002 | REPLCONF ip-address 10.0.0.2 | REPLCONF capa eof capa psync2"
    );
    assert_eq!(steps(&bench.out), [LinkStep::Auth]);
    assert_eq!(steps(bench.line("+OK")), [LinkStep::Replconf]);
    assert_eq!(bench.line("+OK"), []);
    assert_eq!(bench.line("-ERR Unrecognized REPLCONF option: ip-address"), [], "only AUTH may not fail");
    assert_eq!(sent(bench.line("+OK")), "PSYNC ? -1");
    assert_eq!(steps(&bench.out), [LinkStep::Psync]);
    assert_eq!(bench.link.role_word(), "handshake");
}

#[test]
fn without_auth_and_announced_ip_they_are_left_out() {
    let mut bench = Bench::new(config(), None);
    bench.on(On::ConnectNow);
    bench.on(On::SocketOpen);
    assert_eq!(sent(bench.line("+PONG")), "REPLCONF listening-port 7002 | REPLCONF capa eof capa psync2");
    assert_eq!(steps(&bench.out), [LinkStep::Replconf]);
    let auth = Some(MasterAuth { user: None, password: "secret".to_owned() });
    let mut bench = Bench::new(LinkConfig { auth, ..config() }, None);
    bench.on(On::ConnectNow);
    bench.on(On::SocketOpen);
    assert!(sent(bench.line("+PONG")).starts_with("AUTH secret | REPLCONF listening-port 7002"));
    assert!(!format!("{:?}", bench.link).contains("secret"));
}

#[test]
fn odd_answers_to_ping_and_auth() {
    for (answer, accepted) in [
        ("+PONG", true),
        ("+whatever", true),
        ("-NOAUTH Authentication required.", true),
        ("-NOPERM this user has no permissions", true),
        ("-ERR operation not permitted", true),
        ("-ERR max number of clients reached", false),
        ("-MASTERDOWN Link with MASTER is down", false),
        ("-LOADING Redis is loading the dataset in memory", false),
        ("HTTP/1.1 400 Bad Request", false),
    ] {
        let mut bench = Bench::new(config(), None);
        bench.on(On::ConnectNow);
        bench.on(On::SocketOpen);
        bench.line(answer);
        assert_eq!(bench.pause().is_none(), accepted, "{answer}");
        if !accepted {
            assert!(matches!(bench.error(), LinkError::PingRefused(_)));
            assert_eq!(bench.link.role_word(), "connect");
        }
    }

    let auth = Some(MasterAuth { user: None, password: "wrong".to_owned() });
    let mut bench = Bench::new(LinkConfig { auth, ..config() }, None);
    bench.on(On::ConnectNow);
    bench.on(On::SocketOpen);
    bench.line("-NOAUTH Authentication required.");
    bench.line("-WRONGPASS invalid username-password pair or user is disabled.");
    assert!(bench.error().to_string().contains("WRONGPASS"));
    assert_eq!(bench.pause(), Some(10 * MS));
}

#[test]
fn odd_answers_to_psync_close_the_link_and_keep_what_is_held() {
    for answer in [
        "+FULLRESYNC abc 17",
        "+FULLRESYNC ID",
        "+CONTINUE abc",
        "-NOMASTERLINK Can't SYNC while not connected with my master",
        "-LOADING Redis is loading the dataset in memory",
        "-NOAUTH Authentication required.",
        "+OK",
    ] {
        let mut bench = Bench::new(config(), Some((id(7), 20)));
        bench.shake_hands();
        bench.line(answer);
        assert!(bench.pause().is_some(), "{answer}");
        assert_eq!(bench.link.held(), Some((id(7), 20)), "{answer}");
        assert_eq!(bench.shake_hands(), format!("PSYNC {ID} 21"), "{answer}");
    }
}

#[test]
fn continue_without_a_history_is_refused() {
    let mut bench = Bench::new(config(), None);
    bench.shake_hands();
    bench.line("+CONTINUE ID");
    assert_eq!(*bench.error(), LinkError::NothingToContinue);
}

#[test]
fn a_full_sync_is_decided_received_loaded_and_acknowledged() {
    let mut bench = Bench::new(config(), None);
    assert_eq!(bench.shake_hands(), "PSYNC ? -1");
    assert_eq!(bench.line(""), [], "a keep-alive is no answer");
    let granted = Granted::Full { replid: id(7), offset: 17 };
    assert_eq!(
        bench.line("+FULLRESYNC ID 17"),
        [Do::Decided { asked: None, granted }, Do::Report(LinkStep::WaitSnapshot)]
    );
    assert_eq!(bench.line(""), []);
    let mark = "m".repeat(40);
    assert_eq!(
        bench.line(&format!("$EOF:{mark}")),
        [
            Do::Report(LinkStep::Transfer { total: None }),
            Do::ReceiveSnapshot(SnapshotForm::UntilMark([b'm'; 40]))
        ]
    );
    assert_eq!(bench.link.role_word(), "sync");
    assert_eq!(bench.on(On::SnapshotReceived), [Do::Report(LinkStep::Load)]);
    assert_eq!(bench.link.held(), None, "half a snapshot is no history");
    let ack = encode_command(&[b"REPLCONF", b"ACK", b"17"]);
    assert_eq!(
        bench.on(On::SnapshotLoaded),
        [Do::Report(LinkStep::Streaming), Do::StartStreaming { from: Some(18) }, Do::Send(ack)]
    );
    assert_eq!((bench.link.held(), bench.link.role_word()), (Some((id(7), 17)), "connected"));
}

#[test]
fn a_lost_or_corrupt_snapshot_leaves_the_old_history() {
    let corrupt = On::SnapshotFailed("wrong CRC".to_owned());
    for (end, pause) in [(On::Lost("reset".to_owned()), 10 * MS), (corrupt, S)] {
        let mut bench = Bench::new(config(), Some((id(3), 500)));
        bench.shake_hands();
        bench.line("+FULLRESYNC ID 17");
        bench.line("$100");
        bench.on(end);
        assert_eq!(bench.pause(), Some(pause));
        assert_eq!(bench.shake_hands(), format!("PSYNC {} 501", id(3)));
    }
}

#[test]
fn bad_lines_before_the_snapshot_close_the_link() {
    for line in
        ["$-5", "$abc", "$99999999999999", "-ERR BGSAVE failed, replication can't continue", "REDIS0010"]
    {
        let mut bench = Bench::new(config(), None);
        bench.shake_hands();
        bench.line("+FULLRESYNC ID 17");
        bench.line(line);
        assert!(bench.pause().is_some(), "{line}");
        assert_eq!(bench.link.held(), None);
    }
}

#[test]
fn resumes_one_byte_past_what_it_applied() {
    let mut bench = Bench::new(config(), None);
    bench.full_sync(100);
    bench.on(On::Applied(20));
    bench.now += 5 * S;
    bench.on(On::Lost("reset".to_owned()));
    assert_eq!(bench.pause(), Some(Duration::ZERO), "at once after a cut");
    assert_eq!(bench.shake_hands(), format!("PSYNC {ID} 121"));
    let new = "08".repeat(20);
    let granted = Granted::Partial { replid: id(8) };
    assert_eq!(
        bench.line(&format!("+CONTINUE {new}"))[..3],
        [
            Do::Decided { asked: Some((id(7), 121)), granted },
            Do::Report(LinkStep::Streaming),
            Do::StartStreaming { from: Some(121) }
        ]
    );
    assert_eq!(bench.link.held(), Some((id(8), 120)), "the next cut asks for the new history");
}

#[test]
fn continue_without_an_id_goes_on_with_the_old_one() {
    let mut bench = Bench::new(config(), Some((id(7), 20)));
    bench.shake_hands();
    bench.line("+CONTINUE");
    assert_eq!((bench.link.is_up(), bench.link.held()), (true, Some((id(7), 20))));
}

#[test]
fn a_master_without_psync_is_asked_by_sync_and_never_acknowledged() {
    let mut bench = Bench::new(config(), Some((id(7), 20)));
    bench.shake_hands();
    assert_eq!(sent(bench.line("-ERR unknown command 'PSYNC'")), "SYNC");
    assert_eq!(bench.link.role_word(), "sync");
    bench.line("$18");
    assert_eq!(bench.on(On::SnapshotReceived), [Do::Report(LinkStep::Load)]);
    assert_eq!(
        bench.on(On::SnapshotLoaded),
        [Do::Report(LinkStep::Streaming), Do::StartStreaming { from: None }]
    );
    bench.on(On::Applied(20));
    bench.now += 2 * S;
    assert_eq!(bench.on(On::Tick), []);
    assert_eq!(bench.link.held(), None);
    bench.on(On::Lost("reset".to_owned()));
    assert_eq!(bench.shake_hands(), "PSYNC ? -1");
}

#[test]
fn acks_once_a_second_and_on_getack_without_its_own_bytes() {
    let mut bench = Bench::new(config(), None);
    bench.full_sync(100);
    assert_eq!(bench.on(On::Tick), []);
    bench.on(On::Applied(10));
    assert_eq!(sent(bench.on(On::GetAck)), "REPLCONF ACK 110");
    bench.on(On::Applied(37));
    bench.now += 999 * MS;
    assert_eq!(sent(bench.on(On::Tick)), "REPLCONF ACK 147");
    bench.now += S / 2;
    assert_eq!(bench.on(On::Tick), []);
}

#[test]
fn a_newline_a_second_while_the_snapshot_arrives_and_loads() {
    let mut bench = Bench::new(config(), None);
    bench.shake_hands();
    bench.line("+FULLRESYNC ID 17");
    bench.now += S;
    assert_eq!(bench.on(On::Tick), []);
    bench.line("$100");
    let newline = [Do::Send(b"\n".to_vec())];
    assert_eq!(bench.on(On::Tick), newline);
    assert_eq!(bench.on(On::Tick), []);
    bench.on(On::SnapshotReceived);
    bench.now += S;
    assert_eq!(bench.on(On::Tick), newline);
}

#[test]
fn silence_ends_every_phase_but_loading() {
    type Reach = fn(&mut Bench);
    let phases: [(&str, Reach); 6] = [
        ("connecting", |bench| {
            bench.on(On::ConnectNow);
        }),
        ("handshake", |bench| {
            bench.shake_hands();
        }),
        ("sync", |bench| {
            bench.shake_hands();
            bench.line("+FULLRESYNC ID 17");
        }),
        ("sync", |bench| {
            bench.shake_hands();
            bench.line("+FULLRESYNC ID 17");
            bench.line("$100");
        }),
        ("connected", |bench| bench.full_sync(17)),
        ("load", |bench| {
            bench.shake_hands();
            bench.line("+FULLRESYNC ID 17");
            bench.line("$100");
            bench.on(On::SnapshotReceived);
        }),
    ];
    for (during, reach) in phases {
        let mut bench = Bench::new(config(), None);
        reach(&mut bench);
        bench.now += 60 * S;
        bench.on(On::Tick);
        assert_eq!(bench.pause(), None, "{during}");
        bench.now += S;
        bench.on(On::Tick);
        if during == "load" {
            assert_eq!(bench.pause(), None);
        } else {
            assert_eq!(*bench.error(), LinkError::TimedOut { during, silent: 61 * S });
        }
    }
    let mut bench = Bench::new(config(), None);
    bench.full_sync(17);
    bench.now += 59 * S;
    bench.on(On::Received);
    bench.now += 59 * S;
    bench.on(On::Tick);
    assert!(bench.link.is_up());
}

#[test]
fn a_refused_stream_is_not_continued() {
    let mut bench = Bench::new(config(), None);
    bench.full_sync(17);
    bench.now += 10 * S;
    bench.on(On::StreamRefused("unknown command 'FOO'".to_owned()));
    assert_eq!((bench.pause(), bench.link.held()), (Some(S), None));
    assert_eq!(bench.shake_hands(), "PSYNC ? -1");
}

#[test]
fn pauses_follow_the_time_that_the_link_is_down() {
    let mut bench = Bench::new(config(), None);
    let (mut elapsed, mut pauses) = (Duration::ZERO, Vec::new());
    while elapsed < 60 * S {
        bench.on(On::ConnectNow);
        bench.on(On::ConnectFailed("refused".to_owned()));
        let pause = bench.pause().unwrap();
        elapsed += pause;
        bench.now += pause;
        pauses.push((elapsed, pause));
    }
    assert_eq!(pauses[0].1, 10 * MS);
    assert!(pauses.is_sorted());
    let at_one_second = pauses.iter().find(|(elapsed, _)| *elapsed >= S).unwrap().1;
    assert!((40 * MS..=60 * MS).contains(&at_one_second), "{at_one_second:?}");
    assert_eq!(pauses.last().unwrap().1, S);
    assert!(pauses.len() < 200, "{}", pauses.len());
}

#[test]
fn a_link_that_streams_only_for_a_moment_is_not_retried_at_once() {
    let mut bench = Bench::new(config(), Some((id(7), 20)));
    for _ in 0..3 {
        bench.shake_hands();
        bench.line("+CONTINUE");
        bench.now += MS;
        bench.on(On::Lost("closed by the master".to_owned()));
        assert_eq!(bench.pause(), Some(10 * MS));
    }
}

#[test]
fn events_that_crossed_a_close_are_ignored() {
    let mut bench = Bench::new(config(), None);
    bench.full_sync(17);
    bench.on(On::Lost("reset".to_owned()));
    for event in [
        On::Lost("again".to_owned()),
        On::Line(b"+OK"),
        On::Applied(10),
        On::SnapshotLoaded,
        On::SnapshotReceived,
        On::SnapshotFailed("late".to_owned()),
        On::StreamRefused("late".to_owned()),
        On::SocketOpen,
        On::ConnectFailed("late".to_owned()),
        On::GetAck,
        On::Tick,
    ] {
        assert_eq!(bench.on(event.clone()), [], "{event:?}");
    }
    assert_eq!(bench.link.held(), Some((id(7), 17)));
}

proptest! {
    /// Whatever is applied and cut, the link asks for exactly what is missing, and an honest master grants it.
    #[test]
    fn resume_offsets_fit_the_masters_backlog(
        start in 0_u64..10_000,
        rounds in prop::collection::vec((0_usize..3000, 0.0_f64..=1.0), 1..8),
    ) {
        let mut history = History::restored_as_replica(id(7), start);
        let mut backlog = Backlog::new(2 * MIN_BACKLOG_SIZE, start + 1);
        let mut bench = Bench::new(config(), None);
        bench.full_sync(start);
        for (written, share) in rounds {
            backlog.append(&vec![1; written]);
            history.advance(written as u64);
            let missing = history.offset() - bench.link.held().unwrap().1;
            let applied = (missing as f64 * share) as u64;
            bench.on(On::Applied(applied));
            bench.on(On::Lost("cut".to_owned()));
            let psync = bench.shake_hands();
            let words: Vec<&[u8]> = psync.split(' ').map(str::as_bytes).collect();
            let asked = PsyncRequest::parse(words[1], words[2]).unwrap();
            let expected = PsyncVerdict::Continue {
                from: history.offset() + 1 - (missing - applied),
                bytes: missing - applied,
                via_replid2: false,
            };
            prop_assert_eq!(judge(&history, Some(&backlog), asked), expected);
            bench.line("+CONTINUE ID");
        }
    }

    /// A master may say anything at any time: the link never panics and never believes a history it did not load.
    #[test]
    fn any_lines_in_any_order_are_survived(
        lines in prop::collection::vec(
            prop_oneof![
                "[ -~]{0,50}",
                Just("+OK".to_owned()),
                Just(format!("+FULLRESYNC {ID} 5")),
                Just(format!("+CONTINUE {ID}")),
                Just("$100".to_owned()),
                Just("-ERR no".to_owned()),
            ],
            0..30,
        ),
    ) {
        let mut bench = Bench::new(config(), None);
        for line in lines {
            if bench.link.state == State::Waiting {
                bench.on(On::ConnectNow);
                bench.on(On::SocketOpen);
            }
            bench.on(On::Line(line.as_bytes()));
            prop_assert!(!bench.link.is_up());
            prop_assert_eq!(bench.link.held(), None);
        }
    }
}
