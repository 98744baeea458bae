//! How a node ends that cannot go on: its last words in the log, in the form of Redis' crash report, then its end.
//!
//! A node inside another program ends alone. A program of its own dies of the signal that redis-server would die of, so
//! that whoever started it sees the same.

use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::panic::{Location, resume_unwind};
use std::sync::Once;

use repliscope_platform::DeadlySignal;

use super::process::Supervisor;
use crate::node::config::REDIS_VERSION;
use crate::node::node::Node;

/// Why a node cannot go on.
#[derive(Debug)]
pub(in crate::node) struct Crash {
    /// In one line, for whoever shows that the node is gone.
    pub(in crate::node) why: String,
    /// The same as Redis words it in the log.
    words: Vec<String>,
    signal: DeadlySignal,
    /// It was not a signal that came, so `use-exit-on-panic` has a say.
    by_itself: bool,
    trace: Backtrace,
}

impl Crash {
    /// A signal has come, or is to be simulated.
    pub(in crate::node) fn by_signal(signal: DeadlySignal) -> Self {
        let why = format!("Redis {REDIS_VERSION} crashed by signal: {}", signal.number());
        Self { words: vec![why.clone()], why, signal, by_itself: false, trace: Backtrace::force_capture() }
    }

    /// A `serverPanic` of Redis.
    #[track_caller]
    pub(in crate::node) fn by_panic(message: &str) -> Self {
        Self::at(message.to_owned(), &Location::caller().to_string(), Backtrace::force_capture())
    }

    /// A `serverAssert` of Redis that does not hold.
    #[track_caller]
    pub(in crate::node) fn by_assertion(condition: &str) -> Self {
        let why = format!("{} '{condition}' is not true", Location::caller());
        let words = vec!["=== ASSERTION FAILED ===".to_owned(), format!("==> {why}")];
        Self { why, words, signal: DeadlySignal::Abort, by_itself: true, trace: Backtrace::force_capture() }
    }

    fn at(why: String, place: &str, trace: Backtrace) -> Self {
        const RULE: &str = "------------------------------------------------";
        let words = vec![RULE.to_owned(), format!("Guru Meditation: {why} #{place}"), RULE.to_owned()];
        Self { why, words, signal: DeadlySignal::Abort, by_itself: true, trace }
    }

    /// What an unwinding thread carries: a crash that was raised, or a panic of the code.
    pub(in crate::node) fn caught(payload: Box<dyn std::any::Any + Send>) -> Self {
        match payload.downcast::<Self>() {
            Ok(crash) => *crash,
            Err(payload) => {
                let text = panic_text(&*payload);
                let (place, trace) = LAST_PANIC
                    .take()
                    .unwrap_or_else(|| ("an unknown place".to_owned(), Backtrace::disabled()));
                Self::at(text, &place, trace)
            }
        }
    }

    /// Leaves whatever the node is doing at once, as a panic does, and ends the node.
    pub(in crate::node) fn raise(self) -> ! {
        resume_unwind(Box::new(self))
    }
}

/// What a panic said.
pub(crate) fn panic_text(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "panic".to_owned())
}

thread_local! {
    /// Where this thread has panicked last, and how it came there.
    static LAST_PANIC: RefCell<Option<(String, Backtrace)>> = const { RefCell::new(None) };
}

/// From now on a panic leaves its place for [`Crash::caught`]; what was done about panics before is done still.
pub(in crate::node) fn remember_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            let place = info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string);
            LAST_PANIC.set(Some((place, Backtrace::force_capture())));
            before(info);
        }));
    });
}

impl Node {
    /// Writes the report into the log. `crash-log-enabled no` leaves only its first words.
    pub(in crate::node) fn report_crash(&mut self, crash: &Crash) {
        let enabled = self.config.is_on("crash-log-enabled");
        if !enabled && !crash.by_itself {
            return;
        }
        self.figures.log.raw("\n\n=== REDIS BUG REPORT START: Cut & paste starting from here ===\n");
        for line in &crash.words {
            self.warning(line.clone());
        }
        if enabled {
            let sections = self.crash_sections(crash);
            self.figures.log.raw(&sections);
        }
        self.figures.log.raw(
            "\n=== REDIS BUG REPORT END. Make sure to include from START to END. ===\n\n       It is a crash of \
             Repliscope, not of Redis.\n\n",
        );
    }

    /// Ends the process as redis-server ends after its report.
    pub(in crate::node) fn end_process(&self, crash: &Crash) -> ! {
        if self.config.daemonize && self.process.supervisor == Supervisor::None {
            self.delete_pid_file();
        }
        if crash.by_itself && self.config.is_on("use-exit-on-panic") {
            std::process::exit(1);
        }
        repliscope_platform::die_of(crash.signal)
    }

    /// What helps to find the cause; nothing in it is a key's value or a password.
    fn crash_sections(&self, crash: &Crash) -> String {
        let mut text = format!("\n------ STACK TRACE ------\n{}\n", crash.trace);
        // Writing to a String cannot fail.
        let _ = write!(text, "\n------ INFO OUTPUT ------\n{}", self.info(&[b"all"]).replace('\r', ""));
        text.push_str("\n------ CLIENT LIST OUTPUT ------\n");
        let now = self.clock.since_start();
        for client in self.clients.by_id.values() {
            let _ = writeln!(text, "{}", client.describe(now));
        }
        if let Some(client) = &self.clients.current {
            let _ = writeln!(text, "\n------ CURRENT CLIENT INFO ------\n{}", client.describe(now));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;

    #[test]
    fn a_panic_of_the_code_is_reported_with_its_words_and_its_place() {
        remember_panics();
        let line = line!() + 1;
        let panicked = catch_unwind(|| Vec::<u8>::new()[std::hint::black_box(7)]);
        let crash = Crash::caught(panicked.expect_err("it panics"));
        assert_eq!(crash.why, "index out of bounds: the len is 0 but the index is 7");
        let place = format!("#{}:{line}:", file!());
        assert!(crash.words[1].starts_with("Guru Meditation: index out of bounds"), "{:?}", crash.words);
        assert!(crash.words[1].contains(&place), "{:?}", crash.words);
        assert_eq!((crash.signal, crash.by_itself), (DeadlySignal::Abort, true));
    }

    #[test]
    fn a_crash_that_was_raised_is_caught_as_it_is() {
        let raised = catch_unwind(AssertUnwindSafe(|| {
            Crash::by_signal(DeadlySignal::SegmentationFault).raise();
        }));
        let crash = Crash::caught(raised.expect_err("it is raised"));
        assert_eq!(crash.why, "Redis 7.0.15 crashed by signal: 11");
        assert_eq!((crash.signal, crash.by_itself), (DeadlySignal::SegmentationFault, false));
    }
}
