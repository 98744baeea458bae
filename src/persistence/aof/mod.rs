//! The append-only file: the commands that made the data, in several files that a manifest lists.
//!
//! A base file holds the data of one instant; the files behind it hold the commands since then, the newest of them
//! is appended to. The files:
//!
//! | file | owns |
//! |---|---|
//! | `manifest` | which files there are, and in which order they are read |
//! | `writer` | commands on their way into the file |
//! | `append` | the end of the newest file: whole commands or nothing |
//! | `reader` | commands out of a file, and where it is damaged or torn |
//! | `dataset` | a snapshot as commands, for a base without the RDB format |

mod append;
mod dataset;
mod manifest;
mod reader;
mod writer;

pub use append::{AppendFile, Appendable};
pub use dataset::encode_dataset;
pub use manifest::{Manifest, ManifestError, Part};
pub use reader::{AofError, CommandReader, Damage};
pub use writer::AofWriter;
