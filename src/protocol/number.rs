//! Numbers in text, as requests and values carry them.

/// No longer text can be a 64-bit integer.
const INTEGER_LEN: usize = 20;

/// The integer that `text` is the one decimal spelling of: no plus, no leading zero, no space.
#[inline]
pub(crate) fn strict_i64(text: &[u8]) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        digits => (false, digits),
    };
    match digits {
        [b'0'] if !negative => return Some(0),
        [b'1'..=b'9', ..] if text.len() <= INTEGER_LEN => {}
        _ => return None,
    }
    let mut number: i64 = 0;
    for digit in digits {
        let digit = digit.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        // Downwards, because the smallest number has no positive counterpart.
        number = number.checked_mul(10)?.checked_sub(i64::from(digit))?;
    }
    if negative { Some(number) } else { number.checked_neg() }
}

/// What stands behind the `e` or `p` of a number with a fraction, at most `most` either way: a sign, then digits.
pub(crate) fn exponent(text: &[u8], most: i64) -> Option<i64> {
    let (negative, digits) = match text {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] | digits => (false, digits),
    };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let fold = |sum: i64, digit: &u8| (sum * 10 + i64::from(digit - b'0')).min(most);
    let exponent = digits.iter().fold(0, fold);
    Some(if negative { -exponent } else { exponent })
}
