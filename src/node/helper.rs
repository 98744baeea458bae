//! Helper threads: they encode, decode, read files and free memory, and get immutable data only.
//!
//! They run below the priority of the nodes' own threads, so that on a busy machine a snapshot takes longer and
//! not a client's reply.

use thread_priority::{ThreadPriority, ThreadPriorityValue, set_current_thread_priority};

/// Of 0 to 99; a usual thread has 50.
const PRIORITY: u8 = 40;

/// Runs `work` on a helper thread.
///
/// # Errors
/// The system refused a thread; `work` is dropped.
pub(super) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let thread = std::thread::Builder::new().name(name.to_owned());
    thread.spawn(move || {
        if let Ok(priority) = ThreadPriorityValue::try_from(PRIORITY) {
            // A system that knows no priorities runs it like any other.
            let _ = set_current_thread_priority(ThreadPriority::Crossplatform(priority));
        }
        work();
    })?;
    Ok(())
}
