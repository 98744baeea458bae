//! The wire: requests in, replies out, with Redis' bounds and its exact protocol errors.
//!
//! Must not know what a command means. `decoder` and `request` are the server's side (requests in, as slices
//! of the read buffer), `reply` writes answers, `frame` reads answers on the client's side, `words` splits and quotes
//! the words of a line.

mod decoder;
mod number;
pub mod frame;
mod reply;
mod request;
mod words;

pub use decoder::{Body, Decoder, Limits, ProtocolError, Request};
pub(crate) use number::{exponent, strict_i64};
pub use reply::{Replies, escape_line};
pub use request::{Args, OwnedArgs, Span, write_request};
pub use words::{escape_into, is_plain_word, repr, repr_if_needed, split_inline};
