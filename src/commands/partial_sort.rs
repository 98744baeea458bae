//! Sorts the first places of a sequence: who wants the nearest ten of a million pays for little more.
//!
//! Which of several equals come first shows in replies and in what GEOSEARCHSTORE stores. So this is the quicksort that
//! Redis takes for it (Bentley and McIlroy, "Engineering a Sort Function", 1993), decision by decision, which leaves out
//! every part that holds none of the wanted places.

use std::cmp::Ordering;

/// Parts smaller than this are sorted by insertion.
const INSERTION_BELOW: usize = 7;
/// From this many items on, the pivot is the middle one of nine instead of three.
const NINE_ABOVE: usize = 40;
/// Parts within parts. Requests that were made up to need more get another sort, and not all of the stack.
const DEPTH_MAX: usize = 128;

/// Puts the `wanted` lowest items in order at the front; what comes behind them is in no particular order.
pub(super) fn sort_first<T>(items: &mut [T], wanted: usize, compare: impl Fn(&T, &T) -> Ordering) {
    sort_part(items, wanted, &compare, DEPTH_MAX);
}

fn sort_part<T>(
    mut items: &mut [T],
    mut wanted: usize,
    compare: &impl Fn(&T, &T) -> Ordering,
    mut depth: usize,
) {
    while items.len() >= INSERTION_BELOW && depth > 0 {
        depth -= 1;
        let (below, above) = partition(items, compare);
        if below > 1 {
            sort_part(&mut items[..below], wanted, compare, depth);
        }
        let start = items.len() - above;
        if above < 2 || wanted <= start {
            return;
        }
        wanted -= start;
        items = &mut items[start..];
    }
    if items.len() >= INSERTION_BELOW {
        return items.sort_by(compare);
    }
    for end in 1..items.len() {
        let mut at = end;
        while at > 0 && compare(&items[at - 1], &items[at]).is_gt() {
            items.swap(at - 1, at);
            at -= 1;
        }
    }
}

/// Brings what is lower than a pivot to the front and what is higher to the end; how many there are of each.
fn partition<T>(items: &mut [T], compare: &impl Fn(&T, &T) -> Ordering) -> (usize, usize) {
    let len = items.len();
    items.swap(0, pivot(items, compare));
    // Equals are gathered at both ends: before `low_equal` and behind `high_equal`.
    let (mut low_equal, mut low, mut high, mut high_equal) = (1, 1, len - 1, len - 1);
    loop {
        while low <= high {
            match compare(&items[low], &items[0]) {
                Ordering::Greater => break,
                Ordering::Equal => {
                    items.swap(low_equal, low);
                    low_equal += 1;
                }
                Ordering::Less => {}
            }
            low += 1;
        }
        while low <= high {
            match compare(&items[high], &items[0]) {
                Ordering::Less => break,
                Ordering::Equal => {
                    items.swap(high, high_equal);
                    high_equal -= 1;
                }
                Ordering::Greater => {}
            }
            high -= 1;
        }
        if low > high {
            break;
        }
        items.swap(low, high);
        low += 1;
        high -= 1;
    }
    // They belong between the others.
    let (below, above) = (low - low_equal, high_equal - high);
    let moved = low_equal.min(below);
    (0..moved).for_each(|nth| items.swap(nth, low - moved + nth));
    let moved = above.min(len - 1 - high_equal);
    (0..moved).for_each(|nth| items.swap(low + nth, len - moved + nth));
    (below, above)
}

/// Index of the item that divides the others.
fn pivot<T>(items: &[T], compare: &impl Fn(&T, &T) -> Ordering) -> usize {
    let len = items.len();
    let middle_of = |a: usize, b: usize, c: usize| {
        let order = |one: usize, other: usize| compare(&items[one], &items[other]);
        match (order(a, b).is_lt(), order(b, c)) {
            (true, Ordering::Less) | (false, Ordering::Greater) => b,
            (true, _) if order(a, c).is_lt() => c,
            (false, _) if !order(a, c).is_lt() => c,
            _ => a,
        }
    };
    let middle = len / 2;
    if len <= INSERTION_BELOW {
        return middle;
    }
    if len <= NINE_ABOVE {
        return middle_of(0, middle, len - 1);
    }
    let step = len / 8;
    let low = middle_of(0, step, 2 * step);
    let center = middle_of(middle - step, middle, middle + step);
    let high = middle_of(len - 1 - 2 * step, len - 1 - step, len - 1);
    middle_of(low, center, high)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_lowest_come_first(
            mut items in prop::collection::vec(0u8..40, 0..300),
            wanted in 1usize..300,
            depth in 0usize..20,
        ) {
            let mut sorted = items.clone();
            sorted.sort_unstable();
            sort_part(&mut items, wanted, &u8::cmp, depth);
            let wanted = wanted.min(items.len());
            prop_assert_eq!(&items[..wanted], &sorted[..wanted]);
            items.sort_unstable();
            prop_assert_eq!(items, sorted);
        }
    }
}
