//! XCLAIM and XAUTOCLAIM: what one consumer leaves lying goes to another.

use super::group::{note_consumer, send_group_id};
use super::ids::{exact_id, interval_start};
use super::{no_group, write_entry, write_id};
use crate::commands::{ArgCursor, CmdError, CmdResult, Ctx, ExpiryMode, numbers};
use crate::protocol::{Args, Replies};
use crate::store::stream::{EditGroup, Log, Name, Pending, StreamEntry, StreamId};
use crate::store::{Millis, Stream};

/// Largest COUNT of XAUTOCLAIM.
const COUNT_MAX: i64 = i64::MAX / 16;
/// Entries that XAUTOCLAIM looks at, for each that it may claim.
const ATTEMPTS: usize = 10;

/// A claim or a loss to pass on: the id as it was written, where the group stood, and what is known of the entry.
type Note = (Vec<u8>, StreamId, Pending);

/// Sends a claim that has the same outcome however often it comes.
pub(super) fn send_claim(
    ctx: &mut Ctx<'_>,
    key: &[u8],
    group: &[u8],
    id: &[u8],
    last_id: StreamId,
    pending: &Pending,
) {
    if !ctx.effects.streaming {
        return;
    }
    let (time, count, last_id) =
        (pending.time.to_string(), (pending.count as i64).to_string(), last_id.to_string());
    ctx.propagate(&[
        b"XCLAIM",
        key,
        group,
        pending.consumer.as_bytes(),
        b"0",
        id,
        b"TIME",
        time.as_bytes(),
        b"RETRYCOUNT",
        count.as_bytes(),
        b"FORCE",
        b"JUSTID",
        b"LASTID",
        last_id.as_bytes(),
    ]);
}

/// How entries are claimed.
#[derive(Debug)]
struct Claim<'a> {
    consumer: &'a [u8],
    min_idle: Millis,
    time: Millis,
    retry_count: Option<u64>,
    force: bool,
    just_id: bool,
}

/// What came of one id.
enum Outcome {
    Claimed,
    /// The entry is not in the stream any more.
    Gone,
    /// Not pending, or not for long enough.
    Left,
}

/// Claims going on, with what they leave for others.
struct Claims<'a, 'e> {
    claim: &'a Claim<'a>,
    group: EditGroup<'e>,
    log: &'e Log,
    now: Millis,
    /// The consumer was looked up, and made if it was not there.
    seen: bool,
    created: bool,
    changes: u64,
    notes: Vec<Note>,
}

impl<'a, 'e> Claims<'a, 'e> {
    fn new(claim: &'a Claim<'a>, (log, group): (&'e Log, EditGroup<'e>), now: Millis) -> Self {
        Self { claim, group, log, now, seen: false, created: false, changes: 0, notes: Vec::new() }
    }

    fn one(&mut self, id: StreamId, written: &dyn Fn() -> Vec<u8>, out: &mut Replies) -> Outcome {
        let Some(entry) = self.log.get(id) else {
            let Some(lost) = self.group.acknowledge(id) else { return Outcome::Left };
            self.note(written(), lost);
            return Outcome::Gone;
        };
        let count = match self.group.pending().get(&id) {
            None if !self.claim.force => return Outcome::Left,
            None => 1,
            Some(old) => {
                let idle = self.now.wrapping_sub(old.time);
                if self.claim.min_idle > 0 && idle < self.claim.min_idle {
                    return Outcome::Left;
                }
                old.count
            }
        };
        if !std::mem::replace(&mut self.seen, true) {
            self.created = self.group.see_consumer(self.claim.consumer, self.now);
        }
        let count =
            self.claim.retry_count.unwrap_or(if self.claim.just_id { count } else { count.wrapping_add(1) });
        self.group.assign(id, self.claim.consumer, self.claim.time, count);
        write_claimed(out, &entry, self.claim.just_id);
        self.note(
            written(),
            Pending { time: self.claim.time, count, consumer: Name::new(self.claim.consumer) },
        );
        Outcome::Claimed
    }

    fn note(&mut self, written: Vec<u8>, pending: Pending) {
        self.changes += 1;
        self.notes.push((written, self.group.last_id, pending));
    }

    /// What others must hear of it, without the group.
    fn finish(self) -> (bool, u64, Vec<Note>) {
        (self.created, self.changes, self.notes)
    }
}

fn write_claimed(out: &mut Replies, entry: &StreamEntry<'_>, just_id: bool) {
    if just_id {
        write_id(out, entry.id);
    } else {
        write_entry(out, entry);
    }
}

fn note_claims(ctx: &mut Ctx<'_>, args: &Args<'_>, (created, changes, notes): (bool, u64, Vec<Note>)) {
    let (key, group) = (args.get(1), args.get(2));
    if created {
        note_consumer(ctx, key);
    }
    ctx.effects.dirty += changes;
    for (id, last_id, pending) in notes {
        send_claim(ctx, key, group, &id, last_id, &pending);
    }
}

/// `XCLAIM key group consumer min-idle-time id [id ...] [IDLE ms] [TIME ms] [RETRYCOUNT count] [FORCE] [JUSTID]
/// [LASTID id]`. O(log n) for each id.
pub(in crate::commands) fn xclaim(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (key, name, now, source) = (args.get(1), args.get(2), ctx.now, ctx.expiry);
    let (mut stream, out) = ctx.edit::<Stream>(key)?.ok_or_else(|| no_group(key, name))?;
    let mut found = stream.edit_group(name).ok_or_else(|| no_group(key, name))?;
    let min_idle = number(args.get(4), "ERR Invalid min-idle-time argument for XCLAIM")?.max(0);
    let ids: Vec<StreamId> = args.from(5).map_while(|id| exact_id(id).ok()).collect();
    // A client's own clock may be wrong: that is no error, but now is as late as it gets. A master's TIME is taken as it
    // is, or two nodes whose clocks differ would hold different times for good (as they do in Redis).
    let latest = if source == ExpiryMode::Visible { Millis::MAX } else { now };
    let (claim, last_id) = claim_options(args, 5 + ids.len(), min_idle, (now, latest))?;
    let moved = last_id > found.1.last_id;
    if moved {
        found.1.last_id = last_id;
    }
    let entries_read = found.1.entries_read;
    let mut claims = Claims::new(&claim, found, now);
    let (at, mut count) = (out.len(), 0);
    for (nth, id) in ids.iter().enumerate() {
        let written = || args.get(5 + nth).to_vec();
        count += usize::from(matches!(claims.one(*id, &written, out), Outcome::Claimed));
    }
    out.array_from(at, count);
    let outcome = claims.finish();
    drop(stream);
    ctx.propagate_nothing();
    // The first claim that is sent says it too.
    let alone = moved && outcome.1 == 0;
    note_claims(ctx, args, outcome);
    if alone {
        ctx.effects.dirty += 1;
        send_group_id(ctx, key, name, last_id, entries_read);
    }
    Ok(())
}

fn claim_options<'a>(
    args: &Args<'a>,
    from: usize,
    min_idle: Millis,
    (now, latest): (Millis, Millis),
) -> CmdResult<(Claim<'a>, StreamId)> {
    let (mut time, mut last_id) = (None, StreamId::MIN);
    let mut claim =
        Claim { consumer: args.get(3), min_idle, time: now, retry_count: None, force: false, just_id: false };
    let mut words = ArgCursor::new(args, from);
    while words.has_more() {
        if words.flag("FORCE") {
            claim.force = true;
        } else if words.flag("JUSTID") {
            claim.just_id = true;
        } else if let Some([idle]) = words.option("IDLE") {
            let idle = number(idle, "ERR Invalid IDLE option argument for XCLAIM")?;
            time = Some(now.wrapping_sub(idle));
        } else if let Some([at]) = words.option("TIME") {
            time = Some(number(at, "ERR Invalid TIME option argument for XCLAIM")?);
        } else if let Some([count]) = words.option("RETRYCOUNT") {
            let count = number(count, "ERR Invalid RETRYCOUNT option argument for XCLAIM")?;
            claim.retry_count = u64::try_from(count).ok();
        } else if let Some([id]) = words.option("LASTID") {
            last_id = exact_id(id)?;
        } else {
            return Err(CmdError::quoting("ERR Unrecognized XCLAIM option '", words.peek(), "'"));
        }
    }
    claim.time = time.filter(|time| (0..=latest).contains(time)).unwrap_or(now);
    Ok((claim, last_id))
}

fn number(text: &[u8], otherwise: &'static str) -> CmdResult<i64> {
    numbers::integer(text).map_err(|_| CmdError::text(otherwise))
}

/// `XAUTOCLAIM key group consumer min-idle-time start [COUNT count] [JUSTID]`. O(count).
pub(in crate::commands) fn xautoclaim(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (key, name, now) = (args.get(1), args.get(2), ctx.now);
    let min_idle = number(args.get(4), "ERR Invalid min-idle-time argument for XAUTOCLAIM")?.max(0);
    let start = interval_start(args.get(5))?;
    let (mut count, mut just_id) = (100, false);
    let mut words = ArgCursor::new(args, 6);
    while words.has_more() {
        if let Some([most]) = words.option("COUNT") {
            const RANGE: &str = "ERR COUNT must be > 0";
            count = number(most, RANGE)?;
            if !(1..=COUNT_MAX).contains(&count) {
                return Err(CmdError::text(RANGE));
            }
        } else if words.flag("JUSTID") {
            just_id = true;
        } else {
            return Err(CmdError::Syntax);
        }
    }
    let (mut stream, out) = ctx.edit::<Stream>(key)?.ok_or_else(|| no_group(key, name))?;
    let found = stream.edit_group(name).ok_or_else(|| no_group(key, name))?;
    let claim =
        Claim { consumer: args.get(3), min_idle, time: now, retry_count: None, force: false, just_id };
    let mut scan = Scan { next: Some(start), left: count as usize, claimed: 0, gone: Vec::new() };
    let mut claims = Claims::new(&claim, found, now);
    let at = out.len();
    scan.run(&mut claims, out);
    let behind = scan.next.and_then(|next| claims.group.pending().from(&next).next());
    let mut head = Replies::new();
    head.array(3);
    write_id(&mut head, behind.map_or(StreamId::MIN, |(id, _)| *id));
    head.array(scan.claimed);
    out.insert(at, head.bytes());
    out.array(scan.gone.len());
    scan.gone.iter().for_each(|id| write_id(out, *id));
    let outcome = claims.finish();
    drop(stream);
    ctx.propagate_nothing();
    note_claims(ctx, args, outcome);
    Ok(())
}

/// The walk of XAUTOCLAIM over what is pending.
struct Scan {
    /// Where it goes on, unless the largest id is behind it.
    next: Option<StreamId>,
    /// Entries that may still be answered.
    left: usize,
    claimed: usize,
    /// Ids of entries that were not in the stream any more.
    gone: Vec<StreamId>,
}

impl Scan {
    fn run(&mut self, claims: &mut Claims<'_, '_>, out: &mut Replies) {
        let mut attempts = self.left.saturating_mul(ATTEMPTS);
        while attempts > 0 && self.left > 0 {
            let found = self.next.and_then(|next| claims.group.pending().from(&next).next());
            let Some((&id, _)) = found else {
                self.next = None;
                break;
            };
            attempts -= 1;
            self.next = id.next();
            match claims.one(id, &|| id.to_string().into_bytes(), out) {
                Outcome::Left => {}
                Outcome::Claimed => {
                    self.left -= 1;
                    self.claimed += 1;
                }
                Outcome::Gone => {
                    self.left -= 1;
                    self.gone.push(id);
                }
            }
        }
    }
}
