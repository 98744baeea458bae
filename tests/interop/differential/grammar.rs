//! From a template such as `ZADD Z [NX|XX] {d m}+` to requests: all options, and now and then something wrong.

use std::collections::BTreeSet;

use repliscope::store::Random;

use super::templates;

/// One request, word by word.
pub(super) type Request = Vec<Vec<u8>>;

#[derive(Debug)]
enum Part {
    /// Sent as it is.
    Word(String),
    /// Something of this kind: see `templates`.
    Slot(char),
    /// A number of keys of this kind, then the keys.
    Counted(char),
    /// One of these, or nothing if `may_miss`.
    Choice { may_miss: bool, ways: Vec<Vec<Part>> },
    /// One to four times.
    Many(Vec<Part>),
}

/// A template, and whether anything may be put wrong in it.
#[derive(Debug)]
struct Template {
    parts: Vec<Part>,
    exact: bool,
}

/// Makes requests.
pub(super) struct Generator {
    templates: Vec<Template>,
    used: BTreeSet<usize>,
    random: Random,
}

impl Generator {
    pub(super) fn new(seed: u64, templates: &[&str]) -> Self {
        Self {
            templates: templates.iter().map(|text| parse(text)).collect(),
            used: BTreeSet::new(),
            random: Random::new(seed),
        }
    }

    pub(super) fn templates(&self) -> usize {
        self.templates.len()
    }

    pub(super) fn used(&self) -> usize {
        self.used.len()
    }

    /// A number below `below`.
    pub(super) fn below(&mut self, below: u64) -> u64 {
        self.random.below(below)
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len() as u64) as usize]
    }

    pub(super) fn request(&mut self) -> Request {
        let index = self.below(self.templates.len() as u64) as usize;
        self.used.insert(index);
        let templates = std::mem::take(&mut self.templates);
        let mut request = Request::new();
        self.fill(&templates[index].parts, &mut request);
        if !templates[index].exact && self.below(20) == 0 {
            self.spoil(&mut request);
        }
        self.templates = templates;
        request
    }

    fn fill(&mut self, parts: &[Part], request: &mut Request) {
        for part in parts {
            match part {
                Part::Word(word) => request.push(word.clone().into_bytes()),
                Part::Slot(kind) => request.push(templates::value(*kind, self)),
                Part::Counted(kind) => {
                    let count = 1 + self.below(3);
                    request.push(count.to_string().into_bytes());
                    (0..count).for_each(|_| request.push(templates::value(*kind, self)));
                }
                Part::Choice { may_miss, ways } => {
                    if !may_miss || self.below(2) == 0 {
                        let way = self.below(ways.len() as u64) as usize;
                        self.fill(&ways[way], request);
                    }
                }
                Part::Many(group) => {
                    let times = match self.below(40) {
                        0 => 40,
                        luck => 1 + luck % 4,
                    };
                    (0..times).for_each(|_| self.fill(group, request));
                }
            }
        }
    }

    /// Makes one thing wrong: a word too few or too many, or something else in its place.
    fn spoil(&mut self, request: &mut Request) {
        let at = 1 + self.below(request.len() as u64) as usize;
        match self.below(4) {
            0 if request.len() > 1 => drop(request.pop()),
            1 => request.push(templates::value('j', self)),
            // A sorted set that is read by member stays one whose scores are equal.
            _ if at < request.len() && request[at].first() != Some(&b'y') => {
                request[at] = templates::value('j', self);
            }
            _ => request[0].make_ascii_lowercase(),
        }
    }
}

fn parse(text: &str) -> Template {
    let (exact, text) = text.strip_prefix('!').map_or((false, text), |rest| (true, rest));
    let mut spaced = String::new();
    for letter in text.chars() {
        if "[](){}|".contains(letter) {
            spaced.extend([' ', letter, ' ']);
        } else {
            spaced.push(letter);
        }
    }
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (parts, rest) = parse_parts(&words);
    assert!(rest.is_empty(), "{text}");
    Template { parts, exact }
}

fn parse_parts<'a, 'b>(mut words: &'b [&'a str]) -> (Vec<Part>, &'b [&'a str]) {
    let mut parts = Vec::new();
    while let Some((word, rest)) = words.split_first() {
        if ["]", ")", "}", "|"].contains(word) {
            break;
        }
        words = rest;
        match *word {
            "[" | "(" => {
                let mut ways = Vec::new();
                loop {
                    let (way, rest) = parse_parts(words);
                    ways.push(way);
                    words = &rest[1..];
                    if rest[0] != "|" {
                        break;
                    }
                }
                parts.push(Part::Choice { may_miss: *word == "[", ways });
            }
            "{" => {
                let (group, rest) = parse_parts(words);
                assert_eq!(rest[..2], ["}", "+"]);
                words = &rest[2..];
                parts.push(Part::Many(group));
            }
            word => parts.push(parse_word(word)),
        }
    }
    (parts, words)
}

fn parse_word(word: &str) -> Part {
    let letters: Vec<char> = word.chars().collect();
    match letters[..] {
        [slot] if slot.is_ascii_alphabetic() => Part::Slot(slot),
        [slot, '+'] if slot.is_ascii_alphabetic() => Part::Many(vec![Part::Slot(slot)]),
        ['#', slot] => Part::Counted(slot),
        _ => Part::Word(word.to_owned()),
    }
}
