//! The end of the user's session: log-off, shutdown, restart.

/// Runs `callback` once when the session ends, on a thread of its own, which holds up the end until it returns. The
/// system kills the program after about 5 s, so it must return within 4. The program may be ended any time after it.
///
/// Windows tells this by messages to windows, and to programs that have one it tells it in no other way; so this
/// opens a hidden one. On other systems, where a signal comes instead, `callback` is dropped at once.
pub fn on_session_end(callback: impl FnOnce() + Send + 'static) {
    #[cfg(windows)]
    crate::windows::session::watch(Box::new(callback));
    #[cfg(not(windows))]
    drop(callback);
}
