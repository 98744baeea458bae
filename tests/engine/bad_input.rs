//! Input that no well-behaved client sends, as one table: what is answered, and what becomes of the connection.
//!
//! Rows carry the numbers of the bad-input catalogue. Rows in which we behave as Redis does are also sent to a
//! real redis-server and compared byte for byte, so that the expectation itself cannot be wrong.

use std::fmt::Write as _;
use std::time::Duration;

use super::support::client::{State, command, encode};
use super::support::{Client, Server, missing};

/// What becomes of the connection after the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It serves: a PING is answered.
    Serves,
    /// It serves, but not without a password.
    NoAuth,
    /// It is closed.
    Closed,
    /// It waits for the rest of the request.
    Waits,
}

/// One input.
#[derive(Debug)]
pub struct Row {
    pub no: &'static str,
    pub send: Vec<u8>,
    pub reply: Vec<u8>,
    pub then: Then,
    /// Redis does the same.
    pub same: bool,
}

/// A row in which we do as Redis does.
pub fn same(no: &'static str, send: impl AsRef<[u8]>, reply: impl AsRef<[u8]>, then: Then) -> Row {
    Row { no, send: send.as_ref().to_vec(), reply: reply.as_ref().to_vec(), then, same: true }
}

/// A row in which we are stricter than Redis.
pub fn ours(no: &'static str, send: impl AsRef<[u8]>, reply: impl AsRef<[u8]>, then: Then) -> Row {
    Row { same: false, ..same(no, send, reply, then) }
}

fn protocol_error(no: &'static str, send: impl AsRef<[u8]>, text: &str) -> Row {
    same(no, send, format!("-ERR Protocol error: {text}\r\n"), Then::Closed)
}

/// Sends one row on a connection of its own; what is not as it should be.
fn try_row(port: u16, row: &Row) -> Result<(), String> {
    let mut client = Client::connect(port);
    client.send(&row.send);
    let after: &[u8] =
        if row.then == Then::NoAuth { b"-NOAUTH Authentication required.\r\n" } else { b"+PONG\r\n" };
    let (mut got, state) = match row.then {
        Then::Waits => client.drain(Duration::from_millis(60)),
        Then::Closed => (client.until_closed(), State::Closed),
        Then::Serves | Then::NoAuth => {
            client.send(b"PING\r\n");
            client.answer(row.reply.len() + after.len())
        }
    };
    let mut state_expected = State::Open;
    match row.then {
        Then::Serves | Then::NoAuth if got.ends_with(after) => got.truncate(got.len() - after.len()),
        Then::Serves | Then::NoAuth => return Err(format!("PING is not answered: {}", got.escape_ascii())),
        Then::Closed => state_expected = State::Closed,
        Then::Waits => {}
    }
    if got == row.reply && state == state_expected {
        return Ok(());
    }
    Err(format!("got {} and {state:?}, not {} and {:?}", shown(&got), shown(&row.reply), row.then))
}

fn shown(bytes: &[u8]) -> String {
    let text = bytes.escape_ascii().to_string();
    format!("'{}'", text.get(..400).unwrap_or(&text))
}

/// Sends every row to ours, and those that are the same there to a real server.
#[track_caller]
pub fn check(rows: &[Row], directives: &[&str]) {
    let node = Server::node(directives);
    let redis = (!missing("redis-server")).then(|| Server::redis(directives));
    let mut wrong = String::new();
    for row in rows {
        let mut note = |who: &str, result: Result<(), String>| {
            if let Err(text) = result {
                let _ = writeln!(wrong, "no. {} ({}) {who}: {text}", row.no, shown(&row.send));
            }
        };
        note("ours", try_row(node.port, row));
        if let Some(redis) = redis.as_ref().filter(|_| row.same) {
            note("redis-server", try_row(redis.port, row));
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    assert!(node.journal().lines().all(|line| !line.starts_with("Stopped")), "{}", node.journal());
}

#[test]
fn frames_that_are_none() {
    use Then::{Closed, Serves, Waits};
    let pong = "+PONG\r\n";
    let mut rows = Vec::new();
    for blank in ["\r\n", "\n", "   \r\n", "\t\t\r\n"] {
        rows.push(same("1-4", format!("{blank}PING\r\n"), pong, Serves));
    }
    for empty in ["*-1", "*-10", "*0", "*-9223372036854775808"] {
        rows.push(same("5-8", format!("{empty}\r\nPING\r\n"), pong, Serves));
    }
    for count in ["3000000000", "2147483648", "+1", "01", " 1", "1 ", "", "abc", "1e3", "0x1"] {
        rows.push(protocol_error("9-18", format!("*{count}\r\n"), "invalid multibulk length"));
        // What follows a bad frame is never executed.
        rows.push(protocol_error("9-18", format!("*{count}\r\nPING\r\n"), "invalid multibulk length"));
    }
    for count in ["2147483647", "1048577"] {
        rows.push(same("19-20", format!("*{count}\r\n"), "", Waits));
    }
    for length in ["-1", "-10", "2000000000", "536870913", "", "blabla", "18446744073709551616"] {
        rows.push(protocol_error("21-27", format!("*1\r\n${length}\r\n"), "invalid bulk length"));
    }
    for length in ["+4", "04"] {
        rows.push(protocol_error("28-29", format!("*1\r\n${length}\r\nPING\r\n"), "invalid bulk length"));
    }
    for (first, shown) in [(":4", ":"), ("foo", "f"), ("*1", "*"), ("\r\n", " ")] {
        let text = format!("expected '$', got '{shown}'");
        rows.push(protocol_error("31-33, 35", format!("*1\r\n{first}\r\n"), &text));
    }
    for byte in [0xFF, 1, b'\t', b'\'', b'"', b'\\'] {
        let error = [b"-ERR Protocol error: expected '$', got '", &[byte][..], b"'\r\n"].concat();
        rows.push(same("34", [b"*1\r\n", &[byte][..], b"\r\n"].concat(), error, Closed));
    }
    for line in ["x", "x\n", "x\r", "\r", "\0x\r\n"] {
        rows.push(same("31-35, unfinished", format!("*1\r\n{line}"), "", Waits));
    }
    let digits = "1".repeat(65_537);
    rows.push(protocol_error("36", format!("*{digits}"), "too big mbulk count string"));
    rows.push(protocol_error("37", format!("*1\r\n${digits}"), "too big bulk count string"));
    let junk = "j".repeat(70_000);
    rows.push(protocol_error("38", format!("\0{junk}"), "too big inline request"));
    rows.push(protocol_error("39", format!("*\0{junk}"), "too big mbulk count string"));
    rows.push(protocol_error("40", format!("*1\r\n$\0{junk}"), "too big bulk count string"));
    rows.push(same("38-40", "\0junk", "", Waits));
    rows.push(protocol_error("41", "i".repeat(65_537), "too big inline request"));
    rows.push(protocol_error("42", "*1\n$4\nPING\r\n", "invalid multibulk length"));
    rows.push(protocol_error("43", "*1\r$4\rPING\r", "expected '$', got '4'"));
    // Whatever stands behind an argument in place of CRLF is passed over.
    rows.push(same("44", "*1\r\n$4\r\nPINGXX", pong, Serves));
    let rest = "-ERR unknown command 'NG', with args beginning with: \r\n";
    rows.push(same("45", "*1\r\n$4\r\nPINGPONG\r\n", [pong, rest].concat(), Serves));
    let pin = "-ERR unknown command 'PIN', with args beginning with: \r\n";
    rows.push(same("44", "*1\r\n$3\r\nPING\r\n", pin, Serves));
    rows.push(same("44", "*1\r\n$5\r\nPING\r\n", "", Waits));
    let ping = "-ERR unknown command 'PING ', with args beginning with: \r\n";
    rows.push(same("44", "*1\r\n$5\r\nPING\r\n\r\n", ping, Serves));
    check(&rows, &[]);
}

#[test]
fn inline_requests_that_are_none() {
    use Then::{Closed, Serves};
    let mut rows = Vec::new();
    for line in [r#"SET a "b"#, "SET a 'b", r#"SET a "b"c"#] {
        rows.push(protocol_error("46-48", format!("{line}\r\n"), "unbalanced quotes in request"));
    }
    for (line, echoed) in [(r#"ECHO "\x4""#, "x4"), (r"ECHO '\x41'", r"\x41"), (r"ECHO 'it\'s'", "it's")] {
        rows.push(same("49-51", format!("{line}\r\n"), format!("${}\r\n{echoed}\r\n", echoed.len()), Serves));
    }
    for method in ["GET", "POST", "PUT", "OPTIONS"] {
        let request =
            format!("{method} / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 8\r\n\r\nSET a b\r\n");
        rows.push(same("52-55", request, "", Closed));
    }
    rows.push(same("56", "*1\r\n$4\r\npost\r\n", "", Closed));
    rows.push(same("56", "*1\r\n$6\r\nPOST\0x\r\n", "", Closed));
    rows.push(same("57", "Host: 127.0.0.1\r\n", "", Closed));
    // The replies before it are lost.
    for before in ["PING\r\n", "MULTI\r\nPING\r\nEXEC\r\n", "SUBSCRIBE c\r\n", "CLIENT REPLY OFF\r\n"] {
        rows.push(same("56-57", format!("{before}Host: 127.0.0.1\r\nPING\r\n"), "", Closed));
    }
    let unknown = |name: &str, args: &str| {
        format!("-ERR unknown command '{name}', with args beginning with: {args}\r\n")
    };
    rows.push(same("58", "HEAD / HTTP/1.1\r\n", unknown("HEAD", "'/' 'HTTP/1.1' "), Serves));
    let http2 = [unknown("PRI", "'*' 'HTTP/2.0' "), unknown("SM", "")].concat();
    rows.push(same("59", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", http2, Serves));
    rows.push(same("60", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "", Then::Waits));
    for (line, word) in
        [("\x01", "\x01"), ("\u{85}", "\u{85}"), ("PING\x0c", "PING\x0c"), ("\x0bPING\x0b", "PING\x0b")]
    {
        rows.push(same(
            "60",
            format!("ECHO a\r\n{line}\r\n"),
            ["$1\r\na\r\n", &unknown(word, "")].concat(),
            Serves,
        ));
    }
    for line in ["ECHO a\x0bb", "ECHO \x0c\x0ba\x0bb \x0c", "ECHO \"a\x0bb\"\x0c"] {
        rows.push(same("60", format!("{line}\r\n"), "$3\r\na\x0bb\r\n", Serves));
    }
    // Redis looks for the end of a line up to a NUL only.
    for (line, reply) in [
        ("PING\0\r\n", ""),
        ("ab\0cd\r\nPING\r\n", ""),
        ("SET k \"a\0b\"\r\n", ""),
        ("PING\r\n\0\r\nPING\r\n", "+PONG\r\n"),
        ("*1\0\r\n$4\r\nPING\r\n", ""),
        ("*1\r\n$4\0\r\nPING\r\n", ""),
    ] {
        rows.push(same("38-40", line, reply, Then::Waits));
    }
    let pings = "PING\r\n".repeat(11_000);
    rows.push(protocol_error("38-40", format!("PING\0\r\n{pings}"), "too big inline request"));
    let ssh = "-ERR unknown command 'SSH-2.0-OpenSSH_9.6', with args beginning with: \r\n";
    rows.push(same("61", "SSH-2.0-OpenSSH_9.6\r\n", ssh, Serves));
    check(&rows, &[]);
}

#[test]
fn a_connection_that_is_to_be_closed_without_a_reply_stays_and_does_nothing() {
    use Then::{Closed, Serves, Waits};
    let pong = "+PONG\r\n";
    let mut rows = Vec::new();
    for mute in ["OFF", "SKIP"] {
        for end in ["QUIT\r\n", "* 1\r\n", "*1\r\n:4\r\n", "SET \"\r\n", "*1\r\n$-1\r\n"] {
            let muted = format!("CLIENT REPLY {mute}\r\n{end}");
            rows.push(same("muted", format!("{muted}PING\r\nCLIENT REPLY ON\r\n"), "", Waits));
            // What waits to be sent is a reply, and closes the connection.
            rows.push(same("muted", format!("PING\r\n{muted}PING\r\n"), pong, Closed));
        }
    }
    // To Redis a request without arguments is the one whose reply is skipped.
    for empty in ["\r\n", " \r\n", "*0\r\n", "*-1\r\n", "\r\n*0\r\n"] {
        rows.push(same("muted", format!("CLIENT REPLY SKIP\r\n{empty}PING\r\n"), pong, Serves));
        let bad = format!("CLIENT REPLY SKIP\r\n{empty}*x\r\n");
        rows.push(protocol_error("muted", bad, "invalid multibulk length"));
    }
    rows.push(same("muted", "CLIENT REPLY SKIP\r\nRESET\r\n", "", Serves));
    rows.push(same("muted", "CLIENT REPLY OFF\r\nRESET\r\n", "+RESET\r\n", Serves));
    check(&rows, &[]);

    let node = Server::node(&[]);
    let mut client = node.client();
    client.send(b"CLIENT REPLY OFF\r\nCLIENT SETNAME muted\r\nSUBSCRIBE c\r\n");
    assert_eq!(client.answer(30).0, b"*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
    client.send(b"QUIT\r\nCLIENT SETNAME awake\r\n");
    assert!(node.ask("CLIENT LIST").contains("name=muted"));
    node.ask("PUBLISH c message");
    assert_eq!(client.until_closed(), b"", "the first thing to write is not written, and closes it");
}

#[test]
fn a_browser_is_told_of_in_the_log() {
    let node = Server::node(&[]);
    for line in ["POST / HTTP/1.1\r\n\r\n", "host: 127.0.0.1\r\n"] {
        let mut client = node.client();
        client.send(line.as_bytes());
        assert_eq!(client.until_closed(), b"");
    }
    // The second one came within the minute.
    let log = node.journal();
    let told: Vec<&str> = log.lines().filter(|line| line.contains("ATTACK")).collect();
    let expected = "Warning: Possible SECURITY ATTACK detected. It looks like somebody is sending POST or Host: \
                    commands to Redis. This is likely due to an attacker attempting to use Cross Protocol Scripting \
                    to compromise your Redis instance. Connection aborted.";
    assert_eq!(told, [expected]);
}

#[test]
fn commands_that_are_none() {
    let long = "a".repeat(200);
    let shown = "a".repeat(128);
    let error = |text: &str| format!("-ERR {text}\r\n");
    let rows = [
        same(
            "62",
            command("foo a b"),
            error("unknown command 'foo', with args beginning with: 'a' 'b' "),
            Then::Serves,
        ),
        same(
            "63",
            command(&format!("foo {long} b")),
            error(&format!("unknown command 'foo', with args beginning with: '{shown}' ")),
            Then::Serves,
        ),
        same(
            "63",
            command(&format!("{long} b")),
            error(&format!("unknown command '{shown}', with args beginning with: 'b' ")),
            Then::Serves,
        ),
        same(
            "64",
            encode(&[b"fo\r\no", b"x\r\ny"]),
            error("unknown command 'fo  o', with args beginning with: 'x  y' "),
            Then::Serves,
        ),
        same(
            "65",
            encode(&[b"\xFF\xFE", b"\xC3\x28"]),
            b"-ERR unknown command '\xFF\xFE', with args beginning with: '\xC3\x28' \r\n",
            Then::Serves,
        ),
        same("66", command("GET"), error("wrong number of arguments for 'get' command"), Then::Serves),
        same(
            "67",
            command("CONFIG NOPE"),
            error("unknown subcommand 'NOPE'. Try CONFIG HELP."),
            Then::Serves,
        ),
        same("68", command("config"), error("wrong number of arguments for 'config' command"), Then::Serves),
        same(
            "68",
            command("CONFIG GET"),
            error("wrong number of arguments for 'config|get' command"),
            Then::Serves,
        ),
        same("79", command("HELLO 4"), "-NOPROTO unsupported protocol version\r\n", Then::Serves),
        same(
            "80",
            command("HELLO abc"),
            error("Protocol version is not an integer or out of range"),
            Then::Serves,
        ),
        same(
            "81",
            encode(&[b"CLIENT", b"SETNAME", b"a b"]),
            error("Client names cannot contain spaces, newlines or special characters."),
            Then::Serves,
        ),
        same("88", command("SCAN 0 COUNT 0"), error("syntax error"), Then::Serves),
        same("89", command("SET k abc"), "+OK\r\n", Then::Serves),
        same("89", command("INCR k"), error("value is not an integer or out of range"), Then::Serves),
        same("90", command("SET m 9223372036854775807"), "+OK\r\n", Then::Serves),
        same("90", command("INCR m"), error("increment or decrement would overflow"), Then::Serves),
        same(
            "91",
            command("SETRANGE k 536870912 x"),
            error("string exceeds maximum allowed size (proto-max-bulk-len)"),
            Then::Serves,
        ),
        same(
            "93",
            command("EXPIRE k 9223372036854775807"),
            error("invalid expire time in 'expire' command"),
            Then::Serves,
        ),
        same("97", command("EXEC"), error("EXEC without MULTI"), Then::Serves),
        same(
            "98",
            [command("MULTI"), command("MULTI"), command("EXEC")].concat(),
            "+OK\r\n-ERR MULTI calls can not be nested\r\n*0\r\n",
            Then::Serves,
        ),
        same(
            "99",
            [command("MULTI"), command("SET k 1"), command("NOPE"), command("EXEC")].concat(),
            "+OK\r\n+QUEUED\r\n-ERR unknown command 'NOPE', with args beginning with: \r\n\
             -EXECABORT Transaction discarded because of previous errors.\r\n",
            Then::Serves,
        ),
    ];
    check(&rows, &[]);
}

#[test]
fn a_pattern_of_twenty_thousand_stars_is_matched_at_once() {
    // No. 87.
    let node = Server::node(&[]);
    let mut client = node.client();
    client.ask(&["SET", &"a".repeat(1000), "v"]);
    let begun = std::time::Instant::now();
    let pattern = "*a".repeat(10_000) + "b";
    assert_eq!(client.ask(&["KEYS", &pattern]).text(), "");
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

#[test]
fn requests_cut_anywhere_count_once_they_are_whole() {
    // No. 69-72.
    let node = Server::node(&[]);
    let mut client = node.client();
    for byte in command("PING") {
        client.send(&[byte]);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(client.reply().unwrap().text(), "PONG");

    client.send(&command("PING"));
    client.stream().shutdown(std::net::Shutdown::Write).unwrap();
    assert_eq!(client.until_closed(), b"+PONG\r\n", "a half-closed connection gets its reply");

    let mut client = node.client();
    client.send(&b"INCR served\n".repeat(1000));
    drop(client);
    let mut client = node.client();
    client.send(&command("INCR reset"));
    let socket = socket2::SockRef::from(client.stream());
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    drop(client);
    super::support::until("pipelined requests of a client that went are served", &[&node], || {
        node.ask("GET served") == "1000"
    });
    assert_eq!(node.ask("PING"), "PONG");
}

#[test]
fn frames_before_a_bad_one_count_and_nothing_after_it() {
    // I18: also when the good frame in between makes the connection pause, or closes it.
    let node = Server::node(&[]);
    for before in ["SET k v", "DEBUG SLEEP 0.001", "WAIT 1 1"] {
        for bad in ["*3000000000\r\n", "*1\r\n$-1\r\n", "*1\r\n:1\r\n", "SET \"\r\n"] {
            let mut client = node.client();
            client.send(
                &[&command(before), bad.as_bytes(), b"SET executed yes\r\n", &command("SET executed yes")]
                    .concat(),
            );
            let told = client.until_closed();
            let told = String::from_utf8(told).unwrap();
            let lines: Vec<&str> = told.lines().collect();
            assert_eq!(lines.len(), 2, "{before}, then {bad:?}: {told}");
            assert!(lines[1].starts_with("-ERR Protocol error: "), "{before}, then {bad:?}: {told}");
        }
    }
    assert_eq!(node.ask("EXISTS executed"), "0");
}
