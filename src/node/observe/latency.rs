//! LATENCY: histories of slow events, and the distribution of the times that commands take.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::time::Duration;

use hdrhistogram::Histogram;

use super::stats::CommandStats;
use crate::commands::{CmdError, CmdResult, Command, OWN_NAMES};
use crate::node::clients::session::Session;
use crate::node::exec::flow::Flow;
use crate::node::node::Node;
use crate::protocol::{Args, Replies};

/// Samples kept of one event.
const SAMPLES_MAX: usize = 160;
/// Columns of LATENCY GRAPH, …
const GRAPH_COLUMNS: usize = 80;
/// … and its rows.
const GRAPH_ROWS: usize = 4;
/// The slowest call that a histogram tells apart, in nanoseconds.
const NANOS_MAX: u64 = 1_000_000_000;

/// What is known of one event.
#[derive(Debug, Default)]
pub(super) struct Series {
    /// Unix time in seconds and milliseconds taken; at most one per second.
    samples: VecDeque<(u64, u64)>,
    max: u64,
}

impl Series {
    fn note(&mut self, unix_secs: u64, millis: u64) {
        self.max = self.max.max(millis);
        match self.samples.back_mut() {
            Some((second, worst)) if *second == unix_secs => *worst = (*worst).max(millis),
            _ => {
                if self.samples.len() == SAMPLES_MAX {
                    self.samples.pop_front();
                }
                self.samples.push_back((unix_secs, millis));
            }
        }
    }
}

/// Histories by event.
pub(super) type LatencyEvents = BTreeMap<&'static str, Series>;

impl CommandStats {
    /// Adds calls that took `each`.
    pub(in crate::node) fn note_latency(&mut self, each: Duration, calls: u64) {
        let histogram = self.histogram.get_or_insert_with(|| {
            Box::new(Histogram::new_with_bounds(1, NANOS_MAX, 2).expect("the bounds are constants in range"))
        });
        let nanos = u64::try_from(each.as_nanos()).unwrap_or(NANOS_MAX).max(1);
        histogram.saturating_record_n(nanos, u32::try_from(calls).unwrap_or(u32::MAX));
    }
}

impl Node {
    /// Notes that an event took this long, if that is long (`latency-monitor-threshold`).
    pub(in crate::node) fn note_latency(&mut self, event: &'static str, took: Duration) {
        let threshold = self.config.latency_monitor_threshold_ms;
        let millis = took.as_millis() as u64;
        if threshold > 0 && millis >= threshold {
            let unix_secs = self.clock.unix().as_secs();
            self.figures.latency_events.entry(event).or_default().note(unix_secs, millis);
        }
    }

    pub(super) fn latency_latest(&mut self, session: &mut Session, _: &Args<'_>) -> CmdResult<Flow> {
        let out = &mut session.out;
        out.array(self.figures.latency_events.len());
        for (event, series) in &self.figures.latency_events {
            let (second, millis) = series.samples.back().copied().unwrap_or_default();
            out.array(4);
            out.bulk(event.as_bytes());
            for number in [second, millis, series.max] {
                out.integer(number as i64);
            }
        }
        Ok(Flow::Next)
    }

    pub(super) fn latency_history(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let out = &mut session.out;
        let series =
            std::str::from_utf8(args.get(2)).ok().and_then(|name| self.figures.latency_events.get(name));
        out.array(series.map_or(0, |series| series.samples.len()));
        for (second, millis) in series.into_iter().flat_map(|series| &series.samples) {
            out.array(2);
            out.integer(*second as i64);
            out.integer(*millis as i64);
        }
        Ok(Flow::Next)
    }

    pub(super) fn latency_reset(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let out = &mut session.out;
        let before = self.figures.latency_events.len();
        if args.len() == 2 {
            self.figures.latency_events.clear();
        }
        self.figures.latency_events.retain(|event, _| !args.from(2).any(|name| name == event.as_bytes()));
        out.integer((before - self.figures.latency_events.len()) as i64);
        Ok(Flow::Next)
    }

    pub(super) fn latency_graph(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let out = &mut session.out;
        let name = std::str::from_utf8(args.get(2)).ok();
        let found = name.and_then(|name| self.figures.latency_events.get_key_value(name));
        let Some((event, series)) = found else {
            let mut line = b"ERR No samples available for event '".to_vec();
            line.extend_from_slice(args.get(2));
            line.push(b'\'');
            return Err(CmdError::Raw(line));
        };
        out.verbatim("txt", graph(event, series, self.clock.unix().as_secs()).as_bytes());
        Ok(Flow::Next)
    }

    pub(super) fn latency_doctor(&mut self, session: &mut Session, _: &Args<'_>) -> CmdResult<Flow> {
        let out = &mut session.out;
        out.verbatim("txt", self.diagnose().as_bytes());
        Ok(Flow::Next)
    }

    /// What LATENCY DOCTOR says: our own words.
    fn diagnose(&self) -> String {
        if self.figures.latency_events.is_empty() && self.config.latency_monitor_threshold_ms == 0 {
            return "Latency is not monitored in this node. \"CONFIG SET latency-monitor-threshold <milliseconds>\" \
                    switches it on.\n"
                .to_owned();
        }
        if self.figures.latency_events.is_empty() {
            return "No event took longer than latency-monitor-threshold so far.\n".to_owned();
        }
        let mut text = String::from("These events took longer than latency-monitor-threshold:\n\n");
        for (number, (event, series)) in self.figures.latency_events.iter().enumerate() {
            let count = series.samples.len() as u64;
            let average = series.samples.iter().map(|(_, millis)| millis).sum::<u64>() / count.max(1);
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{}. {event}: {count} latency spikes (average {average}ms). Worst all time event {}ms.",
                number + 1,
                series.max
            );
        }
        text.push_str(
            "\nSLOWLOG GET names the commands that were slow; the log tells of snapshots and syncs.\n",
        );
        text
    }

    pub(super) fn latency_histogram(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let mut commands: Vec<&Command> = Vec::new();
        if args.len() == 2 {
            commands.extend(OWN_NAMES.everything());
        }
        for name in args.from(2) {
            let name = name.to_ascii_lowercase();
            let (container, sub) = match name.iter().position(|byte| *byte == b'|') {
                Some(bar) => (&name[..bar], Some(&name[bar + 1..])),
                None => (&name[..], None),
            };
            let Some(command) = self.config.command_names.lookup(container) else { continue };
            match sub {
                Some(sub) => {
                    commands
                        .extend(command.subcommands().iter().filter(|known| known.name.as_bytes() == sub));
                }
                None => commands.extend(std::iter::once(command).chain(command.subcommands())),
            }
        }
        let with_data: Vec<_> = commands
            .into_iter()
            .filter_map(|command| {
                let stats = self.figures.stats.by_command.get(command.full_name)?;
                Some((command.full_name, stats.histogram.as_deref()?))
            })
            .collect();
        let out = &mut session.out;
        out.map(with_data.len());
        for (name, histogram) in with_data {
            out.bulk(name.as_bytes());
            write_distribution(out, histogram);
        }
        Ok(Flow::Next)
    }
}

/// How many calls took at most so many microseconds, in steps that double.
fn write_distribution(out: &mut Replies, histogram: &Histogram<u32>) {
    let mut steps = Vec::new();
    let mut total = 0;
    for step in histogram.iter_log(1024, 2.0) {
        let count = step.count_since_last_iteration();
        if count > 0 {
            total += count;
            steps.push((step.value_iterated_to() / 1000, total));
        }
    }
    out.map(2);
    out.bulk(b"calls");
    out.integer(histogram.len() as i64);
    out.bulk(b"histogram_usec");
    out.map(steps.len());
    for (micros, count) in steps {
        out.integer(micros as i64);
        out.integer(count as i64);
    }
}

/// Columns of bars, each with its age below, written from top to bottom.
fn graph(event: &str, series: &Series, now: u64) -> String {
    let shown: Vec<(u64, u64)> =
        series.samples.iter().skip(series.samples.len().saturating_sub(GRAPH_COLUMNS)).copied().collect();
    let (low, high) = shown.iter().fold((u64::MAX, 0), |(low, high), (_, ms)| (low.min(*ms), high.max(*ms)));
    let low = low.min(high);
    let mut text = format!("{event} - high {high} ms, low {low} ms (all time high {} ms)\n", series.max);
    text.push_str(&"-".repeat(GRAPH_COLUMNS));
    text.push('\n');
    let span = (high - low).max(1);
    let height = |millis: u64| (millis - low) as usize * (GRAPH_ROWS * 2 - 1) / span as usize;
    for row in (0..GRAPH_ROWS).rev() {
        let line: String = shown
            .iter()
            .map(|(_, millis)| match height(*millis) {
                level if level > row * 2 + 1 => '|',
                level if level == row * 2 + 1 => '#',
                level if level == row * 2 => '_',
                _ => ' ',
            })
            .collect();
        text.push_str(&line);
        text.push('\n');
    }
    text.push_str(&" ".repeat(shown.len()));
    text.push('\n');
    let labels: Vec<Vec<u8>> =
        shown.iter().map(|(second, _)| age(now.saturating_sub(*second)).into_bytes()).collect();
    for row in 0..labels.iter().map(Vec::len).max().unwrap_or(0) {
        let line: String =
            labels.iter().map(|label| label.get(row).map_or(' ', |byte| char::from(*byte))).collect();
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_keeps_its_worst_sample_and_old_ones_go() {
        let mut series = Series::default();
        series.note(5, 10);
        series.note(5, 30);
        series.note(5, 20);
        assert_eq!(series.samples, [(5, 30)]);
        for second in 6..6 + SAMPLES_MAX as u64 {
            series.note(second, 1);
        }
        assert_eq!((series.samples.len(), series.samples[0], series.max), (SAMPLES_MAX, (6, 1), 30));
    }

    #[test]
    fn a_graph_has_a_column_for_each_sample() {
        let mut series = Series::default();
        series.note(100, 10);
        series.note(130, 17);
        let text = graph("command", &series, 200);
        assert!(text.starts_with("command - high 17 ms, low 10 ms (all time high 17 ms)\n---"));
        assert!(text.ends_with("\n  \n11\nmm\n"), "{text}");
    }

    #[test]
    fn a_distribution_adds_up() {
        let mut stats = CommandStats::default();
        stats.note_latency(Duration::from_nanos(700), 3);
        stats.note_latency(Duration::from_micros(100), 1);
        let mut out = Replies::new();
        write_distribution(&mut out, stats.histogram.as_deref().expect("calls were noted"));
        let text = String::from_utf8_lossy(out.bytes()).into_owned();
        assert!(
            text.starts_with("*4\r\n$5\r\ncalls\r\n:4\r\n$14\r\nhistogram_usec\r\n*4\r\n:1\r\n:3\r\n"),
            "{text}"
        );
        assert!(text.ends_with(":4\r\n"), "{text}");
    }
}
