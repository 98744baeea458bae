//! Redis' glob patterns on bytes: `*`, `?`, `[a-z]`, `[^a-z]`, `\`.
//!
//! Matched without recursion: only the last star ever needs to take more, because whatever stood before it
//! has matched as early as it could. Memory does not grow with the pattern, and stars do not multiply.

/// Whether letters of both cases are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// `a` is not `A`.
    Sensitive,
    /// `a` is `A`.
    Ignored,
}

impl Case {
    fn fold(self, byte: u8) -> u8 {
        if self == Self::Ignored { byte.to_ascii_lowercase() } else { byte }
    }
}

/// Whether `text` as a whole matches `pattern`. O(length of both) for usual patterns, their product at worst.
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    if text.is_empty() {
        // Redis' matcher never looks at the pattern then: not even a star matches nothing at all.
        return pattern.is_empty();
    }
    let (mut pattern_at, mut text_at) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while text_at < text.len() {
        let rest = &pattern[pattern_at..];
        if rest.first() == Some(&b'*') {
            let stars = rest.iter().take_while(|byte| **byte == b'*').count();
            pattern_at += stars;
            if pattern_at == pattern.len() {
                return true;
            }
            retry = Some((pattern_at, text_at));
            continue;
        }
        if let Some(used) = match_one(rest, text[text_at], case) {
            pattern_at += used;
            text_at += 1;
            continue;
        }
        let Some((after_star, from)) = retry else { return false };
        retry = Some((after_star, from + 1));
        (pattern_at, text_at) = (after_star, from + 1);
    }
    pattern[pattern_at..].iter().all(|byte| *byte == b'*')
}

/// Matches one byte with what `pattern` starts with; how much of `pattern` that took.
fn match_one(pattern: &[u8], byte: u8, case: Case) -> Option<usize> {
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', class @ ..] => match_class(class, byte, case).map(|used| used + 1),
        [b'\\', escaped, ..] => (case.fold(*escaped) == case.fold(byte)).then_some(2),
        [literal, ..] => (case.fold(*literal) == case.fold(byte)).then_some(1),
    }
}

/// What stands behind `[`. A class that is not closed ends with the pattern.
fn match_class(class: &[u8], byte: u8, case: Case) -> Option<usize> {
    let negated = class.first() == Some(&b'^');
    let mut rest = &class[usize::from(negated)..];
    let mut found = false;
    loop {
        rest = match rest {
            [] => break,
            [b'\\', escaped, tail @ ..] => {
                found |= *escaped == byte;
                tail
            }
            [b']', tail @ ..] => {
                rest = tail;
                break;
            }
            [low, b'-', high, tail @ ..] => {
                let (low, high) = (*low.min(high), *low.max(high));
                found |= (case.fold(low)..=case.fold(high)).contains(&case.fold(byte));
                tail
            }
            [literal, tail @ ..] => {
                found |= case.fold(*literal) == case.fold(byte);
                tail
            }
        };
    }
    (found != negated).then_some(class.len() - rest.len())
}

#[cfg(test)]
mod tests {
    use super::{Case, matches};

    #[test]
    fn patterns_match_as_in_redis() {
        for (pattern, yes, no) in [
            ("h?llo", "hello hallo h?llo", "hllo heello"),
            ("h*llo", "hllo heeeello h*llo", "hllox xhllo"),
            ("h[ae]llo", "hello hallo", "hillo h[llo"),
            ("h[^e]llo", "hallo hbllo", "hello"),
            ("h[a-b]llo", "hallo hbllo", "hcllo h-llo"),
            ("h[b-a]llo", "hallo", "hcllo"),
            (r"h\*llo", "h*llo", "hello hllo"),
            (r"h[\^e]llo", "h^llo hello", "hallo"),
            (r"a\", r"a\", "a b"),
            ("[", "", "["),
            ("[^", "a", "ab"),
            ("[ab", "a b", "c ab"),
            ("[]a", "", "a ]"),
            ("[a-]", "", "c"),
            ("[a-]b]", "a b ] _", "c ["),
            ("a**", "a ab", "b"),
            ("*a*b*c", "abc xaxbxc aabbcc", "abcx acb"),
            ("**", "a", ""),
            ("user:[0-9]*:name", "user:1:name user:12:name", "user:x:name user:1:names"),
        ] {
            for text in yes.split_whitespace() {
                assert!(matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive), "{pattern} {text}");
            }
            for text in no.split_whitespace() {
                assert!(!matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive), "{pattern} {text}");
            }
        }
        assert!(matches(b"", b"", Case::Sensitive));
        assert!(!matches(b"*", b"", Case::Sensitive));
        assert!(!matches(b"", b"a", Case::Sensitive));
    }

    #[test]
    fn case_counts_unless_told_otherwise() {
        for (pattern, text) in [("ABC", "abc"), ("a[B-D]c", "ACC"), ("[X]*", "xY"), (r"\A", "a")] {
            assert!(matches(pattern.as_bytes(), text.as_bytes(), Case::Ignored), "{pattern}");
            assert!(!matches(pattern.as_bytes(), text.as_bytes(), Case::Sensitive), "{pattern}");
        }
    }

    #[test]
    fn any_number_of_stars_is_matched_at_once() {
        let text = vec![b'a'; 20_000];
        let stars = vec![b'*'; 20_000];
        let mut alternating = b"*a".repeat(20_000);
        alternating.push(b'b');
        let started = std::time::Instant::now();
        assert!(matches(&stars, &text, Case::Sensitive));
        assert!(!matches(&[&stars[..], b"b"].concat(), &text, Case::Sensitive));
        assert!(!matches(&alternating, &text, Case::Sensitive));
        assert!(matches(&b"*a".repeat(20_000), &text, Case::Sensitive));
        assert!(started.elapsed().as_millis() < 500, "{:?}", started.elapsed());
    }
}
