//! Zipmaps: what Redis before 2.6 kept small hashes in. They are only ever read.
//!
//! `[count u8]`, then `[length][field][length][unused bytes u8][value][unused bytes]` for each field, then 0xFF.

/// The length stands in the four bytes behind this one.
const LONG: u8 = 0xFE;
const END: u8 = 0xFF;

/// Fields and values, one after the other; `None` if anything about the zipmap is not as it must be.
pub(super) fn elements(bytes: &[u8]) -> Option<Vec<Vec<u8>>> {
    let (&count, mut rest) = bytes.split_first()?;
    let mut found = Vec::new();
    while rest != [END] {
        let field = length(&mut rest)?;
        found.push(take(&mut rest, field)?.to_vec());
        let value = length(&mut rest)?;
        let unused = take(&mut rest, 1)?[0];
        found.push(take(&mut rest, value)?.to_vec());
        take(&mut rest, unused.into())?;
    }
    let fits = count >= LONG || usize::from(count) == found.len() / 2;
    fits.then_some(found)
}

fn length(rest: &mut &[u8]) -> Option<usize> {
    match take(rest, 1)?[0] {
        END => None,
        LONG => Some(u32::from_le_bytes(*take(rest, 4)?.first_chunk()?) as usize),
        short => Some(short.into()),
    }
}

fn take<'a>(rest: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, behind) = rest.split_at_checked(len)?;
    *rest = behind;
    Some(taken)
}

#[test]
fn fields_and_values_are_read_and_nothing_else_is_taken() {
    let good = b"\x02\x03foo\x03\0bar\x05hello\x05\x02world\0\0\xFF";
    let expected: [&[u8]; 4] = [b"foo", b"bar", b"hello", b"world"];
    assert_eq!(elements(good), Some(expected.map(<[u8]>::to_vec).to_vec()));
    assert_eq!(elements(b"\0\xFF"), Some(Vec::new()));
    assert_eq!(elements(b"\xFE\x01a\xFE\x01\0\0\0\0b\xFF"), Some(vec![b"a".to_vec(), b"b".to_vec()]));
    for end in 0..good.len() {
        assert_eq!(elements(&good[..end]), None, "cut at {end}");
    }
    for bad in
        [&b"\x01\xFF"[..], b"\0\xFF\xFF", b"\x01\x01a\x01\x05b\xFF", b"\x01\x01a\xFE\xFF\xFF\xFF\xFF\0b\xFF"]
    {
        assert_eq!(elements(bad), None);
    }
}
