//! Commands out of an append-only file, and where it is damaged.
//!
//! Must not know what a command does: each is handed out as it stands. A file that ends in the middle of a command or of
//! a transaction is torn, as a crash leaves it; anything else that is no command is damage.

use std::io::{self, Read};

use crate::protocol::{Args, Body, Decoder, Limits};

/// Bytes read at once.
const READ: usize = 128 * 1024;
/// Bytes of commands that are handed out before their room is used again.
const ROOM: usize = 1024 * 1024;

/// What is wrong with a file.
#[derive(Debug)]
pub enum Damage {
    /// It ends in the middle of a command or a transaction, which begins at the offset.
    Torn,
    /// What stands at the offset is no command.
    Format(String),
    /// The command at the offset could not be executed.
    Refused(String),
    /// The system could not read it.
    Io(io::Error),
}

/// A file that cannot be used whole: everything before `offset` is good.
#[derive(Debug)]
pub struct AofError {
    /// Where, in bytes from the beginning.
    pub offset: u64,
    /// What.
    pub damage: Damage,
}

/// What was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadAof {
    /// Commands handed out.
    pub commands: u64,
    /// Bytes read, which is the size of the file.
    pub bytes: u64,
}

/// Hands out the commands of `source` one by one; `begun` bytes of it were read before and are the first of them.
///
/// # Errors
/// Where the good part ends and why. Commands of an unfinished transaction at the end were handed out.
pub fn read_commands(
    mut source: impl Read,
    begun: &[u8],
    bulk_max: u64,
    mut take: impl FnMut(&Args<'_>) -> Result<(), String>,
) -> Result<ReadAof, AofError> {
    let limits = Limits { bulk: bulk_max as i64, authenticated: true };
    let mut buffer = begun.to_vec();
    let mut decoder = Decoder::new();
    // Where the buffer begins; where the last whole command or transaction ends.
    let (mut base, mut good) = (0, 0);
    // Where the next command must begin, in the buffer: the decoder skips what a client may send between commands.
    let mut expected = 0;
    let mut in_transaction = false;
    let mut read = ReadAof::default();
    loop {
        match decoder.next(&buffer, &limits) {
            Ok(Some(request)) => {
                let start = base + request.start as u64;
                if request.start != expected {
                    return Err(damaged(base + expected as u64, NO_COMMAND));
                }
                expected = request.end;
                if let Body::Spans { first, count } = request.body {
                    let args = Args::new(&buffer, &decoder.spans()[first..first + count]);
                    let refused = |reason| AofError { offset: start, damage: Damage::Refused(reason) };
                    take(&args).map_err(refused)?;
                    read.commands += 1;
                    in_transaction = match args.name().to_ascii_lowercase().as_slice() {
                        b"multi" => true,
                        b"exec" => false,
                        _ => in_transaction,
                    };
                } else if buffer[request.start] != ANNOTATION {
                    return Err(damaged(start, NO_COMMAND));
                }
                if !in_transaction {
                    good = base + request.end as u64;
                }
                if request.end < ROOM {
                    continue;
                }
            }
            Ok(None) => {}
            Err(error) => {
                let consumed = decoder.consume();
                return Err(damaged(base + consumed as u64, &error.to_string()));
            }
        }
        let consumed = decoder.consume();
        if consumed != expected {
            return Err(damaged(base + expected as u64, NO_COMMAND));
        }
        expected = 0;
        buffer.drain(..consumed);
        base += consumed as u64;
        let before = buffer.len();
        let room = READ.max(decoder.missing(&buffer).min(ROOM));
        let count = (&mut source).take(room as u64).read_to_end(&mut buffer);
        let count = count.map_err(|error| AofError { offset: good, damage: Damage::Io(error) })?;
        if count == 0 {
            read.bytes = base + before as u64;
            return match buffer.first() {
                None if !in_transaction => Ok(read),
                None | Some(b'*' | &ANNOTATION) => Err(AofError { offset: good, damage: Damage::Torn }),
                Some(_) => Err(damaged(base, NO_COMMAND)),
            };
        }
    }
}

/// Begins a line with the time at which what follows was written (`aof-timestamp-enabled`).
const ANNOTATION: u8 = b'#';

const NO_COMMAND: &str = "a command begins with '*'";

fn damaged(offset: u64, reason: &str) -> AofError {
    AofError { offset, damage: Damage::Format(reason.to_owned()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::protocol::write_request;

    fn file(commands: &[&[&[u8]]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for parts in commands {
            write_request(parts, &mut |piece| bytes.extend_from_slice(piece));
        }
        bytes
    }

    fn read(bytes: &[u8]) -> (Result<ReadAof, AofError>, Vec<String>) {
        let mut seen = Vec::new();
        let result = read_commands(bytes, b"", 1 << 29, |args| {
            seen.push(args.from(0).map(|arg| arg.escape_ascii().to_string()).collect::<Vec<_>>().join(" "));
            Ok(())
        });
        (result, seen)
    }

    fn sample() -> Vec<u8> {
        let big = vec![b'x'; 300_000];
        file(&[
            &[b"SELECT", b"0"],
            &[b"SET", b"a\r\n", &big],
            &[b"MULTI"],
            &[b"INCR", b"n"],
            &[b"INCR", b"n"],
            &[b"EXEC"],
            &[b"DEL", b"a"],
        ])
    }

    #[test]
    fn a_file_that_is_cut_anywhere_is_torn_where_the_last_whole_command_or_transaction_ends() {
        let bytes = sample();
        let (whole, seen) = read(&bytes);
        assert_eq!(whole.unwrap(), ReadAof { commands: 7, bytes: bytes.len() as u64 });
        assert_eq!(seen[3], "INCR n");
        let ends: Vec<usize> = {
            let del = file(&[&[b"DEL", b"a"]]).len();
            let transaction = file(&[&[b"MULTI"], &[b"INCR", b"n"], &[b"INCR", b"n"], &[b"EXEC"]]).len();
            let select = file(&[&[b"SELECT", b"0"]]).len();
            let all = bytes.len();
            vec![0, select, all - del - transaction, all - del, all]
        };
        let near = |cut: &usize| *cut < 100 || *cut + 400 > bytes.len() || cut.is_multiple_of(10_007);
        for cut in (0..bytes.len()).filter(near) {
            let good = *ends.iter().rev().find(|end| **end <= cut).unwrap();
            match read(&bytes[..cut]).0 {
                Ok(read) => assert_eq!((read.bytes, cut), (cut as u64, good)),
                Err(error) => {
                    assert!(matches!(error.damage, Damage::Torn), "{cut}: {error:?}");
                    assert_eq!(error.offset, good as u64, "{cut}");
                }
            }
        }
    }

    #[test]
    fn what_is_no_command_is_damage_and_not_a_torn_end() {
        let good = file(&[&[b"PING"]]);
        let cases: [(&[u8], &str); 9] = [
            (b"\0\0\0\0", "zeros"),
            (b"\r\n*1\r\n$4\r\nPING\r\n", "an empty line"),
            (b"*0\r\n*1\r\n$4\r\nPING\r\n", "a command without a name"),
            (b"*0\r\n", "the same at the end"),
            (b"PING\r\n", "an inline command"),
            (b"*1\r\n$4\r\nPINGxx", "a length that is too short"),
            (b"*1\r\n$9999999999\r\n", "a length beyond the limit"),
            (b"*1\r\n:1\r\n", "another type"),
            (b"*x\r\n", "no number"),
        ];
        for (bytes, what) in cases {
            let error = read(&[&good, bytes].concat()).0.unwrap_err();
            assert!(matches!(error.damage, Damage::Format(_)), "{what}: {error:?}");
            assert_eq!(error.offset, good.len() as u64, "{what}");
        }
    }

    #[test]
    fn annotations_are_read_over_and_a_refused_command_is_named_by_its_place() {
        let bytes = [b"#TS:1628217470\r\n".as_slice(), &file(&[&[b"PING"], &[b"NOPE"]])].concat();
        assert_eq!(read(&bytes).1, ["PING", "NOPE"]);
        let error = read_commands(&bytes[..], b"", 1 << 29, |args| {
            if args.is(0, "nope") { Err("unknown".to_owned()) } else { Ok(()) }
        });
        let error = error.unwrap_err();
        assert!(matches!(error.damage, Damage::Refused(ref reason) if reason == "unknown"));
        assert_eq!(error.offset, 16 + 14);
    }

    #[test]
    fn no_byte_that_changes_makes_it_panic() {
        let bytes = file(&[&[b"SELECT", b"0"], &[b"MULTI"], &[b"SET", b"a", b"b"], &[b"EXEC"]]);
        for at in 0..bytes.len() {
            for flip in [1, 0x80, 0x20] {
                let mut changed = bytes.clone();
                changed[at] ^= flip;
                let (result, _) = read(&changed);
                // A shorter command may be one as well: then it is what follows that is none.
                assert!(result.err().is_none_or(|error| error.offset <= bytes.len() as u64));
            }
        }
    }
}
