#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn decode_all(bytes: &[u8]) -> Result<Vec<Frame>, FrameError> {
    let mut decoder = FrameDecoder::default();
    decoder.feed(bytes);
    take_all(&mut decoder)
}

fn take_all(decoder: &mut FrameDecoder) -> Result<Vec<Frame>, FrameError> {
    let mut frames = Vec::new();
    while let Some(frame) = decoder.next_frame()? {
        frames.push(frame);
    }
    Ok(frames)
}

fn one(bytes: &[u8]) -> Frame {
    let mut frames = decode_all(bytes).unwrap();
    assert_eq!(frames.len(), 1, "one reply in {bytes:?}");
    frames.remove(0)
}

fn bulk(text: &str) -> Frame {
    Frame::Bulk(text.as_bytes().to_vec())
}

#[test]
fn every_type_is_read() {
    assert_eq!(one(b"+OK\r\n"), Frame::Simple(b"OK".to_vec()));
    assert_eq!(one(b"-ERR no\r\n"), Frame::Error(b"ERR no".to_vec()));
    assert_eq!(one(b":-42\r\n"), Frame::Integer(-42));
    assert_eq!(one(b"$5\r\na\r\nbc\r\n"), bulk("a\r\nbc"));
    assert_eq!(one(b"$0\r\n\r\n"), bulk(""));
    assert_eq!(one(b"$-1\r\n"), Frame::Null);
    assert_eq!(one(b"*-1\r\n"), Frame::Null);
    assert_eq!(one(b"_\r\n"), Frame::Null);
    assert_eq!(one(b"*0\r\n"), Frame::Array(vec![]));
    assert_eq!(one(b"*2\r\n:1\r\n*1\r\n$1\r\na\r\n"), {
        Frame::Array(vec![Frame::Integer(1), Frame::Array(vec![bulk("a")])])
    });
    assert_eq!(one(b"~1\r\n:1\r\n"), Frame::Set(vec![Frame::Integer(1)]));
    assert_eq!(one(b">1\r\n:1\r\n"), Frame::Push(vec![Frame::Integer(1)]));
    assert_eq!(one(b"%1\r\n+a\r\n#t\r\n"), {
        Frame::Map(vec![(Frame::Simple(b"a".to_vec()), Frame::Boolean(true))])
    });
    assert_eq!(one(b",1.5e3\r\n"), Frame::Double(1500.0));
    assert_eq!(one(b",-inf\r\n"), Frame::Double(f64::NEG_INFINITY));
    assert!(matches!(one(b",nan\r\n"), Frame::Double(x) if x.is_nan()));
    assert_eq!(one(b"#f\r\n"), Frame::Boolean(false));
    assert_eq!(one(b"(-123456789012345678901234567890\r\n"), {
        Frame::BigNumber("-123456789012345678901234567890".into())
    });
    assert_eq!(one(b"=7\r\ntxt:abc\r\n"), Frame::Verbatim(*b"txt", b"abc".to_vec()));
    assert_eq!(one(b"!3\r\nERR\r\n"), Frame::Error(b"ERR".to_vec()));
}

#[test]
fn attributes_are_read_over_wherever_they_stand() {
    assert_eq!(one(b"|1\r\n+ttl\r\n:9\r\n+OK\r\n"), Frame::Simple(b"OK".to_vec()));
    assert_eq!(one(b"|0\r\n+OK\r\n"), Frame::Simple(b"OK".to_vec()));
    assert_eq!(one(b"*2\r\n|1\r\n+a\r\n*1\r\n:1\r\n:7\r\n:8\r\n"), {
        Frame::Array(vec![Frame::Integer(7), Frame::Integer(8)])
    });
}

#[test]
fn what_is_no_reply_is_named() {
    use FrameError::{Malformed, MissingLineEnd, UnknownType};
    for (bytes, error) in [
        (&b"HTTP/1.1 200\r\n"[..], UnknownType(b'H')),
        (b"H", UnknownType(b'H')),
        (b"\r\n", UnknownType(b'\r')),
        (b":1x\r\n", Malformed("integer")),
        (b":9223372036854775808\r\n", Malformed("integer")),
        (b"$x\r\n", Malformed("length")),
        (b"$-2\r\n", Malformed("length")),
        (b"$\r\n", Malformed("length")),
        (b"$?\r\n", Malformed("length")),
        (b"~-1\r\n", Malformed("length")),
        (b"#x\r\n", Malformed("boolean")),
        (b"_x\r\n", Malformed("null")),
        (b",x\r\n", Malformed("double")),
        (b"(1-\r\n", Malformed("big number")),
        (b"=2\r\nab\r\n", Malformed("verbatim string")),
        (b"$1\r\nabc\r\n", MissingLineEnd),
        (b"+OK\n", MissingLineEnd),
    ] {
        assert_eq!(decode_all(bytes), Err(error), "{:?}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_reply_at_each_bound_is_read_and_one_beyond_it_is_refused() {
    let limits = FrameLimits { line: 10, bulk: 8, elements: 4, depth: 3, total: 58 };
    let decode = |bytes: &[u8]| {
        let mut decoder = FrameDecoder::new(limits);
        decoder.feed(bytes);
        take_all(&mut decoder)
    };
    for (at, beyond, what) in [
        (&b"+12345678\r\n"[..], &b"+1234567890\r\n"[..], "bytes in a line"),
        (b"$8\r\n12345678\r\n", b"$9\r\n", "bytes in a string"),
        (b"*4\r\n:1\r\n:1\r\n:1\r\n:1\r\n", b"*5\r\n", "elements"),
        (b"%2\r\n:1\r\n:1\r\n:1\r\n:1\r\n", b"%3\r\n", "elements"),
        (b"*1\r\n*1\r\n*1\r\n:1\r\n", b"*1\r\n*1\r\n*1\r\n*1\r\n", "levels"),
        (
            b"*4\r\n$8\r\n12345678\r\n$8\r\n12345678\r\n$8\r\n12345678\r\n$1\r\n1\r\n",
            { b"*4\r\n$8\r\n12345678\r\n$8\r\n12345678\r\n$8\r\n12345678\r\n$8\r\n12345678\r\n:1\r\n:1\r\n" },
            "bytes",
        ),
    ] {
        assert_eq!(decode(at).map(|frames| frames.len()), Ok(1), "at the bound of {what}");
        assert!(
            matches!(decode(beyond), Err(FrameError::TooLarge { what: named, .. }) if named == what),
            "beyond the bound of {what}: {:?}",
            decode(beyond)
        );
    }
}

#[test]
fn a_line_without_end_is_refused_before_it_fills_memory() {
    let mut decoder = FrameDecoder::default();
    let mut fed = 0;
    let error = loop {
        decoder.feed(&[b'+'; 1000]);
        fed += 1000;
        match decoder.next_frame() {
            Ok(None) => assert!(fed <= 65 << 10),
            other => break other,
        }
    };
    assert!(matches!(error, Err(FrameError::TooLarge { what: "bytes in a line", .. })));
}

#[test]
fn a_promised_length_allocates_nothing() {
    let mut decoder = FrameDecoder::default();
    decoder.feed(b"*1000000\r\n$500000000\r\nab");
    assert_eq!(decoder.next_frame(), Ok(None));
    assert!(decoder.buffer.capacity() < 1024);
    assert!(decoder.open.iter().all(|open| open.elements.capacity() == 0));
}

fn encode(frame: &Frame, out: &mut Vec<u8>) {
    let string = |out: &mut Vec<u8>, kind: char, body: &[u8]| {
        out.extend(format!("{kind}{}\r\n", body.len()).bytes());
        out.extend(body);
        out.extend(b"\r\n");
    };
    let aggregate = |out: &mut Vec<u8>, kind: char, elements: &[Frame]| {
        out.extend(format!("{kind}{}\r\n", elements.len()).bytes());
        for element in elements {
            encode(element, out);
        }
    };
    match frame {
        Frame::Simple(text) => out.extend([b"+", &text[..], b"\r\n"].concat()),
        Frame::Error(text) => out.extend([b"-", &text[..], b"\r\n"].concat()),
        Frame::Integer(value) => out.extend(format!(":{value}\r\n").bytes()),
        Frame::Bulk(body) => string(out, '$', body),
        Frame::Null => out.extend(b"_\r\n"),
        Frame::Array(elements) => aggregate(out, '*', elements),
        Frame::Set(elements) => aggregate(out, '~', elements),
        Frame::Push(elements) => aggregate(out, '>', elements),
        Frame::Map(pairs) => {
            out.extend(format!("%{}\r\n", pairs.len()).bytes());
            for (key, value) in pairs {
                encode(key, out);
                encode(value, out);
            }
        }
        Frame::Double(value) => out.extend(format!(",{value}\r\n").bytes()),
        Frame::Boolean(value) => out.extend(if *value { b"#t\r\n" } else { b"#f\r\n" }),
        Frame::BigNumber(digits) => out.extend(format!("({digits}\r\n").bytes()),
        Frame::Verbatim(format, text) => string(out, '=', &[&format[..], b":", text].concat()),
    }
}

fn any_frame() -> impl Strategy<Value = Frame> {
    let line = proptest::collection::vec(b' '..=b'~', 0..20);
    let leaf = prop_oneof![
        line.clone().prop_map(Frame::Simple),
        line.prop_map(Frame::Error),
        any::<i64>().prop_map(Frame::Integer),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(Frame::Bulk),
        Just(Frame::Null),
        (-1e9..1e9_f64).prop_map(Frame::Double),
        any::<bool>().prop_map(Frame::Boolean),
        "-?[0-9]{1,40}".prop_map(Frame::BigNumber),
        proptest::collection::vec(any::<u8>(), 0..20).prop_map(|text| Frame::Verbatim(*b"txt", text)),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        let some = proptest::collection::vec(inner.clone(), 0..5);
        prop_oneof![
            some.clone().prop_map(Frame::Array),
            some.clone().prop_map(Frame::Set),
            some.prop_map(Frame::Push),
            proptest::collection::vec((inner.clone(), inner), 0..4).prop_map(Frame::Map),
        ]
    })
}

proptest! {
    #[test]
    fn a_reply_is_the_same_wherever_it_is_split(frames in proptest::collection::vec(any_frame(), 1..4)) {
        let mut bytes = Vec::new();
        for frame in &frames {
            encode(frame, &mut bytes);
        }
        prop_assert_eq!(decode_all(&bytes), Ok(frames.clone()));
        for split in 0..=bytes.len() {
            let mut decoder = FrameDecoder::default();
            decoder.feed(&bytes[..split]);
            let mut got = take_all(&mut decoder).unwrap();
            decoder.feed(&bytes[split..]);
            got.extend(take_all(&mut decoder).unwrap());
            prop_assert_eq!(&got, &frames, "split at {}", split);
        }
        let mut decoder = FrameDecoder::default();
        let mut got = Vec::new();
        for byte in &bytes {
            decoder.feed(std::slice::from_ref(byte));
            got.extend(take_all(&mut decoder).unwrap());
        }
        prop_assert_eq!(got, frames);
    }

    #[test]
    fn no_bytes_whatever_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_all(&bytes);
    }

    #[test]
    fn nearly_valid_bytes_decode_alike_in_one_piece_and_byte_by_byte(
        frame in any_frame(), at in any::<prop::sample::Index>(), byte in any::<u8>()
    ) {
        let mut bytes = Vec::new();
        encode(&frame, &mut bytes);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let whole = decode_all(&bytes);
        let mut decoder = FrameDecoder::default();
        let mut got = Ok(Vec::new());
        for byte in &bytes {
            decoder.feed(std::slice::from_ref(byte));
            match (take_all(&mut decoder), &mut got) {
                (Ok(frames), Ok(all)) => all.extend(frames),
                (Err(error), got) => { *got = Err(error); break; }
                (Ok(_), Err(_)) => unreachable!(),
            }
        }
        prop_assert_eq!(whole.is_err(), got.is_err());
        if let (Ok(whole), Ok(got)) = (whole, got) {
            prop_assert_eq!(format!("{whole:?}"), format!("{got:?}"));
        }
    }
}
