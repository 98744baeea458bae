//! One connection of the workload: sends what is due, takes what is answered, counts what is lost.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, sleep_until};

use super::figures::Figures;
use super::pace::Pace;
use crate::lab::WorkloadSettings;
use crate::lab::client::{encode, text};
use crate::node::pulse;
use crate::protocol::frame::{Frame, FrameDecoder, FrameLimits};
use crate::store::Random;

/// Operations that may wait for an answer on one connection.
const IN_FLIGHT_MAX: usize = 20_000;

/// Bytes that may wait to be sent on one connection.
const UNSENT_MAX: usize = 4 << 20;

/// An operation without an answer for this long is lost, and the connection with it: the node may be frozen, and
/// an application would not wait longer either.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Pause before a connection is tried again.
const RETRY: Duration = Duration::from_millis(20);

const LIMITS: FrameLimits =
    FrameLimits { line: 64 << 10, bulk: 2 << 20, elements: 16, depth: 4, total: 4 << 20 };

/// What a connection does: writes or reads.
pub(super) trait Load {
    /// What is remembered of one operation until its answer comes.
    type Sent;
    /// Operations per second, now.
    fn per_second(&self) -> f64;
    /// Appends one operation.
    fn send(&mut self, out: &mut Vec<u8>) -> Self::Sent;
    /// Its answer came.
    fn answered(&mut self, sent: Self::Sent, reply: &Frame, took: Duration);
    /// This many operations were lost, or could not even be sent.
    fn lost(&mut self, count: u64, why: &str);
}

/// Drives one connection, through every loss of it, until dropped.
pub(super) async fn drive<L: Load>(addr: SocketAddr, load: L) {
    let mut session = Session {
        pace: Pace::new(load.per_second()),
        load,
        last: pulse::awake(),
        in_flight: VecDeque::new(),
        unsent: Vec::new(),
        sent: 0,
        decoder: FrameDecoder::new(LIMITS),
    };
    loop {
        let why = match pulse::within(ANSWER_WITHIN, TcpStream::connect(addr)).await {
            Some(Ok(stream)) => session.run(stream).await,
            Some(Err(error)) => error.to_string(),
            None => "no connection".to_owned(),
        };
        session.lose(&format!("port {}: {why}", addr.port()));
        sleep(RETRY).await;
    }
}

struct Session<L: Load> {
    load: L,
    pace: Pace,
    /// In time awake, as all times here: what a sleeping computer did not do is neither owed nor late.
    last: Duration,
    in_flight: VecDeque<(Duration, L::Sent)>,
    unsent: Vec<u8>,
    sent: usize,
    decoder: FrameDecoder,
}

impl<L: Load> Drop for Session<L> {
    /// The workload goes elsewhere, or off; who knows what became of what is not answered.
    fn drop(&mut self) {
        let count = self.in_flight.len() as u64;
        self.load.lost(count, "the workload moved on to another master before the answer");
    }
}

impl<L: Load> Session<L> {
    /// Counts what is lost with a connection, and what an application would have tried in vain meanwhile.
    fn lose(&mut self, why: &str) {
        let tried = self.due();
        self.load.lost(self.in_flight.len() as u64 + tried, why);
        self.in_flight.clear();
        self.unsent.clear();
        self.sent = 0;
        self.decoder = FrameDecoder::new(LIMITS);
    }

    fn due(&mut self) -> u64 {
        let now = pulse::awake();
        self.pace.set_rate(self.load.per_second());
        let due = self.pace.due(now.saturating_sub(self.last));
        self.last = now;
        due
    }

    /// Runs until the connection is lost; says why.
    async fn run(&mut self, mut stream: TcpStream) -> String {
        let _ = stream.set_nodelay(true); // without it the workload is only slower
        let (mut from, mut to) = stream.split();
        let mut incoming = vec![0; 64 << 10];
        let mut next = Instant::now();
        loop {
            tokio::select! {
                read = from.read(&mut incoming) => match read {
                    Ok(0) => return "the node closed the connection".to_owned(),
                    Ok(read) => {
                        self.decoder.feed(&incoming[..read]);
                        if let Err(why) = self.take_answers() {
                            return why;
                        }
                    }
                    Err(error) => return error.to_string(),
                },
                written = to.write(&self.unsent[self.sent..]), if self.sent < self.unsent.len() => match written {
                    Ok(written) => {
                        self.sent += written;
                        if self.sent == self.unsent.len() {
                            self.unsent.clear();
                            self.sent = 0;
                        }
                    }
                    Err(error) => return error.to_string(),
                },
                () = sleep_until(next) => {
                    if self.in_flight.front().is_some_and(|(at, _)| pulse::awake().saturating_sub(*at) > ANSWER_WITHIN) {
                        return format!("no answer for {} s", ANSWER_WITHIN.as_secs());
                    }
                    self.send_due();
                    next = Instant::now() + self.pace.tick();
                }
            }
        }
    }

    fn send_due(&mut self) {
        let (now, due) = (pulse::awake(), self.due());
        for _ in 0..due {
            if self.in_flight.len() >= IN_FLIGHT_MAX || self.unsent.len() >= UNSENT_MAX {
                return; // the node does not keep up: the rate falls, nothing piles up
            }
            let sent = self.load.send(&mut self.unsent);
            self.in_flight.push_back((now, sent));
        }
    }

    fn take_answers(&mut self) -> Result<(), String> {
        let now = pulse::awake();
        while let Some(reply) = self.decoder.next_frame().map_err(|error| error.to_string())? {
            let Some((at, sent)) = self.in_flight.pop_front() else {
                return Err("an answer that nobody asked for".to_owned());
            };
            self.load.answered(sent, &reply, now.saturating_sub(at));
        }
        Ok(())
    }
}

/// `SET wl:<n> <number>:<padding>`, the keys in turn.
pub(super) struct Writer {
    settings: Rc<Cell<WorkloadSettings>>,
    figures: Rc<RefCell<Figures>>,
    value: Vec<u8>,
}

impl Writer {
    pub(super) fn new(settings: Rc<Cell<WorkloadSettings>>, figures: Rc<RefCell<Figures>>) -> Self {
        Self { settings, figures, value: Vec::new() }
    }
}

impl Load for Writer {
    type Sent = (u32, u64);

    fn per_second(&self) -> f64 {
        f64::from(self.settings.get().writes_per_second)
    }

    fn send(&mut self, out: &mut Vec<u8>) -> Self::Sent {
        let settings = self.settings.get();
        let number = self.figures.borrow_mut().number_write();
        let key = (number % u64::from(settings.keys.max(1))) as u32;
        fill_value(&mut self.value, number, settings.value_size as usize);
        encode(&[&b"SET"[..], &key_name(key), &self.value], out);
        (key, number)
    }

    fn answered(&mut self, (key, number): Self::Sent, reply: &Frame, took: Duration) {
        let mut figures = self.figures.borrow_mut();
        match reply {
            Frame::Error(error) => figures.writes_failed(1, &text(error)),
            _ => figures.write_ok(key, number, took),
        }
    }

    fn lost(&mut self, count: u64, why: &str) {
        if self.settings.get().on {
            self.figures.borrow_mut().writes_failed(count, why);
        }
    }
}

/// `GET wl:<n>` of random keys; stale if the value is older than the last write acknowledged before the read.
///
/// After a failover this also counts the acknowledged writes that were lost with the old master, until the
/// workload has written those keys again.
pub(super) struct Reader {
    settings: Rc<Cell<WorkloadSettings>>,
    /// How many connections share the reads.
    sharers: Rc<Cell<usize>>,
    figures: Rc<RefCell<Figures>>,
    random: Random,
}

impl Reader {
    pub(super) fn new(
        settings: Rc<Cell<WorkloadSettings>>,
        sharers: Rc<Cell<usize>>,
        seed: u64,
        figures: Rc<RefCell<Figures>>,
    ) -> Self {
        Self { settings, sharers, figures, random: Random::new(seed) }
    }

    fn random_key(&mut self) -> u32 {
        self.random.below(self.settings.get().keys.max(1).into()) as u32
    }
}

impl Load for Reader {
    type Sent = u64;

    fn per_second(&self) -> f64 {
        f64::from(self.settings.get().reads_per_second) / self.sharers.get().max(1) as f64
    }

    fn send(&mut self, out: &mut Vec<u8>) -> Self::Sent {
        let key = self.random_key();
        encode(&[&b"GET"[..], &key_name(key)], out);
        self.figures.borrow().acknowledged(key)
    }

    fn answered(&mut self, acknowledged: Self::Sent, reply: &Frame, _took: Duration) {
        let mut figures = self.figures.borrow_mut();
        match reply {
            Frame::Error(error) => figures.reads_failed(1, &text(error)),
            Frame::Bulk(value) => figures.read_ok(value_number(value) < acknowledged),
            _ => figures.read_ok(acknowledged > 0),
        }
    }

    fn lost(&mut self, count: u64, why: &str) {
        if self.settings.get().on {
            self.figures.borrow_mut().reads_failed(count, why);
        }
    }
}

fn key_name(key: u32) -> Vec<u8> {
    let mut number = itoa::Buffer::new();
    [b"wl:", number.format(key).as_bytes()].concat()
}

/// A value begins with its number, so it is at least that long; the rest is letters that do not compress away.
fn fill_value(value: &mut Vec<u8>, number: u64, size: usize) {
    value.clear();
    let mut digits = itoa::Buffer::new();
    value.extend_from_slice(digits.format(number).as_bytes());
    value.push(b':');
    let mut random = Random::new(number);
    while value.len() < size {
        let letters = random.bits().to_le_bytes().map(|byte| b'a' + byte % 26);
        let missing = (size - value.len()).min(letters.len());
        value.extend_from_slice(&letters[..missing]);
    }
}

/// The number that a value begins with; 0 for a value that is none of ours.
fn value_number(value: &[u8]) -> u64 {
    let digits = value.split(|&byte| byte == b':').next().unwrap_or_default();
    std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_its_size_and_tells_its_number() {
        let mut value = Vec::new();
        for (number, size, length) in [(7, 64, 64), (123_456, 0, 7), (u64::MAX, 8, 21), (1, 1 << 20, 1 << 20)]
        {
            fill_value(&mut value, number, size);
            assert_eq!((value.len(), value_number(&value)), (length, number));
        }
        assert_eq!(value_number(b"someone else's"), 0);
    }

    #[test]
    fn a_read_is_stale_only_below_what_was_acknowledged_before_it() {
        let figures = Rc::new(RefCell::new(Figures::new()));
        let settings = Rc::new(Cell::new(WorkloadSettings { keys: 1, ..WorkloadSettings::default() }));
        let mut reader = Reader::new(settings, Rc::default(), 1, Rc::clone(&figures));
        let mut out = Vec::new();

        let before = reader.send(&mut out);
        figures.borrow_mut().write_ok(0, 5, Duration::from_micros(100));
        let after = reader.send(&mut out);
        reader.answered(before, &Frame::Null, Duration::ZERO);
        reader.answered(after, &Frame::Bulk(b"5:x".to_vec()), Duration::ZERO);
        reader.answered(after, &Frame::Bulk(b"9:x".to_vec()), Duration::ZERO);
        assert_eq!(figures.borrow_mut().take().reads_stale, 0);

        reader.answered(after, &Frame::Bulk(b"4:x".to_vec()), Duration::ZERO);
        reader.answered(after, &Frame::Null, Duration::ZERO);
        reader.answered(after, &Frame::Error(b"MASTERDOWN".to_vec()), Duration::ZERO);
        let sample = figures.borrow_mut().take();
        assert_eq!((sample.reads_ok, sample.reads_stale, sample.reads_failed), (2, 2, 1));
        assert_eq!(sample.last_error.as_deref(), Some("MASTERDOWN"));
    }
}
