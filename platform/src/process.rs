//! What this process costs, for INFO.

use std::sync::LazyLock;
use std::time::Duration;

/// Resident bytes of the process (all nodes in it), 0 where the system does not tell.
pub fn resident_bytes() -> u64 {
    #[cfg(windows)]
    let bytes = crate::windows::working_set();
    #[cfg(not(windows))]
    let bytes = {
        let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
        let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
        pages.map(|pages| pages * rustix::param::page_size() as u64)
    };
    bytes.unwrap_or(0)
}

/// Bytes of memory that the machine has, 0 where the system does not tell.
pub fn system_memory() -> u64 {
    static BYTES: LazyLock<u64> = LazyLock::new(|| {
        #[cfg(windows)]
        let bytes = crate::windows::physical_memory();
        #[cfg(not(windows))]
        let bytes = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| kib(&text, "MemTotal"));
        bytes.unwrap_or(0)
    });
    *BYTES
}

/// A row of `/proc/meminfo`, in bytes.
#[cfg(not(windows))]
fn kib(text: &str, name: &str) -> Option<u64> {
    let row = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(row.trim().strip_suffix("kB")?.trim_end().parse::<u64>().ok()? << 10)
}

/// The system, its release if it tells, and the machine, as `Linux 6.1.0 x86_64`.
pub fn system_name() -> &'static str {
    static NAME: LazyLock<String> = LazyLock::new(|| {
        let told = |name| std::fs::read_to_string(format!("/proc/sys/kernel/{name}"));
        let words = match (told("ostype"), told("osrelease")) {
            (Ok(system), Ok(release)) => format!("{} {}", system.trim(), release.trim()),
            _ => std::env::consts::OS.to_owned(),
        };
        format!("{words} {}", std::env::consts::ARCH)
    });
    &NAME
}

/// Time that this thread spent in the system and in user code, 0 where the system does not tell.
pub fn thread_cpu_times() -> (Duration, Duration) {
    #[cfg(windows)]
    let times = crate::windows::thread_times();
    #[cfg(not(windows))]
    let times = std::fs::read_to_string("/proc/thread-self/stat").ok().and_then(|stat| ticks(&stat));
    times.unwrap_or_default()
}

/// The times in a row of `/proc/<pid>/stat`.
#[cfg(not(windows))]
fn ticks(stat: &str) -> Option<(Duration, Duration)> {
    let tick = Duration::from_secs(1) / u32::try_from(rustix::param::clock_ticks_per_second()).ok()?;
    // The name, in parentheses, may hold spaces: count fields from behind it.
    let mut fields = stat.rsplit(')').next()?.split_whitespace().skip(11);
    let mut time = || Some(tick * fields.next()?.parse().ok()?);
    let (user, system) = (time()?, time()?);
    Some((system, user))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::time::Instant;

    use super::*;

    #[cfg(any(windows, target_os = "linux"))]
    #[test]
    fn resident_memory_grows_with_what_is_used() {
        const USED: usize = 64 << 20;
        let before = resident_bytes();
        let used = std::hint::black_box(vec![1u8; USED]);
        let grown = resident_bytes().saturating_sub(before);
        assert!(grown > USED as u64 / 2 && grown < USED as u64 * 4, "{grown}");
        drop(used);
    }

    #[cfg(any(windows, target_os = "linux"))]
    #[test]
    fn the_time_of_a_thread_is_its_own() {
        let begun = Instant::now();
        // User time counts in steps, of 15.6 ms on Windows.
        while thread_cpu_times().1 < Duration::from_millis(60) {
            assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", thread_cpu_times());
            std::hint::black_box((0..100_000u64).sum::<u64>());
        }
        let other = std::thread::spawn(thread_cpu_times).join().unwrap();
        assert!(other.1 < Duration::from_millis(60), "a new thread has done nothing: {other:?}");
    }

    #[cfg(any(windows, target_os = "linux"))]
    #[test]
    fn the_machine_has_more_memory_than_the_process() {
        assert!(system_memory() > resident_bytes(), "{}", system_memory());
    }

    #[cfg(not(windows))]
    #[test]
    fn a_row_of_the_memory_is_found_by_its_whole_name() {
        let text = "MemTotalOther:  5 kB\nMemTotal:       24683652 kB\nMemFree:  1 kB\n";
        assert_eq!(kib(text, "MemTotal"), Some(24_683_652 * 1024));
        assert_eq!([kib(text, "Mem"), kib("MemTotal: x kB", "MemTotal"), kib("", "MemTotal")], [None; 3]);
    }

    #[test]
    fn the_system_is_named_with_its_machine() {
        let name = system_name();
        assert!(name.ends_with(std::env::consts::ARCH) && name.split(' ').count() >= 2, "{name}");
        assert!(!name.contains(['\r', '\n']), "{name}");
    }

    #[cfg(not(windows))]
    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let row = "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0";
        assert_eq!(ticks(row), Some((Duration::from_millis(250), Duration::from_millis(1500))));
        assert_eq!(ticks("42 (a) S 1"), None);
    }
}
