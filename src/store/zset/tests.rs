#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

fn encodings() -> Encodings {
    Encodings::REDIS
}

fn shown(zset: &Zset) -> Vec<(Vec<u8>, f64)> {
    zset.iter().map(|(member, score)| (member.bytes().into_owned(), score)).collect()
}

fn sorted(model: &BTreeMap<Vec<u8>, f64>) -> Vec<(Vec<u8>, f64)> {
    let mut all: Vec<_> = model.iter().map(|(member, score)| (member.clone(), *score)).collect();
    all.sort_by(|a, b| compare((a.1, &a.0), (b.1, &b.0)));
    all
}

#[test]
fn a_compact_one_becomes_large_at_redis_thresholds() {
    let mut zset = Zset::default();
    for nth in 0..128 {
        zset.set(format!("m{nth}").as_bytes(), f64::from(nth), &encodings());
    }
    assert_eq!((zset.encoding(), zset.len()), ("listpack", 128));
    zset.set(b"m5", 1000.5, &encodings());
    assert_eq!(zset.encoding(), "listpack", "a new score is no new member");
    zset.set(b"one more", 0.0, &encodings());
    assert_eq!((zset.encoding(), zset.len()), ("skiplist", 129));
    assert_eq!(zset.rank(b"m5"), Some(128));
    zset.check();

    let mut zset = Zset::default();
    zset.set(&[b'x'; 64], 1.0, &encodings());
    assert_eq!(zset.encoding(), "listpack");
    zset.set(&[b'x'; 65], 1.0, &encodings());
    assert_eq!(zset.encoding(), "skiplist");
}

#[test]
fn members_that_are_numbers_are_sorted_by_their_bytes() {
    let mut zset = Zset::default();
    for member in ["10", "9", "-1", "a"] {
        zset.set(member.as_bytes(), 1.5, &encodings());
    }
    let members: Vec<_> = shown(&zset).into_iter().map(|(member, _)| member).collect();
    assert_eq!(members, [&b"-1"[..], b"10", b"9", b"a"]);
}

#[test]
fn a_hundred_thousand_members_are_found_by_rank_and_by_member() {
    let mut zset = Zset::default();
    for nth in 0..100_000u64 {
        let score = (nth * 7919 % 100_003) as f64;
        zset.set(format!("member:{nth}").as_bytes(), score, &encodings());
    }
    zset.check();
    let all = shown(&zset);
    for rank in (0..100_000).step_by(997) {
        assert_eq!(zset.rank(&all[rank].0), Some(rank));
        assert_eq!(zset.at(rank).unwrap().0.bytes().into_owned(), all[rank].0);
    }
    // Redis 7.0.15 takes about 100 bytes for each of these.
    assert!(zset.memory() / zset.len() < 90, "{} bytes for each", zset.memory() / zset.len());
    zset.remove_ranks(100..99_900);
    zset.check();
    assert_eq!(zset.len(), 200);
    assert_eq!(shown(&zset)[100], all[99_900]);
}

#[test]
fn members_added_in_order_fill_their_leaves() {
    let mut zset = Zset::default();
    for nth in 0..50_000 {
        zset.set(format!("m{nth:06}").as_bytes(), f64::from(nth), &encodings());
    }
    zset.check();
    let Form::Large(large) = &zset.0 else { panic!("it is large") };
    assert!(large.order.memory() < 50_000 * 18, "{}", large.order.memory());
}

#[derive(Debug, Clone)]
enum Step {
    Set(u16, i8),
    Remove(u16),
    RemoveRanks(u16, u16),
    Clone,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..2000u16, any::<i8>()).prop_map(|(member, score)| Step::Set(member, score)),
        4 => (0..2000u16).prop_map(Step::Remove),
        1 => (0..2000u16, 0..300u16).prop_map(|(start, count)| Step::RemoveRanks(start, count)),
        1 => Just(Step::Clone),
    ];
    prop::collection::vec(step, 1..3000)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn it_holds_what_a_sorted_list_would_hold(steps in steps()) {
        let (mut zset, mut model) = (Zset::default(), BTreeMap::new());
        let mut copies = Vec::new();
        for step in steps {
            match step {
                Step::Set(member, score) => {
                    let (member, score) = (member.to_string().into_bytes(), f64::from(score) / 4.0);
                    let stored = zset.set(&member, score, &encodings());
                    let expected = match model.insert(member, score) {
                        None => Stored::Added,
                        Some(old) if old == score => Stored::Same,
                        Some(_) => Stored::Updated,
                    };
                    prop_assert_eq!(stored, expected);
                }
                Step::Remove(member) => {
                    let member = member.to_string().into_bytes();
                    prop_assert_eq!(zset.remove(&member), model.remove(&member).is_some());
                }
                Step::RemoveRanks(start, count) => {
                    let all = sorted(&model);
                    let start = usize::from(start).min(all.len());
                    let end = (start + usize::from(count)).min(all.len());
                    zset.remove_ranks(start..end);
                    all[start..end].iter().for_each(|(member, _)| _ = model.remove(member));
                }
                Step::Clone => copies.push((zset.clone(), sorted(&model))),
            }
        }
        zset.check();
        let all = sorted(&model);
        prop_assert_eq!(shown(&zset), all.clone());
        let mut backwards: Vec<_> = zset
            .range(0..all.len(), Direction::Backward)
            .map(|(member, score)| (member.bytes().into_owned(), score))
            .collect();
        backwards.reverse();
        prop_assert_eq!(&backwards, &all);
        for (rank, (member, score)) in all.iter().enumerate().step_by(7) {
            prop_assert_eq!(zset.rank(member), Some(rank));
            prop_assert_eq!(zset.score(member), Some(*score));
        }
        for (min, max) in [(-5.0, 5.0), (0.25, 0.25), (40.0, -40.0)] {
            let range = ScoreRange { min: ScoreBound::Exclusive(min), max: ScoreBound::Inclusive(max) };
            let inside = all.iter().filter(|(_, score)| *score > min && *score <= max).count();
            prop_assert_eq!(zset.ranks_by_score(&range).len(), inside);
        }
        for (copy, then) in copies {
            copy.check();
            prop_assert_eq!(shown(&copy), then, "a copy is not changed with the original");
        }
    }
}

#[test]
fn a_listpack_from_outside_is_sorted_and_checked() {
    let pack = |elements: &[&str]| {
        let mut pack = Listpack::new();
        for element in elements {
            pack.push(element.as_bytes());
        }
        pack
    };
    let good = Zset::from_listpack(pack(&["b", "2.5", "a", "1"]), &encodings()).unwrap();
    assert_eq!(shown(&good), [(b"a".to_vec(), 1.0), (b"b".to_vec(), 2.5)]);
    for bad in [&["a"][..], &["a", "1", "a", "2"], &["a", "x"], &["a", "nan"], &["a", "1", "b"]] {
        assert!(Zset::from_listpack(pack(bad), &encodings()).is_none(), "{bad:?}");
    }
}
