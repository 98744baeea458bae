//! What Repliscope needs from the operating system beyond the standard library.
//!
//! Owns every difference between Windows and the rest that a caller would otherwise have to write down: exclusive
//! listening sockets and why one was refused, the figures of a process, the console of a program that has a window,
//! a process in the background and its supervisor, its end by a signal, the end of the session. It must not know nodes,
//! clusters or windows of the app; every function exists on every system. `unsafe` is allowed for calls of the Windows
//! API, in [`windows`](self), and for one of the allocator, each with its reason.

mod allocator;
mod background;
mod console;
mod death;
mod excluded_ports;
mod listen;
mod open_files;
mod process;
mod session;

#[cfg(windows)]
#[allow(unsafe_code)]
mod windows;

pub use allocator::give_memory_back;
pub use background::{begin_session, send_datagram, stop_this_process};
pub use console::attach_parent_console;
pub use death::{DeadlySignal, die_of};
pub use listen::{Refusal, listen, why_refused};
pub use open_files::{OpenFiles, allow_open_files, is_beyond};
pub use process::{resident_bytes, system_memory, system_name, thread_cpu_times};
pub use session::on_session_end;
