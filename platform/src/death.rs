//! The end of this process by a signal, for whoever waits for it.

/// How often a signal is sent before the process ends in another way.
#[cfg(unix)]
const ATTEMPTS: u32 = 1000;

/// A signal that ends a process which does not expect it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadlySignal {
    /// SIGABRT.
    Abort,
    /// SIGSEGV.
    SegmentationFault,
}

impl DeadlySignal {
    /// Its number, the same on every system that has signals.
    pub fn number(self) -> i32 {
        match self {
            Self::Abort => 6,
            Self::SegmentationFault => 11,
        }
    }
}

/// Ends this process as `signal` does. Where there are no signals, it is aborted.
pub fn die_of(signal: DeadlySignal) -> ! {
    #[cfg(unix)]
    if signal == DeadlySignal::SegmentationFault {
        use rustix::process::{Signal, getpid, kill_process};
        // The standard library watches this signal for overflows of the stack: at the first one that is none it only
        // gives its watch up. And another thread may take a signal, a little later.
        for _ in 0..ATTEMPTS {
            // A process may always signal itself.
            let _ = kill_process(getpid(), Signal::SEGV);
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
    }
    let _ = signal;
    std::process::abort()
}
