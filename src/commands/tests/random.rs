//! Random requests: ours and a real server must agree on every reply and on the stream.
