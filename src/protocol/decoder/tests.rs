#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::{Body, Decoder, LINE_MAX, Limits, ProtocolError};
use crate::protocol::Args;

const LIMITS: Limits = Limits { bulk: 512 * 1024 * 1024, authenticated: true, strict: false };

/// All requests of `bytes`, fed in the given pieces, and how it ended.
fn feed(pieces: &[&[u8]], limits: &Limits) -> (Vec<Vec<Vec<u8>>>, Result<bool, ProtocolError>) {
    let (mut decoder, mut buffer, mut requests) = (Decoder::new(), Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        let mut bodies = Vec::new();
        loop {
            match decoder.next(&buffer, limits) {
                Ok(Some(request)) => bodies.push(request.body),
                Ok(None) => break,
                Err(error) => {
                    collect(&decoder, &buffer, bodies, &mut requests);
                    return (requests, Err(error));
                }
            }
        }
        collect(&decoder, &buffer, bodies, &mut requests);
        let consumed = decoder.consume();
        buffer.drain(..consumed);
    }
    let midway = decoder.is_midway(&buffer);
    (requests, Ok(midway))
}

fn collect(decoder: &Decoder, buffer: &[u8], bodies: Vec<Body>, into: &mut Vec<Vec<Vec<u8>>>) {
    for body in bodies {
        let words = match body {
            Body::Spans { first, count } => {
                let args = Args::new(buffer, &decoder.spans()[first..first + count]);
                args.from(0).map(<[u8]>::to_vec).collect()
            }
            Body::Inline(args) => args.args().from(0).map(<[u8]>::to_vec).collect(),
        };
        into.push(words);
    }
}

fn error_of(bytes: &[u8]) -> String {
    error_within(bytes, &LIMITS)
}

fn error_within(bytes: &[u8], limits: &Limits) -> String {
    match feed(&[bytes], limits).1 {
        Err(error) => error.reply().escape_ascii().to_string().replace(r"\'", "'"),
        Ok(midway) => format!("no error, midway: {midway}"),
    }
}

#[test]
fn bad_lengths_end_the_connection_with_redis_own_words() {
    for count in ["*3000000000", "*2147483648", "*+1", "*01", "* 1", "*1 ", "*", "*abc", "*1e3", "*0x1"] {
        assert_eq!(
            error_of(format!("{count}\r\n").as_bytes()),
            "ERR Protocol error: invalid multibulk length"
        );
    }
    let lengths =
        ["$-1", "$-10", "$2000000000", "$536870913", "$", "$blabla", "$18446744073709551616", "$+4", "$04"];
    for length in lengths {
        let request = format!("*1\r\n{length}\r\n");
        assert_eq!(error_of(request.as_bytes()), "ERR Protocol error: invalid bulk length", "{length}");
    }
    for (byte, shown) in
        [(b':', ":"), (b'f', "f"), (b'*', "*"), (0xFF, r"\xff"), (1, r"\x01"), (b'\t', r"\t"), (b'\r', r"\r")]
    {
        let expected = format!("ERR Protocol error: expected '$', got '{shown}'");
        assert_eq!(error_of(&[b"*1\r\n".as_slice(), &[byte], b"3\r\n"].concat()), expected);
    }
    let long = "1".repeat(65_537);
    assert_eq!(error_of(format!("*{long}").as_bytes()), "ERR Protocol error: too big mbulk count string");
    assert_eq!(
        error_of(format!("*1\r\n${long}").as_bytes()),
        "ERR Protocol error: too big bulk count string"
    );
    assert_eq!(error_of(&vec![0; 70_000]), "ERR Protocol error: too big inline request");
    assert_eq!(error_of("a".repeat(65_537).as_bytes()), "ERR Protocol error: too big inline request");
    assert_eq!(error_of(b"*1\n$4\nPING\nPING\r\n"), "ERR Protocol error: invalid multibulk length");
    assert_eq!(error_of(b"*1\r$4\rPING\r"), "ERR Protocol error: expected '$', got '4'");
    assert_eq!(error_of(b"set \"a\r\n"), "ERR Protocol error: unbalanced quotes in request");
}

#[test]
fn empty_requests_are_passed_over() {
    for noise in
        ["\r\n", "\n", "   \r\n", "\t\r\n", "*-1\r\n", "*-10\r\n", "*0\r\n", "*-9223372036854775808\r\n"]
    {
        let (requests, end) = feed(&[noise.as_bytes(), b"PING\r\n"], &LIMITS);
        assert_eq!((requests.len(), end), (1, Ok(false)), "{noise:?}");
    }
}

#[test]
fn a_promise_of_many_arguments_waits_and_costs_nothing() {
    for promise in ["*2147483647\r\n", "*1048577\r\n"] {
        assert_eq!(feed(&[promise.as_bytes()], &LIMITS).1, Ok(true));
    }
    let mut decoder = Decoder::new();
    assert!(decoder.next(b"*2147483647\r\n$1\r\na\r\n", &LIMITS).unwrap().is_none());
    assert!(decoder.spans.capacity() < 64);
    let flood = [b"*2147483647\r\n".to_vec(), b"$0\r\n\r\n".repeat(1024 * 1024 + 1)].concat();
    assert_eq!(error_of(&flood), "ERR Protocol error: invalid multibulk length");
}

#[test]
fn a_client_may_begin_an_inline_request_with_any_byte() {
    for byte in (1..=u8::MAX).filter(|byte| !b"*'\"".contains(byte) && !byte.is_ascii_whitespace()) {
        let words = if byte == 0x0b { vec![b"a".to_vec()] } else { vec![vec![byte, b'a']] };
        assert_eq!(feed(&[&[byte]], &LIMITS), (vec![], Ok(true)), "{byte}");
        assert_eq!(feed(&[&[byte], b"a\r\n"], &LIMITS), (vec![words], Ok(false)), "{byte}");
    }
    // A browser's lines are requests like others; what POST and Host: mean is for others to know.
    assert_eq!(feed(&[b"GET /x HTTP/1.0\r\n"], &LIMITS).0[0].len(), 3);
}

#[test]
fn a_client_that_sends_a_nul_waits_until_its_line_is_too_long() {
    let cases: [(&[u8], usize, &str); 6] = [
        (b"PING\0\r\nPING\r\n", 0, "too big inline request"),
        (b"PING\r\n\0\r\nPING\r\n", 1, "too big inline request"),
        (b"SET k \"a\0b\"\r\n", 0, "too big inline request"),
        (b"*1\0\r\n$4\r\nPING\r\n", 0, "too big mbulk count string"),
        (b"*1\r\n$4\0\r\nPING\r\n", 0, "too big bulk count string"),
        (b"*1\r\n\0$4\r\nPING\r\n", 0, "too big bulk count string"),
    ];
    for (bytes, before, error) in cases {
        let (requests, end) = feed(&[bytes], &LIMITS);
        assert_eq!((requests.len(), end), (before, Ok(true)), "{}", bytes.escape_ascii());
        let more = b"\r\nPING".repeat(LINE_MAX / 6);
        let (requests, end) = feed(&[bytes, &more], &LIMITS);
        let error = format!("ERR Protocol error: {error}");
        assert_eq!(
            (requests.len(), end.unwrap_err().to_string()),
            (before, error),
            "{}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn a_line_that_must_begin_with_a_dollar_is_waited_for_up_to_its_bound() {
    let longest = vec![b'x'; LINE_MAX];
    let before_newline = [&longest[..], b"\r"].concat();
    for bytes in [&b"x"[..], b"x\n", b"x\r", b"\r", b"\0x\r\n", &longest, &before_newline] {
        assert_eq!(feed(&[b"*1\r\n", bytes], &LIMITS), (vec![], Ok(true)), "{} bytes", bytes.len());
    }
    let too_long = vec![b'x'; LINE_MAX + 1];
    assert_eq!(feed(&[b"*1\r\n", &too_long], &LIMITS).1, Err(ProtocolError::LongBulkLine));
    // A line that is whole is judged by its first byte, however long it is.
    let whole = [b"*1\r\n", &too_long[..], b"\r\n"].concat();
    assert_eq!(feed(&[&whole], &LIMITS).1, Err(ProtocolError::ExpectedDollar(b'x')));
}

#[test]
fn lines_have_the_bounds_that_redis_gives_them() {
    for (start, error) in [
        (&b"*"[..], ProtocolError::LongMultibulkLine),
        (b"*1\r\n$", ProtocolError::LongBulkLine),
        (b"1", ProtocolError::LongInline),
    ] {
        let rest = vec![b'1'; LINE_MAX];
        assert_eq!(feed(&[&[start, &rest[1..]].concat()], &LIMITS).1, Ok(true), "{error}");
        assert_eq!(feed(&[&[start, &rest].concat()], &LIMITS).1, Err(error));
    }
    let long = [&vec![b'a'; LINE_MAX * 2][..], b"\r\n"].concat();
    assert_eq!(
        feed(&[&long], &LIMITS).0[0][0].len(),
        LINE_MAX * 2,
        "what came at once is no line without end"
    );
}

#[test]
fn a_client_may_put_any_two_bytes_behind_an_argument_and_a_server_none_but_crlf() {
    let cases: [(&[u8], &[&str]); 4] = [
        (b"*1\r\n$4\r\nPINGXX*1\r\n$4\r\nPING\0\0", &["PING", "PING"]),
        (b"*1\r\n$3\r\nPING\r\n", &["PIN"]),
        (b"*1\r\n$5\r\nPING\r\n\r\n", &["PING\r"]),
        (b"*1\rX$4\rYPING\n\r", &["PING"]),
    ];
    for (bytes, names) in cases {
        let (requests, end) = feed(&[bytes], &LIMITS);
        let read: Vec<_> = requests.iter().map(|words| String::from_utf8_lossy(&words[0])).collect();
        assert!(end.is_ok() && read == names, "{}: {read:?}", bytes.escape_ascii());
        let error = error_within(bytes, &Limits::of_server(1 << 29));
        assert_eq!(error, "ERR Protocol error: expected CRLF", "{}", bytes.escape_ascii());
    }
}

#[test]
fn what_no_server_writes_is_refused_at_once_if_a_server_wrote_it() {
    let limits = Limits::of_server(1 << 29);
    for (bytes, error) in [
        (&b"*1\r\nx"[..], "expected '$', got 'x'"),
        (b"*1\r\n\0", r"expected '$', got '\x00'"),
        (b"*1\0\r\n", "invalid multibulk length"),
        (b"*1\r\n$4\0\r\n", "invalid bulk length"),
        (b"\0", "a command begins with '*'"),
        (b"\x16\x03", "a command begins with '*'"),
        (b"\xff", "a command begins with '*'"),
    ] {
        assert_eq!(
            error_within(bytes, &limits),
            format!("ERR Protocol error: {error}"),
            "{}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn requests_without_arguments_are_told_of() {
    let mut decoder = Decoder::new();
    let bytes = b"PING\r\n\r\nPING\r\n*0\r\n*1\r\n$4\r\nPING\r\nPING\r\n*-1\r\n*x\r\n";
    let mut told = Vec::new();
    while let Ok(Some(request)) = decoder.next(bytes, &LIMITS) {
        told.push(request.after_empty);
    }
    assert_eq!((told, decoder.is_after_empty()), (vec![false, true, true, false], true));
}

#[test]
fn little_is_accepted_before_auth() {
    let limits = Limits { authenticated: false, ..LIMITS };
    let error = |bytes: &[u8]| feed(&[bytes], &limits).1.unwrap_err().to_string();
    assert_eq!(error(b"*11\r\n"), "ERR Protocol error: unauthenticated multibulk length");
    assert_eq!(error(b"*1\r\n$16385\r\n"), "ERR Protocol error: unauthenticated bulk length");
    assert_eq!(feed(&[b"*1\r\n$16384\r\n"], &limits).1, Ok(true));
}

#[test]
fn requests_before_a_bad_one_still_count() {
    let (requests, end) = feed(&[b"PING\r\n*1\r\n$4\r\nPING\r\n*x\r\nPING\r\n"], &LIMITS);
    assert_eq!((requests.len(), end), (2, Err(ProtocolError::MultibulkLength)));
}

fn request() -> impl Strategy<Value = (Vec<u8>, Vec<Vec<u8>>)> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..6).prop_map(|args| {
        let mut bytes = format!("*{}\r\n", args.len()).into_bytes();
        for arg in &args {
            bytes.extend(format!("${}\r\n", arg.len()).bytes());
            bytes.extend(arg);
            bytes.extend(b"\r\n");
        }
        (bytes, args)
    })
}

proptest! {
    #[test]
    fn where_the_bytes_are_split_makes_no_difference(
        requests in prop::collection::vec(request(), 1..6),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
    ) {
        let bytes: Vec<u8> = requests.iter().flat_map(|(bytes, _)| bytes.clone()).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]).collect();
        let expected: Vec<Vec<Vec<u8>>> = requests.into_iter().map(|(_, args)| args).collect();
        prop_assert_eq!(feed(&pieces, &LIMITS), (expected, Ok(false)));
    }

    #[test]
    fn no_bytes_make_it_panic(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..6)) {
        let starts: [&[u8]; 3] = [b"", b"*2\r\n$3\r\n", b"*1\r\n$"];
        for start in starts {
            let mut all = vec![start];
            all.extend(pieces.iter().map(Vec::as_slice));
            let _ = feed(&all, &LIMITS);
            let _ = feed(&all, &Limits::of_server(1 << 29));
        }
    }
}
