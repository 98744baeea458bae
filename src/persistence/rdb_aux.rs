//! What a snapshot says about itself.

/// Largest offset that a snapshot may stand for: beyond that no sum of offsets is safe.
const OFFSET_MAX: u64 = 1 << 62;
/// Remarks that are kept, and how much of each: a file made of them takes no memory and fills no log.
const REMARKS_MAX: usize = 10;
const REMARK_BYTES_MAX: usize = 1024;

/// The fields that stand before the keys.
///
/// None of them is needed to read the keys, so one that cannot be read is as good as one that is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aux {
    /// Version of the server that wrote it.
    pub redis_ver: Option<String>,
    /// Width of a pointer there, in bits.
    pub redis_bits: Option<u32>,
    /// Unix time of writing, in seconds.
    pub ctime: Option<i64>,
    /// Bytes that the writer used in memory.
    pub used_mem: Option<u64>,
    /// Database that the replication stream has selected at `repl_offset`. Redis 4.0 writes -1 where it has no history
    /// to tell, which is none.
    pub repl_stream_db: Option<usize>,
    /// The history that the data belong to, as 40 hex digits.
    pub repl_id: Option<[u8; 40]>,
    /// How far in that history the data are.
    pub repl_offset: Option<u64>,
    /// It is the base of an append-only file.
    pub aof_base: bool,
    /// Commands follow it in the same file (before 7.0).
    pub aof_preamble: bool,
    /// Fields that are meant for the log, as `%name` and text: the first ones.
    pub remarks: Vec<(String, String)>,
}

impl Aux {
    /// Takes one field. Names that are not known are skipped.
    pub(super) fn note(&mut self, name: &[u8], value: &[u8]) {
        let text = String::from_utf8_lossy(value);
        let is_set = || text.parse::<i64>().is_ok_and(|number| number != 0);
        match name.to_ascii_lowercase().as_slice() {
            [b'%', ..] if self.remarks.len() < REMARKS_MAX => {
                let short = |bytes: &[u8]| {
                    String::from_utf8_lossy(&bytes[..bytes.len().min(REMARK_BYTES_MAX)]).into_owned()
                };
                self.remarks.push((short(name), short(text.as_bytes())));
            }
            b"redis-ver" => self.redis_ver = Some(text.into_owned()),
            b"redis-bits" => self.redis_bits = text.parse().ok(),
            b"ctime" => self.ctime = text.parse().ok(),
            b"used-mem" => self.used_mem = text.parse().ok(),
            b"repl-stream-db" => self.repl_stream_db = text.parse().ok(),
            b"repl-id" => {
                let id = <[u8; 40]>::try_from(value).ok();
                self.repl_id = id.filter(|id| id.iter().all(u8::is_ascii_hexdigit));
            }
            b"repl-offset" => self.repl_offset = text.parse().ok().filter(|offset| *offset <= OFFSET_MAX),
            b"aof-base" => self.aof_base = is_set(),
            b"aof-preamble" => self.aof_preamble = is_set(),
            _ => {}
        }
    }

    /// The place in a history that the data stand for: its name, the offset in it, the database that is selected there.
    /// `None` unless all three are told: a wrong place would let data drift apart unnoticed.
    pub fn history(&self) -> Option<(&[u8; 40], u64, usize)> {
        Some((self.repl_id.as_ref()?, self.repl_offset?, self.repl_stream_db?))
    }
}
