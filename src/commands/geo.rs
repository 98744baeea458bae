//! Places on earth, kept in sorted sets: the score of a member is its geohash of 52 bits.

mod hash;
mod place;
mod search;
mod shape;

pub(super) use search::{
    georadius, georadius_ro, georadiusbymember, georadiusbymember_ro, geosearch, geosearchstore,
};

use hash::{ALL_LATITUDES, GeoHash, LATITUDES, STEP_MAX};
use place::{place_of, read_place, write_coordinate, write_distance};

use super::sorted_sets::Adding;
use super::{ArgCursor, CmdError, CmdResult, Ctx};
use crate::protocol::Args;
use crate::store::Zset;

/// Letters of a geohash, five bits each.
const ALPHABET: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
/// Letters that GEOHASH answers with: 52 bits fill ten of them, and the last one is always a zero.
const LETTERS: usize = 11;

/// `GEOADD key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]`: replicas receive a ZADD with
/// the scores. O(members · log n).
///
/// # Errors
/// [`CmdError::Syntax`], [`CmdError::NotAFloat`], a place that is not on the map, or [`CmdError::WrongType`]. Nothing is
/// added then.
pub(super) fn geoadd(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (mut missing, mut present, mut count_changed) = (false, false, false);
    let mut words = ArgCursor::new(args, 2);
    loop {
        match () {
            () if words.flag("NX") => missing = true,
            () if words.flag("XX") => present = true,
            () if words.flag("CH") => count_changed = true,
            () => break,
        }
    }
    let first = words.at();
    if !words.has_more() || !words.left().is_multiple_of(3) || (missing && present) {
        return Err(CmdError::Syntax);
    }
    let mut hashes = Vec::with_capacity(words.left() / 3);
    while let (Some(longitude), Some(latitude), Some(_)) = (words.next(), words.next(), words.next()) {
        let place = read_place([longitude, latitude])?;
        hashes.push(GeoHash::encode(place, LATITUDES, STEP_MAX).aligned());
    }
    let members = || args.from(first + 2).step_by(3);
    let pairs = hashes.iter().map(|hash| *hash as f64).zip(members());
    Adding::of_geoadd(missing, present, count_changed).run(ctx, args.get(1), pairs)?;

    let scores: Vec<String> = hashes.iter().map(u64::to_string).collect();
    let mut parts: Vec<&[u8]> = vec![b"zadd"];
    parts.extend(args.from(1).take(first - 1));
    parts.extend(scores.iter().zip(members()).flat_map(|(score, member)| [score.as_bytes(), member]));
    if ctx.effects.dirty > 0 {
        ctx.propagate(&parts);
    }
    Ok(())
}

/// `GEOPOS key [member ...]`. O(members).
pub(super) fn geopos(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (zset, out) = ctx.read_as::<Zset>(args.get(1))?;
    out.array(args.len() - 2);
    for member in args.from(2) {
        match zset.and_then(|zset| place_of(zset, member)) {
            None => out.null_array(),
            Some(place) => {
                out.array(2);
                write_coordinate(out, place.longitude);
                write_coordinate(out, place.latitude);
            }
        }
    }
    Ok(())
}

/// `GEODIST key member1 member2 [unit]`. O(1).
pub(super) fn geodist(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let unit = match args.len() {
        4 => 1.0,
        5 => search::unit(args.get(4))?,
        _ => return Err(CmdError::Syntax),
    };
    let (zset, out) = ctx.read_as::<Zset>(args.get(1))?;
    let places = zset.and_then(|zset| Some((place_of(zset, args.get(2))?, place_of(zset, args.get(3))?)));
    match places {
        None => out.null(),
        Some((a, b)) => write_distance(out, shape::distance(a, b) / unit),
    }
    Ok(())
}

/// `GEOHASH key [member ...]`: geohashes as other programs know them. O(members).
pub(super) fn geohash(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (zset, out) = ctx.read_as::<Zset>(args.get(1))?;
    out.array(args.len() - 2);
    for member in args.from(2) {
        match zset.and_then(|zset| place_of(zset, member)) {
            None => out.null(),
            Some(place) => {
                let bits = GeoHash::encode(place, ALL_LATITUDES, STEP_MAX).bits;
                let mut text = [ALPHABET[0]; LETTERS];
                for (nth, letter) in text.iter_mut().take(LETTERS - 1).enumerate() {
                    *letter = ALPHABET[(bits >> (52 - (nth + 1) * 5)) as usize & 31];
                }
                out.bulk(&text);
            }
        }
    }
    Ok(())
}
