//! Helper threads: they encode, decode, read files and free memory, and get immutable data only.

/// Runs `work` on a helper thread.
///
/// # Errors
/// The system refused a thread; `work` is dropped.
pub(super) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    std::thread::Builder::new().name(name.to_owned()).spawn(work)?;
    Ok(())
}
