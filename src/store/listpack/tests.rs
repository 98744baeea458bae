//! The bytes of a real server, and what is not believed.
#![allow(clippy::unwrap_used)]

use super::*;

fn pack(elements: &[&[u8]]) -> Listpack {
    let mut pack = Listpack::new();
    for element in elements {
        pack.push(element);
    }
    pack
}

fn all(pack: &Listpack) -> Vec<Vec<u8>> {
    pack.iter().map(|item| item.bytes().into_owned()).collect()
}

#[test]
fn the_bytes_are_those_of_a_real_server() {
    // The inner string of DUMP after RPUSH of these elements to redis-server 7.0.15.
    let pack = pack(&[b"a", b"127", b"128", b"-1", b"70000", b"hello"]);
    let expected =
        b"\x1e\0\0\0\x06\0\x81a\x02\x7f\x01\xc0\x80\x02\xdf\xff\x02\xf2p\x11\x01\x04\x85hello\x06\xff";
    assert_eq!(pack.as_bytes(), expected);
}

#[test]
fn every_element_comes_back_both_ways() {
    let long = vec![b'x'; 5000];
    let huge = vec![b'y'; 40_000];
    let mut elements: Vec<Vec<u8>> = [
        "0",
        "-0",
        "127",
        "128",
        "-1",
        "4095",
        "4096",
        "-4096",
        "-4097",
        "32767",
        "-32768",
        "32768",
        "8388607",
        "-8388608",
        "8388608",
        "2147483647",
        "-2147483648",
        "2147483648",
        "9223372036854775807",
        "-9223372036854775808",
        "9223372036854775808",
        "01",
        "+1",
        "",
        "-",
        "a",
        "1.5",
    ]
    .map(|text| text.as_bytes().to_vec())
    .into();
    elements.extend([vec![b'z'; 63], vec![b'z'; 64], vec![b'z'; 4095], long, huge]);
    let mut pack = Listpack::new();
    for element in &elements {
        pack.push(element);
    }
    assert_eq!(all(&pack), elements);
    assert_eq!(Listpack::checked(pack.as_bytes().to_vec()).as_ref(), Some(&pack));
    let mut at = pack.end();
    for element in elements.iter().rev() {
        at = pack.before(at).unwrap();
        assert_eq!(*pack.get(at).bytes(), **element);
    }
    assert_eq!(pack.before(at), None);
    for (nth, element) in elements.iter().enumerate() {
        assert_eq!(*pack.get(pack.seek(nth as i64).unwrap()).bytes(), **element);
        assert!(pack.find(HEADER, element, 0).is_some());
    }
    assert_eq!(pack.seek(elements.len() as i64), None);
}

#[test]
fn changes_in_the_middle_keep_the_rest() {
    let mut pack = pack(&[b"one", b"2", b"three"]);
    let two = pack.seek(1).unwrap();
    pack.replace(two, b"a longer one");
    pack.insert(two, b"new");
    pack.push_front(b"0");
    assert_eq!(all(&pack), [&b"0"[..], b"one", b"new", b"a longer one", b"three"]);
    assert_eq!(pack.len(), 5);
    let at = pack.seek(1).unwrap();
    let tail = pack.split_off(at);
    assert_eq!((all(&pack), tail.len()), (vec![b"0".to_vec()], 4));
    pack.append(&tail);
    assert_eq!(pack.remove(pack.seek(1).unwrap(), 2), 2);
    assert_eq!(all(&pack), [&b"0"[..], b"a longer one", b"three"]);
    assert_eq!(pack.find(HEADER, b"three", 1), Some(pack.seek(2).unwrap()));
    assert_eq!(pack.find(HEADER, b"a longer one", 1), None);
    assert!(Listpack::checked(pack.as_bytes().to_vec()).is_some());
}

#[test]
fn no_bytes_from_outside_are_believed() {
    let good = pack(&[b"one", b"70000", &[b'x'; 100], &[b'y'; 5000]]).as_bytes().to_vec();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bad = good.clone();
            bad[at] ^= 1 << bit;
            // Whatever is let through can be walked to its end.
            if let Some(pack) = Listpack::checked(bad) {
                assert_eq!(pack.iter().count(), 4);
            }
        }
        assert_eq!(Listpack::checked(good[..at].to_vec()), None);
    }
}

#[test]
fn more_elements_than_the_count_can_say_are_counted() {
    let mut pack = Listpack::new();
    for _ in 0..70_000 {
        pack.push(b"1");
    }
    assert_eq!(pack.len(), 70_000);
    pack.remove(HEADER, 10_000);
    assert_eq!(pack.len(), 60_000);
}
