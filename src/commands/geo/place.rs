//! Places: of members, out of requests, into replies.

use super::hash::{GeoHash, LATITUDES, LONGITUDES, Place};
use crate::commands::CmdResult;
use crate::commands::sorted_sets::number;
use crate::protocol::Replies;
use crate::store::Zset;

/// Where a member is.
pub(super) fn place_of(zset: &Zset, member: &[u8]) -> Option<Place> {
    zset.score(member).map(|score| GeoHash::of_score(score).place())
}

/// Reads `longitude latitude`.
pub(super) fn read_place([longitude, latitude]: [&[u8]; 2]) -> CmdResult<Place> {
    let place = Place { longitude: number(longitude)?, latitude: number(latitude)? };
    if !LONGITUDES.contains(place.longitude) || !LATITUDES.contains(place.latitude) {
        let Place { longitude, latitude } = place;
        return Err(format!("ERR invalid longitude,latitude pair {longitude:.6},{latitude:.6}").into());
    }
    Ok(place)
}

/// A distance with four digits behind the point.
pub(super) fn write_distance(out: &mut Replies, distance: f64) {
    let scaled = (distance * 10_000.0).round_ties_even() as i64;
    let (sign, scaled) = (if scaled < 0 { "-" } else { "" }, scaled.unsigned_abs());
    out.bulk(format!("{sign}{}.{:04}", scaled / 10_000, scaled % 10_000).as_bytes());
}

/// A coordinate with up to 17 digits behind the point.
pub(super) fn write_coordinate(out: &mut Replies, degrees: f64) {
    let text = format!("{degrees:.17}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    out.double(if text == "-0" { "0" } else { text });
}
