//! Ziplists: what Redis before 7.0 kept small collections in. They are only ever read.
//!
//! `[bytes u32][offset of the last element u32][count u16]`, then the elements, then 0xFF. An element is
//! `[length of the one before it][encoding][data]`.

const HEADER: usize = 10;
const END: u8 = 0xFF;
/// The length of the element before stands in the four bytes behind this one.
const LONG_BEFORE: u8 = 0xFE;
/// The count is not known: more elements than 16 bits can count.
const COUNT_UNKNOWN: usize = 0xFFFF;

/// All elements of a ziplist, integers in decimal; `None` if anything about it is not as it must be.
pub(super) fn elements(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let len = u32::from_le_bytes(*bytes.first_chunk()?) as usize;
    let tail = u32::from_le_bytes(*bytes.get(4..)?.first_chunk()?) as usize;
    let count = usize::from(u16::from_le_bytes(*bytes.get(8..)?.first_chunk()?));
    if len != bytes.len() || bytes.len() <= HEADER || bytes.last() != Some(&END) {
        return None;
    }
    let body = &bytes[..bytes.len() - 1];
    let (mut at, mut last, mut before, mut found) = (HEADER, HEADER, 0, Vec::new());
    while at < body.len() {
        let (told_before, head) = match *body.get(at)? {
            LONG_BEFORE => (u32::from_le_bytes(*body.get(at + 1..)?.first_chunk()?) as usize, 5),
            END => return None,
            short => (usize::from(short), 1),
        };
        if told_before != before {
            return None;
        }
        let (element, size) = element(body.get(at + head..)?)?;
        found.push(element);
        (last, before) = (at, head + size);
        at += before;
    }
    let fits = tail == last && (count == COUNT_UNKNOWN || count == found.len());
    fits.then_some(found)
}

/// The element whose encoding `bytes` begin with, and how many of them it takes.
fn element(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let &first = bytes.first()?;
    let text = |head: usize, len: usize| Some((bytes.get(head..)?.get(..len)?.to_vec(), head + len));
    let number = |number: i64, size: usize| Some((number.to_string().into_bytes(), size));
    match first {
        0..0x40 => text(1, first.into()),
        0x40..0x80 => text(2, usize::from(first & 0x3F) << 8 | usize::from(*bytes.get(1)?)),
        0x80..0xC0 => text(5, u32::from_be_bytes(*bytes.get(1..)?.first_chunk()?) as usize),
        0xC0 => number(i16::from_le_bytes(*bytes.get(1..)?.first_chunk()?).into(), 3),
        0xD0 => number(i32::from_le_bytes(*bytes.get(1..)?.first_chunk()?).into(), 5),
        0xE0 => number(i64::from_le_bytes(*bytes.get(1..)?.first_chunk()?), 9),
        0xF0 => {
            let &[a, b, c] = bytes.get(1..)?.first_chunk()?;
            // The sign of 24 bits comes along when they are the upper ones of 32.
            number((i32::from_le_bytes([0, a, b, c]) >> 8).into(), 4)
        }
        0xFE => number(i8::from_le_bytes([*bytes.get(1)?]).into(), 2),
        0xF1..=0xFD => number(i64::from(first & 0x0F) - 1, 1),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ziplist of elements that are encoded already.
    fn ziplist(elements: &[&[u8]]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        let (mut before, mut last) = (0usize, HEADER);
        for element in elements {
            last = bytes.len();
            if before < 254 {
                bytes.push(before as u8);
            } else {
                bytes.push(LONG_BEFORE);
                bytes.extend_from_slice(&(before as u32).to_le_bytes());
            }
            bytes.extend_from_slice(element);
            before = bytes.len() - last;
        }
        bytes.push(END);
        let len = bytes.len() as u32;
        bytes[..4].copy_from_slice(&len.to_le_bytes());
        bytes[4..8].copy_from_slice(&(last as u32).to_le_bytes());
        bytes[8..10].copy_from_slice(&(elements.len() as u16).to_le_bytes());
        bytes
    }

    fn text(len: usize) -> Vec<u8> {
        let head = match len {
            0..64 => vec![len as u8],
            64..16384 => (0x4000 | len as u16).to_be_bytes().to_vec(),
            _ => [&[0x80][..], &(len as u32).to_be_bytes()].concat(),
        };
        [head, vec![b'x'; len]].concat()
    }

    #[test]
    fn every_encoding_is_read() {
        let encoded: [&[u8]; 13] = [
            b"\x05hello",
            &text(63),
            &text(64),
            &text(16383),
            &text(16384),
            b"\xF1",
            b"\xFD",
            b"\xFE\x80",
            b"\xC0\x00\x80",
            b"\xF0\xFF\xFF\x7F",
            b"\xF0\x00\x00\x80",
            b"\xD0\x00\x00\x00\x80",
            b"\xE0\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F",
        ];
        let expected: Vec<Vec<u8>> = [
            "hello".to_owned(),
            "x".repeat(63),
            "x".repeat(64),
            "x".repeat(16383),
            "x".repeat(16384),
            "0".to_owned(),
            "12".to_owned(),
            "-128".to_owned(),
            "-32768".to_owned(),
            "8388607".to_owned(),
            "-8388608".to_owned(),
            "-2147483648".to_owned(),
            "9223372036854775807".to_owned(),
        ]
        .map(String::into_bytes)
        .into();
        assert_eq!(elements(&ziplist(&encoded)), Some(expected));
        assert_eq!(elements(&ziplist(&[])), Some(Vec::new()));
    }

    #[test]
    fn no_bytes_from_outside_are_believed() {
        let good = ziplist(&[b"\x03one", b"\xF0\x01\x02\x03", &text(300), b"\xFE\x01", &text(70)]);
        assert!(elements(&good).is_some());
        for at in 0..good.len() {
            assert_eq!(elements(&good[..at]), None, "cut at {at}");
            for bit in 0..8 {
                let mut bad = good.clone();
                bad[at] ^= 1 << bit;
                // Whatever is let through has as many elements as it says; only values can differ.
                if let Some(found) = elements(&bad) {
                    assert!(found.len() == 5 || bad[8..10] == [0xFF, 0xFF], "bit {bit} of byte {at}");
                }
            }
        }
    }
}
