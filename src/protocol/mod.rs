//! The wire: requests in, replies out, with Redis' bounds and its exact protocol errors.
//!
//! Must not know what a command means. `decoder` and `request` are the server's side (requests in, as slices
//! of the read buffer), `reply` writes answers, `frame` reads answers on the client's side.

mod decoder;
pub mod frame;
mod reply;
mod request;

pub(crate) use decoder::strict_i64;
pub use decoder::{Body, Decoder, Limits, ProtocolError, Request};
pub use reply::{Replies, escape_line};
pub use request::{Args, OwnedArgs, Span, split_inline, write_request};
