//! Commands out of an append-only file, and where it is damaged.
//!
//! Must not know what a command does: each is handed out as it stands. A file that ends in the middle of a command or of
//! a transaction is torn, as a crash leaves it; anything else that is no command is damage.

use std::io::{self, Read};

use crate::protocol::{Args, Body, Decoder, Limits};

/// Bytes read at once.
const READ: usize = 128 * 1024;
/// Most bytes that are read at once of a long command.
const READ_MAX: usize = 1024 * 1024;

/// What is wrong with a file.
#[derive(Debug)]
pub enum Damage {
    /// It ends in the middle of what begins at the offset.
    Torn {
        /// It ends behind a whole command, but before the EXEC of a transaction.
        in_transaction: bool,
    },
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

/// A file that is read command by command, some at a time.
#[derive(Debug)]
pub struct CommandReader<R> {
    source: R,
    limits: Limits,
    decoder: Decoder,
    buffer: Vec<u8>,
    /// Where the buffer begins in the file.
    base: u64,
    /// Where the last whole command or transaction ends in the file.
    good: u64,
    in_transaction: bool,
}

impl<R: Read> CommandReader<R> {
    /// A reader of what follows in `source`, with strings of up to `bulk_max` bytes.
    pub fn new(source: R, bulk_max: u64) -> Self {
        let limits = Limits::of_server(bulk_max as i64);
        let (base, good, in_transaction) = (0, 0, false);
        Self { source, limits, decoder: Decoder::new(), buffer: Vec::new(), base, good, in_transaction }
    }

    /// Where it reads from.
    pub fn source(&self) -> &R {
        &self.source
    }

    /// These bytes were read from the source already, by another reader, and are the first ones.
    pub fn begin_with(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes whose commands were handed out, from the first one on.
    pub fn offset(&self) -> u64 {
        self.base
    }

    /// Hands out the commands at hand one by one, and reads on: up to 128 KiB, or a longer command. `false` at the end.
    ///
    /// # Errors
    /// Where the good part ends and why. Commands of an unfinished transaction at the end were handed out.
    pub fn some(&mut self, mut take: impl FnMut(&Args<'_>) -> Result<(), String>) -> Result<bool, AofError> {
        // Where the next command must begin, in the buffer: the decoder skips what a client may send between commands.
        let mut expected = 0;
        loop {
            match self.decoder.next(&self.buffer, &self.limits) {
                Ok(Some(request)) => {
                    let start = self.base + request.start as u64;
                    if request.start != expected {
                        return Err(damaged(self.base + expected as u64, NO_COMMAND));
                    }
                    expected = request.end;
                    if let Body::Spans { first, count } = request.body {
                        let args = Args::new(&self.buffer, &self.decoder.spans()[first..first + count]);
                        let refused = |reason| AofError { offset: start, damage: Damage::Refused(reason) };
                        take(&args).map_err(refused)?;
                        self.in_transaction = match args.name().to_ascii_lowercase().as_slice() {
                            b"multi" => true,
                            b"exec" => false,
                            _ => self.in_transaction,
                        };
                    } else if self.buffer[request.start] != ANNOTATION {
                        return Err(damaged(start, NO_COMMAND));
                    }
                    if !self.in_transaction {
                        self.good = self.base + request.end as u64;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    let consumed = self.decoder.consume();
                    return Err(damaged(self.base + consumed as u64, &error.to_string()));
                }
            }
        }
        let consumed = self.decoder.consume();
        if consumed != expected {
            return Err(damaged(self.base + expected as u64, NO_COMMAND));
        }
        self.buffer.drain(..consumed);
        self.base += consumed as u64;
        self.read_on()
    }

    fn read_on(&mut self) -> Result<bool, AofError> {
        let room = READ.max(self.decoder.missing(&self.buffer).min(READ_MAX));
        let count = (&mut self.source).take(room as u64).read_to_end(&mut self.buffer);
        if count.map_err(|error| AofError { offset: self.good, damage: Damage::Io(error) })? > 0 {
            return Ok(true);
        }
        match self.buffer.first() {
            None if !self.in_transaction => Ok(false),
            first @ (None | Some(b'*' | &ANNOTATION)) => {
                let damage = Damage::Torn { in_transaction: first.is_none() };
                Err(AofError { offset: self.good, damage })
            }
            Some(_) => Err(damaged(self.base, NO_COMMAND)),
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

    /// Bytes read, or what is wrong.
    fn read_all(
        bytes: &[u8],
        mut take: impl FnMut(&Args<'_>) -> Result<(), String>,
    ) -> Result<u64, AofError> {
        let mut reader = CommandReader::new(bytes, 1 << 29);
        while reader.some(&mut take)? {}
        Ok(reader.offset())
    }

    fn read(bytes: &[u8]) -> (Result<u64, AofError>, Vec<String>) {
        let mut seen = Vec::new();
        let result = read_all(bytes, |args| {
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
        assert_eq!(whole.unwrap(), bytes.len() as u64);
        assert_eq!((seen.len(), seen[3].as_str()), (7, "INCR n"));
        let ends: Vec<usize> = {
            let del = file(&[&[b"DEL", b"a"]]).len();
            let transaction = file(&[&[b"MULTI"], &[b"INCR", b"n"], &[b"INCR", b"n"], &[b"EXEC"]]).len();
            let select = file(&[&[b"SELECT", b"0"]]).len();
            let all = bytes.len();
            vec![0, select, all - del - transaction, all - del, all]
        };
        let inside = {
            let (multi, incr) = (file(&[&[b"MULTI"]]).len(), file(&[&[b"INCR", b"n"]]).len());
            [0, 1, 2].map(|commands| ends[2] + multi + commands * incr)
        };
        let near = |cut: &usize| *cut < 100 || *cut + 400 > bytes.len() || cut.is_multiple_of(10_007);
        for cut in (0..bytes.len()).filter(near) {
            let good = *ends.iter().rev().find(|end| **end <= cut).unwrap();
            match read(&bytes[..cut]).0 {
                Ok(bytes) => assert_eq!((bytes, cut), (cut as u64, good)),
                Err(error) => {
                    let in_transaction = matches!(error.damage, Damage::Torn { in_transaction: true });
                    assert!(
                        in_transaction || matches!(error.damage, Damage::Torn { .. }),
                        "{cut}: {error:?}"
                    );
                    // After MULTI and after each of the two commands behind it.
                    assert_eq!(in_transaction, inside.contains(&cut), "{cut}");
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
        let error =
            read_all(&bytes, |args| if args.is(0, "nope") { Err("unknown".to_owned()) } else { Ok(()) });
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
