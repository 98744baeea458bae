//! What may differ between the two servers, each with its reason. Everything else is a difference.

use super::grammar::Request;
use super::raw::parts;

/// Replies whose elements have no order, because a large set is walked in the order of its hash table.
const UNORDERED: [&str; 8] =
    ["SMEMBERS", "SINTER", "SUNION", "SDIFF", "HKEYS", "HVALS", "SPOP", "SRANDMEMBER"];
/// The same for pairs: field and value, member and score stay together.
const PAIRS: [&str; 2] = ["HGETALL", "HRANDFIELD"];
/// Type bytes in a DUMP of values that are the same in other bytes: a set and a hash that are hash tables have no order,
/// a stream has times of delivery in it.
const OTHER_BYTES: [u8; 3] = [2, 4, 19];

/// Times to live are counted from when a request comes in, which is not the same moment on both sides.
const SLACK_MS: i64 = 4000;
/// From here on lie the deadlines that requests name themselves: they are equal.
pub(super) const NAMED_MS: i64 = 4_000_000_000_000;

/// Whether both replies are numbers from 0 to `most` that are nearly equal.
fn is_near(ours: &[u8], real: &[u8], slack: i64, most: i64) -> bool {
    let number = |reply: &[u8]| {
        let digits: Vec<u8> =
            reply.strip_prefix(b":")?.iter().copied().take_while(u8::is_ascii_digit).collect();
        String::from_utf8(digits).ok()?.parse::<i64>().ok().filter(|number| *number < most)
    };
    number(ours).zip(number(real)).is_some_and(|(ours, real)| (ours - real).abs() <= slack)
}

/// Whether two answers to PEXPIRETIME may come from the same request, a time to live.
pub(super) fn same_deadline(ours: &[u8], real: &[u8]) -> bool {
    is_near(ours, real, SLACK_MS, NAMED_MS)
}

/// Whether two replies to a request say the same.
pub(super) fn equal(request: &Request, ours: &[u8], real: &[u8]) -> bool {
    if ours == real {
        return true;
    }
    let name = String::from_utf8_lossy(&request[0]).to_ascii_uppercase();
    match &*name {
        // INCRBYFLOAT leaves a string that Redis would call int had it been SET: the record has no room for that.
        "OBJECT" => ours == b"$3\r\nint\r\n" && real == b"$6\r\nembstr\r\n",
        "TTL" => is_near(ours, real, SLACK_MS / 1000, i64::MAX),
        "PTTL" => is_near(ours, real, SLACK_MS, i64::MAX),
        "EXPIRETIME" => is_near(ours, real, SLACK_MS / 1000, NAMED_MS / 1000),
        "PEXPIRETIME" => same_deadline(ours, real),
        "DUMP" => {
            let kind = |reply: &[u8]| Some(*reply.get(memchr::memmem::find(reply, b"\r\n")? + 2)?);
            kind(ours) == kind(real)
                && ours.len() == real.len()
                && kind(ours).is_some_and(|kind| OTHER_BYTES.contains(&kind))
        }
        // The order of a walk; the cursor in front of it is 0 for both.
        "SSCAN" | "ZSCAN" => match (parts(ours).as_deref(), parts(real).as_deref()) {
            (Some([one, ours]), Some([other, real])) => {
                one == other && same_elements(ours, real, if name == "ZSCAN" { 2 } else { 1 })
            }
            _ => false,
        },
        // No key has a weight, so that BY leaves the order in which a set was walked, and LIMIT takes any part of it.
        // Redis compares texts up to their first NUL.
        "SORT" | "SORT_RO" => {
            let by = request.iter().any(|word| word.eq_ignore_ascii_case(b"by"));
            (by || ours.contains(&0))
                && parts(ours).map(|parts| parts.len()) == parts(real).map(|parts| parts.len())
        }
        name if PAIRS.contains(&name) => same_elements(ours, real, 2),
        name if UNORDERED.contains(&name) => same_elements(ours, real, 1),
        _ => false,
    }
}

/// Whether a real server may now hold half of what it refused: PFADD stops at the first element that a corrupted
/// HyperLogLog has no place for, keeps those before it and does not tell its replicas. Ours changes nothing.
pub(super) fn leaves_half(request: &Request, reply: &[u8]) -> bool {
    let is = |name: &[u8]| request[0].eq_ignore_ascii_case(name);
    (is(b"pfadd") || is(b"exec")) && memchr::memmem::find(reply, b"-INVALIDOBJ").is_some()
}

/// The first command of a transaction whose replies do not say the same, with both; the EXEC itself where the
/// transaction was executed on one side only.
pub(super) fn first_difference<'a>(
    exec: &'a Request,
    queued: &'a [Request],
    ours: &'a [u8],
    real: &'a [u8],
) -> Option<(&'a Request, &'a [u8], &'a [u8])> {
    if ours == real {
        return None;
    }
    let (Some(our_parts), Some(real_parts)) = (parts(ours), parts(real)) else {
        return Some((exec, ours, real));
    };
    if our_parts.len() != queued.len() || real_parts.len() != queued.len() {
        return Some((exec, ours, real));
    }
    let each = queued.iter().zip(our_parts.into_iter().zip(real_parts));
    each.map(|(request, (ours, real))| (request, ours, real))
        .find(|(request, ours, real)| !equal(request, ours, real))
}

/// Whether both are aggregates of the same kind with the same elements, in whatever order.
fn same_elements(ours: &[u8], real: &[u8], step: usize) -> bool {
    let step = if ours.first() == Some(&b'%') { 2 } else { step };
    let (Some(ours_parts), Some(real_parts)) = (parts(ours), parts(real)) else { return false };
    // With the third version of the protocol a pair is an array of its own.
    let step = if ours_parts.first().is_some_and(|part| part[0] == b'*') { 1 } else { step };
    ours.first() == real.first() && sorted(&ours_parts, step) == sorted(&real_parts, step)
}

fn sorted(parts: &[&[u8]], step: usize) -> Vec<Vec<Vec<u8>>> {
    let group = |group: &[&[u8]]| group.iter().map(|part| without_order(part)).collect();
    let mut groups: Vec<Vec<Vec<u8>>> = parts.chunks(step).map(group).collect();
    groups.sort();
    groups
}

/// A reply with the elements of its aggregates sorted.
fn without_order(reply: &[u8]) -> Vec<u8> {
    let Some(parts) = parts(reply) else { return reply.to_vec() };
    let step = if reply.first() == Some(&b'%') { 2 } else { 1 };
    let mut plain = vec![reply[0]];
    plain.extend(sorted(&parts, step).into_iter().flatten().flatten());
    plain
}
