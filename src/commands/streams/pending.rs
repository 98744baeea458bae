//! XACK and XPENDING: what was delivered and not acknowledged.

use super::ids::{exact_id, interval_end, interval_start};
use super::{no_group, write_id};
use crate::commands::{CmdError, CmdResult, Ctx, numbers};
use crate::protocol::{Args, Replies};
use crate::store::stream::{Group, Pending, StreamId};
use crate::store::{Millis, Stream};

/// `XACK key group id [id ...]`. O(ids).
pub(in crate::commands) fn xack(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let acknowledged = match ctx.edit::<Stream>(args.get(1))? {
        None => 0,
        Some((mut stream, _)) => match stream.edit_group(args.get(2)) {
            None => 0,
            Some((_, mut group)) => {
                // All of them are read first: an error must not leave half of them done.
                let ids = args.from(3).map(exact_id).collect::<CmdResult<Vec<StreamId>>>()?;
                ids.into_iter().filter_map(|id| group.acknowledge(id)).count()
            }
        },
    };
    ctx.out.integer(acknowledged as i64);
    ctx.effects.dirty += acknowledged as u64;
    Ok(())
}

/// What XPENDING lists.
struct Listing<'a> {
    min_idle: Millis,
    start: StreamId,
    end: StreamId,
    count: usize,
    consumer: Option<&'a [u8]>,
}

/// `XPENDING key group [[IDLE min-idle-time] start end count [consumer]]`. O(entries looked at), O(consumers) for the
/// short form.
pub(in crate::commands) fn xpending(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (key, name) = (args.get(1), args.get(2));
    if args.len() != 3 && !(6..=9).contains(&args.len()) {
        return Err(CmdError::Syntax);
    }
    let listing = if args.len() == 3 { None } else { Some(listing(args)?) };
    let now = ctx.now;
    let (stream, out) = ctx.read_as::<Stream>(key)?;
    let group = stream.and_then(|stream| stream.group(name)).ok_or_else(|| no_group(key, name))?;
    match listing {
        None => write_summary(out, group),
        Some(listing) => write_listing(out, group, &listing, now),
    }
    Ok(())
}

fn listing<'a>(args: &Args<'a>) -> CmdResult<Listing<'a>> {
    let (mut at, mut min_idle) = (3, 0);
    if args.is(3, "IDLE") {
        min_idle = numbers::integer(args.get(4))?;
        if args.len() < 8 {
            return Err(CmdError::Syntax);
        }
        at = 5;
    }
    let count = numbers::integer(args.get(at + 2))?.max(0) as usize;
    Ok(Listing {
        min_idle,
        count,
        start: interval_start(args.get(at))?,
        end: interval_end(args.get(at + 1))?,
        consumer: (at + 3 < args.len()).then(|| args.get(at + 3)),
    })
}

fn write_summary(out: &mut Replies, group: &Group) {
    out.array(4);
    out.integer(group.pending().len() as i64);
    let (Some((first, _)), Some((last, _))) = (group.pending().first(), group.pending().last()) else {
        out.null();
        out.null();
        out.null_array();
        return;
    };
    write_id(out, *first);
    write_id(out, *last);
    let busy = || group.consumers().filter(|(_, consumer)| !consumer.pending().is_empty());
    out.array(busy().count());
    for (name, consumer) in busy() {
        out.array(2);
        out.bulk(name.as_bytes());
        out.bulk(itoa::Buffer::new().format(consumer.pending().len()).as_bytes());
    }
}

fn write_listing(out: &mut Replies, group: &Group, listing: &Listing<'_>, now: Millis) {
    let Listing { start, end, .. } = *listing;
    let idle_enough =
        |pending: &Pending| listing.min_idle == 0 || now.wrapping_sub(pending.time) >= listing.min_idle;
    let (at, mut count) = (out.len(), 0);
    let mut write = |(id, pending): (&StreamId, &Pending)| {
        write_pending(out, *id, pending, now);
        count += 1;
    };
    match listing.consumer {
        None => {
            let range = group.pending().from(&start).take_while(|(id, _)| **id <= end);
            range.filter(|(_, pending)| idle_enough(pending)).take(listing.count).for_each(&mut write);
        }
        Some(name) => {
            let ids = group.consumer(name).into_iter().flat_map(|consumer| consumer.pending().from(&start));
            ids.take_while(|(id, ())| **id <= end)
                .filter_map(|(id, ())| group.pending().get_entry(id))
                .filter(|(_, pending)| idle_enough(pending))
                .take(listing.count)
                .for_each(&mut write);
        }
    }
    out.array_from(at, count);
}

fn write_pending(out: &mut Replies, id: StreamId, pending: &Pending, now: Millis) {
    out.array(4);
    write_id(out, id);
    out.bulk(pending.consumer.as_bytes());
    out.integer(now.wrapping_sub(pending.time).max(0));
    out.integer(pending.count as i64);
}
