//! Numbers, sizes and times as people read them.

use std::borrow::Cow;
use std::time::Duration;

use crate::lab::model::{Feed, Life, SyncStep};
use crate::node::{FeedPhase, LinkPhase, StopReason};

/// `1234567` as `1,234,567`.
pub(crate) fn number(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Bytes with a binary unit and three significant digits: `640 B`, `12.3 KiB`, `1.50 GiB`.
pub(crate) fn bytes(value: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if value < 1024 {
        return format!("{value} B");
    }
    let mut scaled = value as f64 / 1024.0;
    let mut unit = 0;
    while scaled >= 999.5 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    let decimals = if scaled < 9.995 { 2 } else { usize::from(scaled < 99.95) };
    format!("{scaled:.decimals$} {}", UNITS[unit])
}

/// Bytes per second.
pub(crate) fn rate(bytes_per_second: f64) -> String {
    format!("{}/s", bytes(bytes_per_second.max(0.0).round() as u64))
}

/// A duration with the unit that suits it: `850 µs`, `12.5 ms`, `3.20 s`, `4 min 05 s`, `2 h 10 min`.
pub(crate) fn duration(value: Duration) -> String {
    let seconds = value.as_secs_f64();
    if value.is_zero() {
        "0 s".to_owned()
    } else if seconds < 0.001 {
        format!("{:.0} µs", seconds * 1e6)
    } else if seconds < 0.1 {
        format!("{:.1} ms", seconds * 1e3)
    } else if seconds < 1.0 {
        format!("{:.0} ms", seconds * 1e3)
    } else if seconds < 60.0 {
        format!("{seconds:.2} s")
    } else if seconds < 3_600.0 {
        let whole = value.as_secs();
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        let minutes = value.as_secs() / 60;
        format!("{} h {:02} min", minutes / 60, minutes % 60)
    }
}

/// A moment since the lab started: `02:03.456`, with hours in front once there are any.
pub(crate) fn clock(at: Duration) -> String {
    let seconds = at.as_secs();
    let (hours, minutes, seconds, millis) =
        (seconds / 3_600, seconds / 60 % 60, seconds % 60, at.subsec_millis());
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}.{millis:03}")
    } else {
        format!("{minutes:02}:{seconds:02}.{millis:03}")
    }
}

/// The state of a node in one or two words.
pub(crate) fn life(life: &Life) -> Cow<'static, str> {
    Cow::Borrowed(match life {
        Life::Planned => "planned",
        Life::Starting => "starting",
        Life::Loading { percent } => return Cow::Owned(format!("loading {percent} %")),
        Life::Answering => "answering",
        Life::Silent { .. } => "silent",
        Life::Frozen => "frozen",
        Life::Stopped(StopReason::FailedToStart(_)) => "did not start",
        Life::Stopped(StopReason::Shutdown) => "stopped",
        Life::Stopped(StopReason::Killed) => "killed",
        Life::Stopped(StopReason::Crashed(_)) => "crashed",
    })
}

/// What a link is doing, with its progress.
pub(crate) fn link_phase(phase: LinkPhase) -> String {
    match phase {
        LinkPhase::Connect => "waiting to connect".to_owned(),
        LinkPhase::Connecting => "connecting".to_owned(),
        LinkPhase::Ping => "handshake: PING".to_owned(),
        LinkPhase::Auth => "handshake: AUTH".to_owned(),
        LinkPhase::Replconf => "handshake: REPLCONF".to_owned(),
        LinkPhase::Psync => "handshake: PSYNC".to_owned(),
        LinkPhase::WaitSnapshot => "waiting for snapshot".to_owned(),
        LinkPhase::Transfer { .. } => match progress(phase) {
            Some(share) => format!("transfer {:.0} %", share * 100.0),
            None => "transfer".to_owned(),
        },
        LinkPhase::Load { .. } => match progress(phase) {
            Some(share) => format!("loading {:.0} %", share * 100.0),
            None => "loading".to_owned(),
        },
        LinkPhase::AskWipe { .. } => "asks you first".to_owned(),
        LinkPhase::Streaming => "streaming".to_owned(),
    }
}

/// The master's side of a link, in words.
pub(crate) fn feed(feed: &Feed) -> String {
    match (feed.phase, &feed.gone) {
        (Some(FeedPhase::WaitSnapshot), _) => "waits for the snapshot".to_owned(),
        (Some(FeedPhase::SendSnapshot { sent, total: Some(total), .. }), _) => {
            format!("sent {} of {}", bytes(sent), bytes(total))
        }
        (Some(FeedPhase::SendSnapshot { sent, .. }), _) => format!("sent {}", bytes(sent)),
        (Some(FeedPhase::Online), _) => "online".to_owned(),
        (None, Some(reason)) => format!("ended, {reason}"),
        (None, None) => "ended".to_owned(),
    }
}

/// How far a phase has come, from 0 to 1, where that is known.
pub(crate) fn progress(phase: LinkPhase) -> Option<f32> {
    let share = |part: u64, whole: u64| (whole > 0).then(|| (part as f32 / whole as f32).min(1.0));
    match phase {
        LinkPhase::Transfer { received, total: Some(total), .. } => share(received, total),
        LinkPhase::Transfer { keys, keys_total, .. } | LinkPhase::Load { keys, keys_total } => {
            share(keys, keys_total)
        }
        _ => None,
    }
}

/// A step of a sync in one or two words.
pub(crate) fn step(step: SyncStep) -> &'static str {
    match step {
        SyncStep::Connect => "connect",
        SyncStep::Ping => "PING",
        SyncStep::Auth => "AUTH",
        SyncStep::Replconf => "REPLCONF",
        SyncStep::Psync => "PSYNC",
        SyncStep::WaitSnapshot => "wait for snapshot",
        SyncStep::Transfer => "transfer",
        SyncStep::Load => "load",
        SyncStep::AskWipe => "ask",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_keep_three_digits_and_never_show_a_thousand_of_a_unit() {
        for (value, text) in [
            (0, "0 B"),
            (1_023, "1023 B"),
            (1_024, "1.00 KiB"),
            (12_600, "12.3 KiB"),
            (1_048_575, "1.00 MiB"),
            (1_048_576, "1.00 MiB"),
            (734_003_200, "700 MiB"),
            (u64::MAX, "16384 PiB"),
        ] {
            assert_eq!(bytes(value), text);
        }
    }

    #[test]
    fn durations_take_the_unit_that_suits_them() {
        for (micros, text) in [
            (0, "0 s"),
            (850, "850 µs"),
            (12_500, "12.5 ms"),
            (350_000, "350 ms"),
            (3_200_000, "3.20 s"),
            (245_000_000, "4 min 05 s"),
            (7_800_000_000, "2 h 10 min"),
        ] {
            assert_eq!(duration(Duration::from_micros(micros)), text);
        }
    }

    #[test]
    fn digits_are_grouped_by_three() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(number), ["0", "999", "1,000", "1,234,567"]);
    }
}
