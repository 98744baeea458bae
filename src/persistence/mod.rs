//! How a data set leaves memory and comes back: the RDB format, the append-only file, and files that are
//! replaced as a whole.
//!
//! Must not know who asked for it: a snapshot comes in and chunks of bytes go out, bytes come in and a new
//! data set goes out. Whether they travel through a file or a socket is the caller's business. The files:
//!
//! | file | owns |
//! |---|---|
//! | `rdb_aux` | what a snapshot says about itself |
//! | `format` | numbers and names of the RDB format |
//! | `rdb_encode` | numbers, strings and their chunks |
//! | `rdb_write` | encodes a snapshot |
//! | `rdb_read` | decodes into a new data set |
//! | `rdb_load` | what goes into a load and what comes out |
//! | `values` | how each type of collection is written and read |
//! | `rdb_plain` | the short way for short strings |
//! | `rdb_input` | the bounded window through which the decoder sees its bytes |
//! | `rdb_error` | why a load failed, and where |
//! | `dump` | one value by itself |
//! | `aof` | the append-only file: manifest, commands, the data set as commands |
//! | `channel` | bytes that another thread hands over |
//! | `lzf` | compression of strings |
//! | `faulty_disk` | the disk of a node, with whatever is wrong with it |
//! | `files` | atomic replacement of a file, and patience with programs that hold one |

mod aof;
mod channel;
mod dump;
mod faulty_disk;
mod files;
mod format;
#[cfg(test)]
mod interop_tests;
mod lzf;
mod rdb_aux;
mod rdb_encode;
mod rdb_error;
mod rdb_input;
mod rdb_load;
mod rdb_plain;
mod rdb_read;
#[cfg(test)]
mod rdb_tests;
mod rdb_write;
#[cfg(test)]
mod repair_tests;
mod values;

pub use aof::{
    AofError, AofWriter, AppendFile, Appendable, CommandReader, Damage, Manifest, ManifestError, Part,
    encode_dataset,
};
pub use channel::{ChannelReader, Piece};
pub use dump::{RestoreError, Restoring, dump_libraries, dump_value, restore_libraries, restore_value};
pub use faulty_disk::{DiskTroubles, FaultyDisk, FaultyFile};
pub use files::{
    Disk, FileError, OsDisk, PendingFile, Step, move_aside, open, open_to_write, remove, remove_stale,
    write_whole, write_whole_to,
};
pub use format::VERSION_WRITTEN;
pub use lzf::LzfError;
pub use rdb_aux::Aux;
pub use rdb_encode::CHUNK;
pub use rdb_error::{RdbError, Reason};
pub use rdb_load::{Checksum, Ending, KeyDelay, LoadOptions, Loaded, Progress, Repairs};
pub use rdb_read::load;
pub use rdb_write::{RdbWriter, WriteOptions, Written};
