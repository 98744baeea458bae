//! Memory that the programs' allocator holds and nothing uses.

/// Gives the system back what the calling thread has freed: what has been free for about a second, or all of it `now`.
///
/// mimalloc does so while it allocates. A thread that has become idle does not, and its memory would stay with it.
pub fn give_memory_back(now: bool) {
    // SAFETY: takes no memory of ours, may be called at any time by any thread, and does nothing where another
    // allocator is in use.
    #[allow(unsafe_code)]
    unsafe {
        libmimalloc_sys::mi_collect(now);
    }
}
