//! How a replica reads its master's answers during the handshake, and all that can go wrong on a link.
//!
//! A master is a peer as any other: what it says is checked before a byte of our own data is touched.

use std::time::Duration;

use thiserror::Error;

use super::{MAX_OFFSET, ReplId, ReplOffset};

/// Largest snapshot that is believed when it is announced: 1 TiB.
pub const MAX_SNAPSHOT_BYTES: u64 = 1 << 40;

/// Length of the mark that ends a diskless snapshot.
pub const EOF_MARK_LEN: usize = 40;

/// Why a link was closed or refused, in words for the user.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LinkError {
    /// No TCP connection.
    #[error("cannot connect: {0}")]
    ConnectFailed(String),
    /// The connection ended.
    #[error("connection lost: {0}")]
    Lost(String),
    /// Nothing came for `repl-timeout`.
    #[error("{}: nothing came for {silent:?} during {during} (repl-timeout)", timeout_words(during))]
    TimedOut {
        /// ROLE's word for the state.
        during: &'static str,
        /// For how long.
        silent: Duration,
    },
    /// The answer to PING was an error that does not just ask for a password.
    #[error("the master refused PING: {0}")]
    PingRefused(String),
    /// `masteruser` or `masterauth` are wrong.
    #[error("Unable to AUTH to MASTER: {0}")]
    AuthRefused(String),
    /// `-NOMASTERLINK` or `-LOADING`: the master cannot serve a sync yet.
    #[error("the master cannot sync yet: {0}")]
    NotYet(String),
    /// PSYNC or SYNC was refused.
    #[error("the master refused to sync: {0}")]
    SyncRefused(String),
    /// An answer to PSYNC that is none.
    #[error("unexpected answer to PSYNC: {0}")]
    UnexpectedAnswer(String),
    /// `+FULLRESYNC` without a 40-digit id or without an offset: no later PSYNC could be right.
    #[error("malformed +FULLRESYNC: {0}")]
    MalformedFullResync(String),
    /// `+CONTINUE` with something that is no id.
    #[error("malformed +CONTINUE: {0}")]
    MalformedContinue(String),
    /// `+CONTINUE` though we asked for a snapshot: there is nothing that could be continued.
    #[error("the master wants to continue a history that this node does not hold")]
    NothingToContinue,
    /// The line before the snapshot is neither `$<length>` nor `$EOF:<mark>`.
    #[error("malformed line before the snapshot: {0}")]
    MalformedPreamble(String),
    /// The announced length is none, negative or absurd.
    #[error("impossible snapshot length: {0}")]
    SnapshotLength(String),
    /// The snapshot could not be read or loaded; the old data is kept.
    #[error("snapshot refused: {0}")]
    SnapshotFailed(String),
    /// A command of the stream could not be applied: going on would let the data drift apart unnoticed.
    #[error("stream refused: {0}")]
    StreamRefused(String),
}

/// Redis' words for a time-out in this state of the link.
fn timeout_words(during: &str) -> &'static str {
    match during {
        "connected" => "MASTER timeout",
        "sync" => "Timeout receiving bulk data from MASTER",
        _ => "Timeout connecting to the MASTER",
    }
}

impl LinkError {
    /// Whether the master answered PSYNC with a refusal.
    pub fn is_refusal(&self) -> bool {
        matches!(self, Self::NotYet(_) | Self::SyncRefused(_) | Self::UnexpectedAnswer(_))
            || matches!(self, Self::MalformedFullResync(_) | Self::MalformedContinue(_))
    }
}

/// How the end of a snapshot is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SnapshotForm {
    /// So many bytes, and nothing behind them.
    Length(u64),
    /// Up to these 40 bytes, which are repeated behind it.
    UntilMark([u8; EOF_MARK_LEN]),
}

/// An answer to PSYNC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PsyncReply {
    FullResync {
        replid: ReplId,
        offset: ReplOffset,
    },
    Continue {
        replid: Option<ReplId>,
    },
    NotYet(String),
    /// A master that knows only SYNC.
    Unsupported,
}

/// Reads a non-empty answer to PSYNC, without its line end.
pub(super) fn parse_psync_reply(line: &[u8]) -> Result<PsyncReply, LinkError> {
    let mut words = line.split(|byte| *byte == b' ');
    match words.next().unwrap_or_default() {
        b"+FULLRESYNC" => {
            let (replid, offset) = (words.next().and_then(ReplId::parse), words.next().and_then(offset));
            match (replid, offset, words.next()) {
                (Some(replid), Some(offset), None) => Ok(PsyncReply::FullResync { replid, offset }),
                _ => Err(LinkError::MalformedFullResync(shown(line))),
            }
        }
        b"+CONTINUE" => match (words.next(), words.next()) {
            (None, _) => Ok(PsyncReply::Continue { replid: None }),
            (Some(id), None) if ReplId::parse(id).is_some() => {
                Ok(PsyncReply::Continue { replid: ReplId::parse(id) })
            }
            _ => Err(LinkError::MalformedContinue(shown(line))),
        },
        b"-NOMASTERLINK" | b"-LOADING" => Ok(PsyncReply::NotYet(shown(&line[1..]))),
        b"-ERR" => Ok(PsyncReply::Unsupported),
        [b'-', ..] => Err(LinkError::SyncRefused(shown(&line[1..]))),
        _ => Err(LinkError::UnexpectedAnswer(shown(line))),
    }
}

/// Reads the line before a snapshot, without its line end: `$<length>` or `$EOF:<40 bytes>`.
///
/// # Errors
/// [`LinkError::SyncRefused`] for an error reply, [`LinkError::SnapshotLength`] for a length that is not
/// within 1..=[`MAX_SNAPSHOT_BYTES`], [`LinkError::MalformedPreamble`] for anything else.
pub fn parse_preamble(line: &[u8]) -> Result<SnapshotForm, LinkError> {
    if let Some(error) = line.strip_prefix(b"-") {
        return Err(LinkError::SyncRefused(shown(error)));
    }
    let form = line.strip_prefix(b"$").ok_or_else(|| LinkError::MalformedPreamble(shown(line)))?;
    if let Some(mark) = form.strip_prefix(b"EOF:") {
        let mark = mark.try_into().map_err(|_| LinkError::MalformedPreamble(shown(line)))?;
        return Ok(SnapshotForm::UntilMark(mark));
    }
    match digits(form) {
        Some(length) if (1..=MAX_SNAPSHOT_BYTES).contains(&length) => Ok(SnapshotForm::Length(length)),
        _ => Err(LinkError::SnapshotLength(shown(form))),
    }
}

fn offset(text: &[u8]) -> Option<ReplOffset> {
    digits(text).filter(|offset| *offset <= MAX_OFFSET)
}

/// A number of digits only: Rust's own parser would take a sign too.
fn digits(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// A peer's words for a message: bounded, on one line, printable.
pub(super) fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(&text[..text.len().min(200)]);
    if text.is_empty() { "(nothing)".to_owned() } else { text.replace(char::is_control, "?") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "00112233445566778899aabbccddeeff00112233";

    fn psync(line: &str) -> Result<PsyncReply, LinkError> {
        parse_psync_reply(line.replace("ID", ID).as_bytes())
    }

    #[test]
    fn good_answers_to_psync() {
        let replid = ReplId::parse(ID.as_bytes());
        let full = replid.map(|replid| PsyncReply::FullResync { replid, offset: 17 });
        assert_eq!(psync("+FULLRESYNC ID 17").ok(), full);
        assert_eq!(psync("+CONTINUE"), Ok(PsyncReply::Continue { replid: None }));
        assert_eq!(psync("+CONTINUE ID"), Ok(PsyncReply::Continue { replid }));
        assert!(matches!(psync("-NOMASTERLINK Can't SYNC"), Ok(PsyncReply::NotYet(_))));
        assert!(matches!(psync("-LOADING Redis is loading"), Ok(PsyncReply::NotYet(_))));
        assert_eq!(psync("-ERR unknown command 'PSYNC'"), Ok(PsyncReply::Unsupported));
    }

    #[test]
    fn bad_answers_to_psync_are_refused_and_shown() {
        for line in [
            "+FULLRESYNC",
            "+FULLRESYNC abc 17",
            "+FULLRESYNC ID",
            "+FULLRESYNC ID -1",
            "+FULLRESYNC ID +1",
            "+FULLRESYNC ID x",
            "+FULLRESYNC ID 4611686018427387905",
            "+FULLRESYNC ID 17 more",
            "+FULLRESYNC  ID 17",
        ] {
            let error = psync(line);
            assert!(matches!(error, Err(LinkError::MalformedFullResync(_))), "{line}: {error:?}");
        }
        assert!(matches!(psync("+CONTINUE abc"), Err(LinkError::MalformedContinue(_))));
        assert!(matches!(psync("+CONTINUE ID ID"), Err(LinkError::MalformedContinue(_))));
        assert!(matches!(psync("-NOAUTH Authentication required."), Err(LinkError::SyncRefused(_))));
        assert!(matches!(psync("+OK"), Err(LinkError::UnexpectedAnswer(_))));
        assert!(matches!(psync("garbage"), Err(LinkError::UnexpectedAnswer(_))));
    }

    #[test]
    fn preambles() {
        let mark = [b'x'; EOF_MARK_LEN];
        let line = [&b"$EOF:"[..], &mark].concat();
        assert_eq!(parse_preamble(&line), Ok(SnapshotForm::UntilMark(mark)));
        assert_eq!(parse_preamble(b"$175"), Ok(SnapshotForm::Length(175)));
        assert_eq!(parse_preamble(b"$1099511627776"), Ok(SnapshotForm::Length(MAX_SNAPSHOT_BYTES)));
        for length in ["$-5", "$abc", "$", "$0", "$+5", "$1099511627777", "$99999999999999999999", "$5 "] {
            let error = parse_preamble(length.as_bytes());
            assert!(matches!(error, Err(LinkError::SnapshotLength(_))), "{length}: {error:?}");
        }
        for junk in [&line[..44], &[&line[..], b"x"].concat(), b"REDIS0011", b"+OK", b""] {
            assert!(matches!(parse_preamble(junk), Err(LinkError::MalformedPreamble(_))), "{junk:?}");
        }
        assert_eq!(parse_preamble(b"-ERR no"), Err(LinkError::SyncRefused("ERR no".to_owned())));
    }

    #[test]
    fn a_peers_words_are_shown_on_one_bounded_line() {
        assert_eq!(shown(b"a\r\nb\0"), "a??b?");
        assert_eq!(shown(&[b'x'; 5000]).len(), 200);
        assert_eq!(shown(b""), "(nothing)");
    }
}
