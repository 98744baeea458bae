//! PFADD, PFCOUNT, PFMERGE: how many different elements were seen, in at most 12 KiB, with an error of about 0.8 %.
//!
//! The bytes are Redis' own: GET, DUMP and a replica see them.

mod registers;
mod sketch;
mod sparse;

use self::registers::{REGISTERS, dense_get};
use self::sketch::{Corrupted, Sketch, count_union};
use super::strings::{current, text};
use super::{CmdError, CmdResult, Ctx, KeyspaceEvents};
use crate::protocol::Args;
use crate::store::{KeyHash, Ttl};

const CORRUPTED: CmdError = CmdError::text("INVALIDOBJ Corrupted HLL object detected");
const NO_SKETCH: CmdError = CmdError::text("WRONGTYPE Key is not a valid HyperLogLog string value.");

impl From<Corrupted> for CmdError {
    fn from(_: Corrupted) -> Self {
        CORRUPTED
    }
}

/// The sketch at `key`, to read it.
fn read(ctx: &mut Ctx<'_>, key: &[u8]) -> CmdResult<Option<Sketch>> {
    let Some(entry) = ctx.read(key) else { return Ok(None) };
    Sketch::of(text(&entry)?).map(Some).ok_or(NO_SKETCH)
}

/// The sketch at `key`, to change it.
fn take(ctx: &mut Ctx<'_>, hash: KeyHash, key: &[u8]) -> CmdResult<Option<Sketch>> {
    let Some(text) = current(ctx, hash, key)? else { return Ok(None) };
    Sketch::of(text).map(Some).ok_or(NO_SKETCH)
}

/// Stores a sketch with the expiry that `key` has.
fn put(ctx: &mut Ctx<'_>, hash: KeyHash, key: &[u8], sketch: &Sketch) {
    let access = ctx.write_access(hash, key);
    ctx.note_store(hash, key);
    ctx.keyspace_mut().set_changed(hash, key, sketch.bytes(), Ttl::Keep, access);
}

/// `PFADD key [element ...]`. O(elements); each one walks the runs of a sparse sketch.
pub(super) fn pfadd(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let key = args.get(1);
    let hash = ctx.hash(key);
    let most = ctx.encodings.hll_sparse_max_bytes;
    let old = take(ctx, hash, key)?;
    let mut updates = u64::from(old.is_none());
    let mut sketch = old.unwrap_or_else(Sketch::empty);
    for element in args.from(2) {
        updates += u64::from(sketch.add(element, most)?);
    }
    if updates > 0 {
        sketch.forget();
        put(ctx, hash, key, &sketch);
        ctx.changed(key);
        ctx.effects.dirty += updates - 1;
        ctx.notify(KeyspaceEvents::STRING, "pfadd", key);
    }
    ctx.out.flag(updates > 0);
    Ok(())
}

/// `PFCOUNT key [key ...]`: of several keys, the estimate of their union. O(keys), with 16,384 steps for each; O(1) for
/// a single key whose estimate is remembered.
pub(super) fn pfcount(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    if args.len() > 2 {
        let mut highest = [0; REGISTERS];
        for key in args.from(1) {
            if let Some(sketch) = read(ctx, key)? {
                sketch.merge_into(&mut highest)?;
            }
        }
        ctx.out.integer(count_union(&highest) as i64);
        return Ok(());
    }
    let key = args.get(1);
    let Some(mut sketch) = read(ctx, key)? else {
        ctx.out.integer(0);
        return Ok(());
    };
    let estimate = if let Some(estimate) = sketch.remembered() {
        estimate
    } else {
        let estimate = sketch.count()?;
        sketch.remember(estimate);
        let hash = ctx.hash(key);
        put(ctx, hash, key, &sketch);
        // Replicas remember it too: their bytes stay the same as ours.
        ctx.changed(key);
        estimate
    };
    ctx.out.integer(estimate as i64);
    Ok(())
}

/// `PFMERGE destkey [sourcekey ...]`. O(keys), with 16,384 steps for each.
pub(super) fn pfmerge(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let mut highest = [0; REGISTERS];
    let mut any_dense = false;
    for key in args.from(1) {
        if let Some(sketch) = read(ctx, key)? {
            any_dense |= !sketch.is_sparse();
            sketch.merge_into(&mut highest)?;
        }
    }
    let key = args.get(1);
    let hash = ctx.hash(key);
    let most = ctx.encodings.hll_sparse_max_bytes;
    let mut sketch = take(ctx, hash, key)?.unwrap_or_else(Sketch::empty);
    if any_dense {
        sketch.make_dense()?;
    }
    for (index, value) in highest.iter().enumerate().filter(|(_, value)| **value > 0) {
        sketch.raise(index, *value, most)?;
    }
    sketch.forget();
    put(ctx, hash, key, &sketch);
    ctx.changed(key);
    ctx.notify(KeyspaceEvents::STRING, "pfadd", key);
    ctx.out.ok();
    Ok(())
}

/// `PFDEBUG <GETREG | DECODE | ENCODING | TODENSE> key`. O(1), with 16,384 steps.
pub(super) fn pfdebug(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let key = args.get(2);
    let hash = ctx.hash(key);
    let missing = CmdError::text("ERR The specified key does not exist");
    let mut sketch = take(ctx, hash, key)?.ok_or(missing)?;
    let was_sparse = sketch.is_sparse();
    match args.get(1).to_ascii_lowercase().as_slice() {
        b"getreg" => {
            make_dense(ctx, hash, key, &mut sketch)?;
            ctx.out.array(REGISTERS);
            for index in 0..REGISTERS {
                ctx.out.integer(dense_get(sketch.registers(), index).into());
            }
        }
        b"decode" => {
            if !was_sparse {
                return Err(CmdError::text("ERR HLL encoding is not sparse"));
            }
            ctx.out.bulk(decoded(&sketch).as_bytes());
        }
        b"encoding" => ctx.out.simple(if was_sparse { "sparse" } else { "dense" }),
        b"todense" => {
            make_dense(ctx, hash, key, &mut sketch)?;
            ctx.out.flag(was_sparse);
        }
        _ => return Err(CmdError::quoting("ERR Unknown PFDEBUG subcommand '", args.get(1), "'")),
    }
    Ok(())
}

fn make_dense(ctx: &mut Ctx<'_>, hash: KeyHash, key: &[u8], sketch: &mut Sketch) -> CmdResult {
    if sketch.is_sparse() {
        sketch.make_dense()?;
        put(ctx, hash, key, sketch);
        ctx.changed(key);
    }
    Ok(())
}

/// The runs of a sparse sketch, as `Z:16000 v:3,1 z:20`.
fn decoded(sketch: &Sketch) -> String {
    let words = sparse::runs(sketch.registers()).map(|run| match run.value {
        0 if run.is_long() => format!("Z:{}", run.len),
        0 => format!("z:{}", run.len),
        value => format!("v:{value},{}", run.len),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Elements that PFSELFTEST adds: enough to leave the sparse form, few enough not to hold up the node.
const SELF_TEST: u64 = 20_000;

/// `PFSELFTEST`: whether both forms agree and estimate well. O(1), some milliseconds.
pub(super) fn pfselftest(ctx: &mut Ctx<'_>, _: &Args<'_>) -> CmdResult {
    let (mut sketch, mut dense) = (Sketch::empty(), Sketch::empty());
    dense.make_dense()?;
    let most = ctx.encodings.hll_sparse_max_bytes;
    let seed = ctx.random();
    let mut checkpoint = 10;
    for nth in 1..=SELF_TEST {
        let element = (nth ^ seed).to_le_bytes();
        sketch.add(&element, most)?;
        dense.add(&element, most)?;
        if nth != checkpoint && nth != SELF_TEST {
            continue;
        }
        checkpoint *= 10;
        let count = dense.count()?;
        if sketch.count()? != count {
            return Err(CmdError::text("TESTFAILED dense/sparse disagree"));
        }
        // Six times the standard error, which is 1.04 / sqrt(16384).
        let error = count.abs_diff(nth);
        if error > (nth * 5).div_ceil(100) {
            return Err(format!("TESTFAILED Too big error. card:{nth} abserr:{error}").into());
        }
    }
    ctx.out.ok();
    Ok(())
}
