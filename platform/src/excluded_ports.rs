//! Ranges of ports that Windows sets aside (for Hyper-V, WSL, containers, or by an administrator), which no program
//! may bind although nobody listens there.

use std::io::Read as _;
use std::ops::RangeInclusive;
use std::process::{Command, Stdio};
use std::time::Duration;

/// How long the system's program may take to list the ranges.
const LIST_WITHIN: Duration = Duration::from_secs(2);

/// Who keeps this port, to which Windows denies access and on which nobody listens.
pub(crate) fn keeper(port: u16) -> String {
    let ranges = list().map(|text| excluded_ranges(&text)).unwrap_or_default();
    match ranges.iter().find(|range| range.contains(&port)) {
        Some(range) => format!(
            "Windows, which reserves it (excluded port range {}-{}; see \"netsh interface ipv4 show \
             excludedportrange tcp\")",
            range.start(),
            range.end()
        ),
        None => "Windows or a program that does not share it (access denied)".to_owned(),
    }
}

/// What netsh prints; `None` if it cannot be run or takes too long.
fn list() -> Option<String> {
    // By its full path: a file of that name in the current folder or beside the program must not run instead.
    let system = std::env::var_os("SystemRoot")?;
    let mut command = Command::new(std::path::Path::new(&system).join("System32").join("netsh.exe"));
    command.args(["interface", "ipv4", "show", "excludedportrange", "protocol=tcp"]);
    #[cfg(windows)]
    {
        use std::os::windows::process::CommandExt as _;
        // Else a program that has a window would flash a console.
        const CREATE_NO_WINDOW: u32 = 0x0800_0000;
        command.creation_flags(CREATE_NO_WINDOW);
    }
    output_within(command, LIST_WITHIN)
}

/// What the program prints, as far as it is UTF-8; `None` if it does not end in time, and then it is killed.
fn output_within(mut command: Command, limit: Duration) -> Option<String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    let mut stdout = child.stdout.take()?;
    let (send, printed) = std::sync::mpsc::channel();
    let reader = std::thread::Builder::new().name("netsh".to_owned()).spawn(move || {
        let mut bytes = Vec::new();
        let _ = stdout.read_to_end(&mut bytes);
        // Nobody waits any more if it took too long.
        let _ = send.send(bytes);
    });
    let bytes = reader.ok().and_then(|_| printed.recv_timeout(limit).ok());
    let _ = child.kill();
    let _ = child.wait();
    bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The ranges in netsh's table. Its words are those of the user's language, so only rows of numbers count: first and
/// last port, then perhaps a star.
fn excluded_ranges(table: &str) -> Vec<RangeInclusive<u16>> {
    let range = |row: &str| {
        let mut words = row.split_whitespace();
        let first: u16 = words.next()?.parse().ok()?;
        let last: u16 = words.next()?.parse().ok()?;
        (first <= last && words.next().is_none_or(|mark| mark == "*")).then_some(first..=last)
    };
    table.lines().filter_map(range).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn ranges_are_read_in_any_language() {
        let english = "\r\nProtocol tcp Port Exclusion Ranges\r\n\r\nStart Port    End Port      \r\n\
                       ----------    --------      \r\n        80          80      \r\n      6990        7089      \r\n\
                       \u{20}    50000       50059     *\r\n\r\n* - Administered port exclusions.\r\n\r\n";
        assert_eq!(excluded_ranges(english), [80..=80, 6990..=7089, 50_000..=50_059]);
        // The console's code page is not UTF-8.
        let german = String::from_utf8_lossy(
            b"\r\nPortausschlussbereiche f\x81r Protokoll \"tcp\"\r\n\r\nStartport     Endport\r\n\
              ----------    --------\r\n      5357        5357\r\n     65500       65535     *\r\n\r\n\
              * - Verwaltete Portausschl\x81sse.\r\n",
        )
        .into_owned();
        assert_eq!(excluded_ranges(&german), [5357..=5357, 65_500..=65_535]);
    }

    #[test]
    fn rows_that_are_no_range_are_passed_over() {
        for row in ["", "7001", "7001 x", "x 7001", "7089 6990", "6990 70000", "1 2 3", "-1 5", "6990-7089"] {
            assert_eq!(excluded_ranges(row), [], "{row}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_program_that_hangs_is_ended() {
        let begun = std::time::Instant::now();
        let mut sleep = Command::new("sleep");
        sleep.arg("60");
        assert_eq!(output_within(sleep, Duration::from_millis(50)), None);
        assert!(begun.elapsed() < Duration::from_secs(30));
        let mut echo = Command::new("echo");
        echo.arg("80 80");
        assert_eq!(output_within(echo, Duration::from_secs(30)).as_deref(), Some("80 80\n"));
    }

    #[test]
    fn a_port_outside_of_every_range_is_still_said_to_be_kept() {
        // Port 0 is in no range, on any machine.
        assert_eq!(keeper(0), "Windows or a program that does not share it (access denied)");
    }
}
