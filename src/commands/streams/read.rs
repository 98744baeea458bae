//! XREAD and XREADGROUP: what comes behind an id, for a client alone or as a member of a group.

use super::claim::send_claim;
use super::group::{note_consumer, send_group_id};
use super::ids::exact_id;
use super::{no_group, write_entries, write_entry, write_id};
use crate::commands::{ArgCursor, AtTimeout, CmdError, CmdResult, Ctx, timeout};
use crate::protocol::{Args, Replies};
use crate::store::stream::{Group, Log, Name, Pending, StreamId};
use crate::store::{Collection as _, Millis, Stream};

/// Most entries for a client that had to wait, unless it said how many: its id may lie far behind.
const COUNT_AFTER_WAIT: usize = 1000;

const UNBALANCED: CmdError = CmdError::text(
    "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
);
const GROUP_MISSING: CmdError = CmdError::text("ERR Missing GROUP option for XREADGROUP");
const NO_GROUP_HERE: CmdError =
    CmdError::text("ERR The GROUP option is only supported by XREADGROUP. You called XREAD instead.");
const NO_NOACK_HERE: CmdError =
    CmdError::text("ERR The NOACK option is only supported by XREADGROUP. You called XREAD instead.");
const NO_NEW_HERE: CmdError = CmdError::text(
    "ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.",
);
const NO_END_HERE: CmdError = CmdError::text(
    "ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by \
     specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.",
);
/// Answers to XREADGROUP when what it waits for is gone.
const STREAM_GONE: CmdError = CmdError::text("UNBLOCKED the stream key no longer exists");
const GROUP_GONE: CmdError =
    CmdError::text("NOGROUP the consumer group this client was blocked on no longer exists");

/// What was asked for.
struct Request<'a> {
    /// Group and consumer.
    member: Option<(&'a [u8], &'a [u8])>,
    /// In milliseconds, 0 for ever; not to wait without it.
    timeout: Option<Millis>,
    /// 0 for all.
    count: usize,
    no_ack: bool,
    keys: Vec<&'a [u8]>,
    ids: Vec<&'a [u8]>,
}

impl Request<'_> {
    fn most(&self) -> usize {
        if self.count == 0 { usize::MAX } else { self.count }
    }
}

/// `XREAD [COUNT count] [BLOCK milliseconds] STREAMS key [key ...] id [id ...]`. O(entries returned).
pub(in crate::commands) fn xread(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let request = parse(args, false)?;
    let resuming = ctx.ready_key.is_some();
    let mut from = Vec::with_capacity(request.keys.len());
    for (key, id) in request.keys.iter().zip(&request.ids) {
        let stream = match ctx.read_as::<Stream>(key) {
            // What took the place of a stream gives nothing; the client goes on waiting.
            Err(CmdError::WrongType) if resuming => None,
            found => found?.0,
        };
        from.push(match *id {
            b"$" => stream.map_or(StreamId::MIN, |stream| stream.log().last_id),
            b">" => return Err(NO_NEW_HERE),
            id => exact_id(id)?,
        });
    }
    let mut served = Vec::new();
    for (nth, key) in request.keys.iter().enumerate() {
        let stream = ctx.read_as::<Stream>(key).ok().and_then(|found| found.0);
        if stream.and_then(|stream| stream.log().last_entry_id()).is_some_and(|last| last > from[nth]) {
            served.push(nth);
        }
    }
    if served.is_empty() {
        wait(ctx, args, &request, &from);
        return Ok(());
    }
    begin(ctx.out, served.len());
    for nth in served {
        let (key, start) = (request.keys[nth], from[nth].next().unwrap_or_default());
        let found = ctx.store.db(ctx.db).get(ctx.hash(key), key);
        let stream = found.and_then(|entry| Stream::of(entry.value()));
        begin_stream(ctx.out, key);
        let entries = stream.into_iter().flat_map(|stream| stream.log().range(start, StreamId::MAX));
        write_entries(ctx.out, entries.take(request.most()));
    }
    Ok(())
}

/// `XREADGROUP GROUP group consumer [COUNT count] [BLOCK milliseconds] [NOACK] STREAMS key [key ...] id [id ...]`.
/// O(entries returned).
pub(in crate::commands) fn xreadgroup(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let request = parse(args, true)?;
    let (group, _) = request.member.ok_or(GROUP_MISSING)?;
    let mut from = Vec::with_capacity(request.keys.len());
    for (key, id) in request.keys.iter().zip(&request.ids) {
        check_group(ctx, key, group)?;
        from.push(match *id {
            b"$" => return Err(NO_END_HERE),
            b">" => StreamId::MAX,
            id => exact_id(id)?,
        });
    }
    ctx.propagate_nothing();
    let (at, mut served) = (ctx.out.len(), 0);
    // One after the other: a key that comes twice has nothing new the second time.
    for (key, from) in request.keys.iter().zip(&from) {
        let (stream, _) = ctx.read_as::<Stream>(key)?;
        let Some(stream) = stream else { continue };
        let last_read = stream.group(group).map(|group| group.last_id);
        let news = stream.log().last_entry_id() > last_read.or(Some(StreamId::MAX));
        if *from != StreamId::MAX || news {
            deliver(ctx, &request, key, *from)?;
            served += 1;
        }
    }
    if served == 0 {
        wait(ctx, args, &request, &from);
        return Ok(());
    }
    let mut head = Replies::new();
    head.set_resp3(ctx.out.is_resp3());
    begin(&mut head, served);
    ctx.out.insert(at, head.bytes());
    Ok(())
}

/// Key and group must be there; a client that waits for them hears what became of them.
fn check_group(ctx: &mut Ctx<'_>, key: &[u8], group: &[u8]) -> CmdResult {
    let resuming = ctx.ready_key.is_some();
    match ctx.read_as::<Stream>(key) {
        Ok((None, _)) | Err(CmdError::WrongType) if resuming => Err(STREAM_GONE),
        Err(error) => Err(error),
        Ok((stream, _)) => match stream.and_then(|stream| stream.group(group)) {
            Some(_) => Ok(()),
            None if resuming => Err(GROUP_GONE),
            None => Err(no_group_to_read(key, group)),
        },
    }
}

fn no_group_to_read(key: &[u8], group: &[u8]) -> CmdError {
    let CmdError::Raw(mut line) = no_group(key, group) else { return GROUP_GONE };
    line.extend_from_slice(b" in XREADGROUP with GROUP option");
    CmdError::Raw(line)
}

/// One stream's part of an XREADGROUP: what is new, or with an id what this consumer got and did not acknowledge.
fn deliver(ctx: &mut Ctx<'_>, request: &Request<'_>, key: &[u8], from: StreamId) -> CmdResult {
    begin_stream(ctx.out, key);
    let (now, streaming) = (ctx.now, ctx.effects.streaming);
    let (name, consumer) = request.member.ok_or(GROUP_MISSING)?;
    let found = ctx.edit::<Stream>(key)?;
    let (mut stream, out) = found.ok_or_else(|| CmdError::broken("a stream is not where it was found"))?;
    let found = stream.edit_group(name);
    let (log, mut group) = found.ok_or_else(|| CmdError::broken("a group is not where it was found"))?;
    let created = group.see_consumer(consumer, now);
    let mut delivered = Vec::new();
    let read_before = group.last_id;
    if from == StreamId::MAX {
        let (at, mut count) = (out.len(), 0);
        for entry in log.range(read_before.next().unwrap_or_default(), StreamId::MAX).take(request.most()) {
            write_entry(out, &entry);
            count += 1;
            group.advance(entry.id, log);
            if !request.no_ack {
                group.assign(entry.id, consumer, now, 1);
                if streaming {
                    delivered.push(entry.id);
                }
            }
        }
        out.array_from(at, count);
    } else {
        write_history(out, request, log, &mut group, from, now);
    }
    let (last_id, entries_read) = (group.last_id, group.entries_read);
    drop(group);
    drop(stream);
    if created {
        note_consumer(ctx, key);
        if request.no_ack {
            ctx.propagate(&[b"XGROUP", b"CREATECONSUMER", key, name, consumer]);
        }
    }
    for id in delivered {
        let pending = Pending { time: now, count: 1, consumer: Name::new(consumer) };
        send_claim(ctx, key, name, id.to_string().as_bytes(), id, &pending);
    }
    if request.no_ack && last_id != read_before {
        send_group_id(ctx, key, name, last_id, entries_read);
    }
    ctx.effects.dirty += 1;
    Ok(())
}

fn write_history(
    out: &mut Replies,
    request: &Request<'_>,
    log: &Log,
    group: &mut Group,
    from: StreamId,
    now: Millis,
) {
    let start = from.next().unwrap_or_default();
    let consumer = request.member.and_then(|(_, consumer)| group.consumer(consumer));
    let ids: Vec<StreamId> = consumer
        .into_iter()
        .flat_map(|consumer| consumer.pending().from(&start))
        .take(request.most())
        .map(|(id, ())| *id)
        .collect();
    out.array(ids.len());
    for id in ids {
        if let Some(entry) = log.get(id) {
            write_entry(out, &entry);
            group.delivered_again(id, now);
        } else {
            // It was deleted since: the consumer has it to acknowledge all the same.
            out.array(2);
            write_id(out, id);
            out.null_array();
        }
    }
}

/// Nothing is there: the client waits, with `$` as it is now, or has its answer.
fn wait(ctx: &mut Ctx<'_>, args: &Args<'_>, request: &Request<'_>, from: &[StreamId]) {
    let Some(timeout) = request.timeout else {
        ctx.out.null_array();
        return;
    };
    ctx.wait_for(request.keys.iter().copied(), timeout, AtTimeout::NullArray);
    let Some(wait) = &mut ctx.effects.wait else { return };
    let mut again: Vec<Vec<u8>> = vec![args.name().to_vec()];
    if let Some((group, consumer)) = request.member {
        again.extend([b"GROUP", group, consumer].map(<[u8]>::to_vec));
    }
    let count = if request.count == 0 { COUNT_AFTER_WAIT } else { request.count };
    again.extend([b"COUNT".to_vec(), count.to_string().into_bytes()]);
    again.extend([b"BLOCK".to_vec(), timeout.to_string().into_bytes()]);
    if request.no_ack {
        again.push(b"NOACK".to_vec());
    }
    again.push(b"STREAMS".to_vec());
    again.extend(request.keys.iter().map(|key| key.to_vec()));
    for id in from {
        // For a group the largest id stands for what is new whenever it comes.
        let new = request.member.is_some() && *id == StreamId::MAX;
        again.push(if new { b">".to_vec() } else { id.to_string().into_bytes() });
    }
    wait.instead = Some(again);
    // A member hears that its group is gone, or its stream.
    wait.errors_end_it = request.member.is_some();
}

fn parse<'a>(args: &Args<'a>, in_group: bool) -> CmdResult<Request<'a>> {
    let mut request =
        Request { member: None, timeout: None, count: 0, no_ack: false, keys: Vec::new(), ids: Vec::new() };
    let mut words = ArgCursor::new(args, 1);
    while !words.option_before("STREAMS", 1) {
        if let Some([timeout]) = words.option("BLOCK") {
            request.timeout = Some(timeout::millis(timeout)?);
        } else if let Some(count) = words.integer("COUNT")? {
            request.count = count.max(0) as usize;
        } else if let Some([group, consumer]) = words.option("GROUP") {
            if !in_group {
                return Err(NO_GROUP_HERE);
            }
            request.member = Some((group, consumer));
        } else if words.flag("NOACK") {
            if !in_group {
                return Err(NO_NOACK_HERE);
            }
            request.no_ack = true;
        } else {
            return Err(CmdError::Syntax);
        }
    }
    if !words.left().is_multiple_of(2) {
        return Err(UNBALANCED);
    }
    if in_group && request.member.is_none() {
        return Err(GROUP_MISSING);
    }
    let count = words.left() / 2;
    request.keys = words.by_ref().take(count).collect();
    request.ids = words.collect();
    Ok(request)
}

/// The streams that follow: a map from RESP3 on, before that an array of pairs.
fn begin(out: &mut Replies, streams: usize) {
    if out.is_resp3() {
        out.map(streams);
    } else {
        out.array(streams);
    }
}

fn begin_stream(out: &mut Replies, key: &[u8]) {
    if !out.is_resp3() {
        out.array(2);
    }
    out.bulk(key);
}
