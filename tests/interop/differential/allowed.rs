//! What may differ between the two servers, each with its reason. Everything else is a difference.

use super::grammar::Request;
use super::raw::parts;

/// Replies whose elements have no order: a large set or hash is walked in the order of its hash table.
const UNORDERED: [&str; 12] = [
    "SMEMBERS",
    "SINTER",
    "SUNION",
    "SDIFF",
    "HKEYS",
    "HVALS",
    "KEYS",
    "SPOP",
    "SORT",
    "SORT_RO",
    "SRANDMEMBER",
    "SSCAN",
];
/// The same for pairs: field and value stay together.
const PAIRS: [&str; 2] = ["HGETALL", "HRANDFIELD"];

/// Whether two replies to a request say the same.
pub(super) fn equal(request: &Request, ours: &[u8], real: &[u8]) -> bool {
    if ours == real {
        return true;
    }
    let name = String::from_utf8_lossy(&request[0]).to_ascii_uppercase();
    // INCRBYFLOAT leaves a string that Redis would call int had it been SET: the record has no room for that.
    if name == "OBJECT" && ours == b"$3\r\nint\r\n" && real == b"$6\r\nembstr\r\n" {
        return true;
    }
    let step = if UNORDERED.contains(&&*name) {
        1
    } else if PAIRS.contains(&&*name) {
        2
    } else if name == "EXEC" {
        // What a transaction answers is compared one by one, in the order of no command's elements.
        return match (parts(ours), parts(real)) {
            (Some(ours), Some(real)) => {
                ours.len() == real.len()
                    && ours.iter().zip(&real).all(|(one, other)| same_elements(one, other, 1))
            }
            _ => false,
        };
    } else {
        return false;
    };
    same_elements(ours, real, step)
}

/// Whether both are aggregates of the same kind with the same elements, in whatever order.
fn same_elements(ours: &[u8], real: &[u8], step: usize) -> bool {
    if ours == real {
        return true;
    }
    let (Some(mut ours_parts), Some(mut real_parts)) = (parts(ours), parts(real)) else { return false };
    let step = if ours.first() == Some(&b'%') { 2 } else { step };
    if ours.first() != real.first() || ours_parts.len() != real_parts.len() {
        return false;
    }
    if ours_parts.len() % step != 0 {
        return false;
    }
    let sorted = |parts: &mut Vec<&[u8]>| {
        let mut groups: Vec<Vec<Vec<u8>>> =
            parts.chunks(step).map(|group| group.iter().map(|part| part.to_vec()).collect()).collect();
        groups.sort();
        groups
    };
    sorted(&mut ours_parts) == sorted(&mut real_parts)
}
