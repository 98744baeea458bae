//! The wire: requests in, replies out, with Redis' bounds and its exact protocol errors.
//!
//! Must not know what a command means. `decoder` and `request` are the server's side (requests in, as slices
//! of the read buffer), `reply` writes answers, `frame` reads answers on the client's side.

mod decoder;
mod number;
pub mod frame;
mod reply;
mod request;

pub use decoder::{Body, Decoder, Limits, ProtocolError, Request};
pub(crate) use number::{exponent, strict_i64};
pub use reply::{Replies, escape_line};
pub use request::{Args, OwnedArgs, Span, split_inline, write_request};
