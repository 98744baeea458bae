//! XADD and XTRIM: what comes in at one end, and what goes out at the other.

use super::ids::{AddId, add_id, exact_id};
use super::{changed_by, write_id};
use crate::commands::{ArgCursor, CmdError, CmdResult, Ctx, ExpiryMode, KeyspaceEvents, numbers};
use crate::protocol::Args;
use crate::store::stream::{Log, StreamId, Trim};
use crate::store::{Millis, Stream};

/// Most entries that `~` drops at once, whatever the size of a node.
const LIMIT_MAX: u64 = 1_000_000;
/// The same where nodes have no limit.
const LIMIT_DEFAULT: u64 = 10_000;
/// Largest entry, in bytes.
const ENTRY_MAX: usize = 1 << 30;

const BOTH: CmdError =
    CmdError::text("ERR syntax error, MAXLEN and MINID options at the same time are not compatible");
const LIMIT_ALONE: CmdError =
    CmdError::text("ERR syntax error, LIMIT cannot be used without specifying a trimming strategy");
const TRIM_MISSING: CmdError =
    CmdError::text("ERR syntax error, XTRIM must be called with a trimming strategy");
const LIMIT_EXACT: CmdError =
    CmdError::text("ERR syntax error, LIMIT cannot be used without the special ~ option");
const NOT_ABOVE: CmdError =
    CmdError::text("ERR The ID specified in XADD is equal or smaller than the target stream top item");
const EXHAUSTED: CmdError =
    CmdError::text("ERR The stream has exhausted the last possible ID, unable to add more items");
const TOO_LARGE: CmdError = CmdError::text("ERR Elements are too large to be stored");

/// The options of XADD and XTRIM.
#[derive(Debug)]
struct Options {
    trim: Option<Trim>,
    /// `~`: whole nodes only.
    approximate: bool,
    /// Most entries to drop, 0 for no limit.
    limit: u64,
    /// Where the threshold stands; `~` stands before it.
    threshold_at: usize,
    make_stream: bool,
    id: AddId,
    /// Where the id stands.
    id_at: usize,
}

/// The options up to the id, or all of them for XTRIM.
fn options(ctx: &Ctx<'_>, args: &Args<'_>, xadd: bool) -> CmdResult<Options> {
    let mut found = Options {
        trim: None,
        approximate: false,
        limit: 0,
        threshold_at: 0,
        make_stream: true,
        id: AddId::Auto,
        id_at: args.len(),
    };
    let mut limit = None;
    let mut words = ArgCursor::new(args, 2);
    while words.has_more() {
        if xadd && words.peek() == b"*" {
            found.id_at = words.at();
            break;
        }
        let is_max = words.option_before("MAXLEN", 1);
        if is_max || words.option_before("MINID", 1) {
            threshold(&mut words, is_max, &mut found)?;
        } else if let Some(number) = words.integer("LIMIT")? {
            let number = u64::try_from(number);
            limit = Some(number.map_err(|_| CmdError::text("ERR The LIMIT argument must be >= 0."))?);
        } else if xadd && words.flag("NOMKSTREAM") {
            found.make_stream = false;
        } else if xadd {
            found.id = add_id(words.peek())?;
            found.id_at = words.at();
            break;
        } else {
            return Err(CmdError::Syntax);
        }
    }
    if limit.is_some_and(|limit| limit > 0) && found.trim.is_none() {
        return Err(LIMIT_ALONE);
    }
    if !xadd && found.trim.is_none() {
        return Err(TRIM_MISSING);
    }
    found.limit = effective_limit(ctx, limit, found.approximate)?;
    Ok(found)
}

/// What follows MAXLEN, `[= | ~] count`, or MINID, `[= | ~] id`.
fn threshold(words: &mut ArgCursor<'_>, is_max: bool, found: &mut Options) -> CmdResult {
    if found.trim.is_some() {
        return Err(BOTH);
    }
    let approximate = words.option_before("~", 1);
    if approximate || words.option_before("=", 1) {
        found.approximate = approximate;
    }
    found.threshold_at = words.at();
    let value = words.next().unwrap_or_default();
    found.trim = Some(if is_max {
        let max = u64::try_from(numbers::integer(value)?);
        Trim::MaxLen(max.map_err(|_| CmdError::text("ERR The MAXLEN argument must be >= 0."))?)
    } else {
        Trim::MinId(exact_id(value)?)
    });
    Ok(())
}

fn effective_limit(ctx: &Ctx<'_>, limit: Option<u64>, approximate: bool) -> CmdResult<u64> {
    // What a master sends was bounded there, and must have the same outcome here.
    if ctx.expiry == ExpiryMode::Visible {
        return Ok(0);
    }
    match limit {
        Some(_) if !approximate => Err(LIMIT_EXACT),
        Some(limit) => Ok(limit),
        None if !approximate => Ok(0),
        None => Ok(match ctx.encodings.stream_node_max_entries.saturating_mul(100) {
            0 => LIMIT_DEFAULT,
            limit => limit.min(LIMIT_MAX),
        }),
    }
}

/// The id of a new entry.
fn next_id(log: &Log, wanted: AddId, now: Millis) -> CmdResult<StreamId> {
    if log.last_id == StreamId::MAX {
        return Err(EXHAUSTED);
    }
    let id = match wanted {
        AddId::Auto if now as u64 > log.last_id.ms => StreamId { ms: now as u64, seq: 0 },
        AddId::Auto => log.last_id.next().ok_or(EXHAUSTED)?,
        AddId::AutoSeq(ms) if ms == log.last_id.ms => {
            let seq = log.last_id.seq.checked_add(1).ok_or(NOT_ABOVE)?;
            StreamId { ms, seq }
        }
        AddId::AutoSeq(ms) => StreamId { ms, seq: 0 },
        AddId::Exact(id) => id,
    };
    if id > log.last_id { Ok(id) } else { Err(NOT_ABOVE) }
}

/// What came of it.
struct Added {
    id: StreamId,
    trimmed: u64,
    /// What `~` became: the replicas get the outcome.
    threshold: Option<String>,
}

/// `XADD key [NOMKSTREAM] [<MAXLEN | MINID> [= | ~] threshold [LIMIT count]] <* | id> field value [field value ...]`.
/// O(1), and the entries that are trimmed.
pub(in crate::commands) fn xadd(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let key = args.get(1);
    let options = options(ctx, args, true)?;
    let fields: Vec<&[u8]> = args.from(options.id_at + 1).collect();
    if fields.is_empty() || fields.len() % 2 == 1 {
        return Err(CmdError::Arity("xadd".into()));
    }
    if options.id == AddId::Exact(StreamId::MIN) {
        return Err(CmdError::text("ERR The ID specified in XADD must be greater than 0-0"));
    }
    if fields.iter().map(|part| part.len()).sum::<usize>() > ENTRY_MAX {
        return Err(TOO_LARGE);
    }
    let (now, encodings) = (ctx.now, ctx.encodings);
    let add = |stream: &mut Stream| -> CmdResult<Added> {
        let log = stream.log_mut();
        let id = next_id(log, options.id, now)?;
        log.append(id, &fields, encodings);
        let trimmed = options.trim.map_or(0, |trim| log.trim(trim, options.approximate, options.limit));
        Ok(Added { id, trimmed, threshold: threshold_reached(log, &options) })
    };
    let existing = match ctx.edit::<Stream>(key)? {
        Some((mut stream, _)) => Some(add(&mut stream)?),
        None => None,
    };
    let added = match existing {
        Some(added) => added,
        None if options.make_stream => {
            let (mut stream, _) = ctx.edit_or_new::<Stream>(key)?;
            add(&mut stream)?
        }
        None => {
            ctx.out.null();
            return Ok(());
        }
    };
    write_id(ctx.out, added.id);
    ctx.changed(key);
    ctx.notify(KeyspaceEvents::STREAM, "xadd", key);
    if added.trimmed > 0 {
        ctx.notify(KeyspaceEvents::STREAM, "xtrim", key);
    }
    let id = (!matches!(options.id, AddId::Exact(_))).then(|| added.id.to_string());
    let id = id.as_deref().map(|id| (options.id_at, id));
    propagate_outcome(ctx, args, &options, added.threshold.as_deref(), id);
    ctx.effects.signal_ready(ctx.db, key);
    Ok(())
}

/// `XTRIM key <MAXLEN | MINID> [= | ~] threshold [LIMIT count]`. O(entries that are trimmed).
pub(in crate::commands) fn xtrim(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let key = args.get(1);
    let options = options(ctx, args, false)?;
    let Some((mut stream, out)) = ctx.edit::<Stream>(key)? else {
        ctx.out.integer(0);
        return Ok(());
    };
    let log = stream.log_mut();
    let trimmed = options.trim.map_or(0, |trim| log.trim(trim, options.approximate, options.limit));
    let threshold = threshold_reached(log, &options);
    out.integer(trimmed as i64);
    drop(stream);
    if trimmed > 0 {
        ctx.notify(KeyspaceEvents::STREAM, "xtrim", key);
        propagate_outcome(ctx, args, &options, threshold.as_deref(), None);
        changed_by(ctx, key, trimmed);
    }
    Ok(())
}

/// The exact threshold that an approximate one came to.
fn threshold_reached(log: &Log, options: &Options) -> Option<String> {
    match options.trim {
        Some(Trim::MaxLen(_)) if options.approximate => Some(log.len().to_string()),
        Some(Trim::MinId(_)) if options.approximate => Some(log.first_id_deleted_too().to_string()),
        _ => None,
    }
}

/// Sends the command with the id that was given and the threshold that was reached: neither the clock nor the
/// sizes of nodes need be the same on a replica.
fn propagate_outcome(
    ctx: &mut Ctx<'_>,
    args: &Args<'_>,
    options: &Options,
    threshold: Option<&str>,
    id: Option<(usize, &str)>,
) {
    if threshold.is_none() && id.is_none() {
        return;
    }
    let mut parts: Vec<&[u8]> = args.from(0).collect();
    if let Some(threshold) = threshold {
        parts[options.threshold_at - 1] = b"=";
        parts[options.threshold_at] = threshold.as_bytes();
    }
    if let Some((at, id)) = id {
        parts[at] = id.as_bytes();
    }
    ctx.propagate(&parts);
}
