//! What a replica tells about itself with REPLCONF, before and after its PSYNC.
//!
//! Owns the options and their exact errors. It must not know how requests are framed or answered.

use thiserror::Error;

use super::{MAX_OFFSET, ReplOffset};

/// Longest `ip-address` that is taken, as in Redis.
const MAX_ADDRESS: usize = 255;

/// What one REPLCONF asks of the master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replconf {
    /// Options were noted: answer `+OK`.
    Ok,
    /// `ack`: hand it to [`MasterFeed::on_ack`](super::MasterFeed::on_ack); it has no reply.
    Ack(ReplOffset),
    /// `getack`: a replica sends its offset to its master at once; there is no reply.
    GetAck,
    /// Not understood and, as in Redis, without reply.
    Ignored,
}

/// The error reply to a REPLCONF.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ReplconfError {
    /// Options come in pairs.
    #[error("ERR syntax error")]
    Syntax,
    /// A number was expected.
    #[error("ERR value is not an integer or out of range")]
    NotAnInteger,
    /// A number is beyond its bounds. Redis believes any port; a port that cannot be shown as an address is refused here.
    #[error("ERR value is out of range, must be between {0} and {1}")]
    OutOfRange(i64, i64),
    /// `ip-address` is too long.
    #[error("ERR REPLCONF ip-address provided by replica instance is too long: {0} bytes")]
    AddressTooLong(usize),
    /// `rdb-filter-only` with a filter that we do not know.
    #[error("ERR Unsupported rdb-filter-only option: {0}")]
    UnknownFilter(String),
    /// No such option.
    #[error("ERR Unrecognized REPLCONF option: {0}")]
    UnknownOption(String),
}

/// What a replica has told about itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ReplicaOptions {
    /// The port on which it serves clients.
    pub listening_port: Option<u16>,
    /// The address it wants to be known by (`replica-announce-ip`).
    pub ip_address: Option<String>,
    /// It can read a snapshot that ends with a mark instead of having a length: diskless sync.
    pub capa_eof: bool,
    /// It understands `+CONTINUE <replid>`.
    pub capa_psync2: bool,
    /// It wants the snapshot and nothing after it.
    pub rdb_only: bool,
    /// Which part of the data set the snapshot is to hold.
    pub filter: SnapshotFilter,
}

/// Which part of the data set a snapshot holds (`rdb-filter-only`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SnapshotFilter {
    /// All of it.
    #[default]
    Everything,
    /// Function libraries and no keys.
    Functions,
    /// Neither.
    Nothing,
}

impl ReplicaOptions {
    /// Notes the arguments of one `REPLCONF`, without its name, from left to right.
    ///
    /// # Errors
    /// The error reply; options to the left of the faulty one are noted.
    pub fn apply(&mut self, args: &[&[u8]]) -> Result<Replconf, ReplconfError> {
        if !args.len().is_multiple_of(2) {
            return Err(ReplconfError::Syntax);
        }
        for pair in args.chunks_exact(2) {
            let (name, value) = (pair[0], pair[1]);
            match name.to_ascii_lowercase().as_slice() {
                b"listening-port" => self.listening_port = Some(ranged(value, 1, 65_535)? as u16),
                b"ip-address" => self.ip_address = Some(address(value)?),
                b"capa" if value.eq_ignore_ascii_case(b"eof") => self.capa_eof = true,
                b"capa" if value.eq_ignore_ascii_case(b"psync2") => self.capa_psync2 = true,
                // A capability of a later version is one that we do not use.
                b"capa" => {}
                b"ack" => return Ok(ack(value)),
                b"getack" => return Ok(Replconf::GetAck),
                b"rdb-only" => self.rdb_only = ranged(value, 0, 1)? == 1,
                b"rdb-filter-only" => self.filter = filter(value)?,
                _ => return Err(ReplconfError::UnknownOption(lossy(name))),
            }
        }
        Ok(Replconf::Ok)
    }
}

fn integer(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok().filter(|text| !text.starts_with('+'))?.parse().ok()
}

fn ranged(text: &[u8], low: i64, high: i64) -> Result<i64, ReplconfError> {
    let number = integer(text).ok_or(ReplconfError::NotAnInteger)?;
    if (low..=high).contains(&number) { Ok(number) } else { Err(ReplconfError::OutOfRange(low, high)) }
}

fn ack(text: &[u8]) -> Replconf {
    match integer(text).map(ReplOffset::try_from) {
        // Beyond any stream, so it cannot pass for an honest one; the bound keeps sums from overflowing.
        Some(Ok(offset)) => Replconf::Ack(offset.min(MAX_OFFSET)),
        _ => Replconf::Ignored,
    }
}

fn address(text: &[u8]) -> Result<String, ReplconfError> {
    if text.len() > MAX_ADDRESS {
        return Err(ReplconfError::AddressTooLong(text.len()));
    }
    // It is shown in INFO line by line, where a line end would let a replica forge other fields.
    Ok(lossy(text).replace(|c: char| c.is_control() || c == ',', "?"))
}

fn filter(text: &[u8]) -> Result<SnapshotFilter, ReplconfError> {
    let mut filter = SnapshotFilter::Nothing;
    for word in text.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
        if !word.eq_ignore_ascii_case(b"functions") {
            return Err(ReplconfError::UnknownFilter(lossy(word)));
        }
        filter = SnapshotFilter::Functions;
    }
    Ok(filter)
}

fn lossy(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(128)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(options: &mut ReplicaOptions, line: &str) -> Result<Replconf, String> {
        let args: Vec<&[u8]> = line.split(' ').map(str::as_bytes).collect();
        options.apply(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn options_are_noted_from_left_to_right() {
        let mut options = ReplicaOptions::default();
        assert_eq!(apply(&mut options, "capa eof CAPA PSYNC2 capa rdb-channel-repl"), Ok(Replconf::Ok));
        assert_eq!(apply(&mut options, "listening-port 7002 ip-address 10.0.0.1"), Ok(Replconf::Ok));
        assert_eq!(apply(&mut options, "rdb-only 1 rdb-filter-only functions"), Ok(Replconf::Ok));
        let told = ReplicaOptions {
            listening_port: Some(7002),
            ip_address: Some("10.0.0.1".to_owned()),
            capa_eof: true,
            capa_psync2: true,
            rdb_only: true,
            filter: SnapshotFilter::Functions,
        };
        assert_eq!(options, told);
        assert!(apply(&mut options, "rdb-only 0 foo bar").is_err());
        assert!(!options.rdb_only);
    }

    #[test]
    fn faulty_options_have_their_exact_errors() {
        for (line, error) in [
            ("capa", "ERR syntax error"),
            ("foo bar", "ERR Unrecognized REPLCONF option: foo"),
            ("listening-port abc", "ERR value is not an integer or out of range"),
            ("listening-port +5", "ERR value is not an integer or out of range"),
            ("listening-port -5", "ERR value is out of range, must be between 1 and 65535"),
            ("listening-port 0", "ERR value is out of range, must be between 1 and 65535"),
            ("listening-port 99999999", "ERR value is out of range, must be between 1 and 65535"),
            ("rdb-only 2", "ERR value is out of range, must be between 0 and 1"),
            ("rdb-filter-only keys", "ERR Unsupported rdb-filter-only option: keys"),
        ] {
            assert_eq!(apply(&mut ReplicaOptions::default(), line), Err(error.to_owned()), "{line}");
        }
        let long = "x".repeat(256);
        let error = ReplicaOptions::default().apply(&[b"ip-address", long.as_bytes()]);
        assert_eq!(error, Err(ReplconfError::AddressTooLong(256)));
    }

    #[test]
    fn acks_have_no_reply_whatever_they_say() {
        let mut options = ReplicaOptions::default();
        assert_eq!(apply(&mut options, "ack 17"), Ok(Replconf::Ack(17)));
        assert_eq!(apply(&mut options, "ACK 9223372036854775807"), Ok(Replconf::Ack(MAX_OFFSET)));
        assert_eq!(apply(&mut options, "ack -1"), Ok(Replconf::Ignored));
        assert_eq!(apply(&mut options, "ack abc"), Ok(Replconf::Ignored));
        assert_eq!(apply(&mut options, "getack *"), Ok(Replconf::GetAck));
    }

    #[test]
    fn an_address_cannot_forge_fields_of_info() {
        let mut options = ReplicaOptions::default();
        assert_eq!(options.apply(&[b"ip-address", b"a\r\nrole:x,state=online"]), Ok(Replconf::Ok));
        assert_eq!(options.ip_address.as_deref(), Some("a??role:x?state=online"));
    }
}
