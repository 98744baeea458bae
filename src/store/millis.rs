//! How the data set counts time.

/// Unix time in milliseconds.
pub type Millis = i64;
