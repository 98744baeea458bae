//! A second opinion on strings: a small model that knows only the stream's words.
//!
//! Each node's model follows the bytes that the node has put into its backlog. What the node holds under the same keys
//! must be what these bytes say: so a change that is not in the stream, or is there in other words, is noticed on the
//! master itself.

use std::collections::{BTreeMap, VecDeque};

use repliscope::protocol::{Args, Body, Decoder, Limits};

use crate::invariants::Verdicts;
use crate::rng::mix;
use crate::server::Server;

type Key = (usize, Vec<u8>);

/// A value and when it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    value: Vec<u8>,
    expire: Option<i64>,
}

#[derive(Debug, Default)]
struct Model {
    db: usize,
    keys: BTreeMap<Key, Held>,
    /// The last words of the stream, for people.
    last: VecDeque<Vec<u8>>,
}

/// One model for each node.
#[derive(Debug)]
pub struct Oracles {
    verdicts: Verdicts,
    models: Vec<Model>,
}

/// Keys that only strings' commands touch.
fn is_ours(key: &[u8]) -> bool {
    key.starts_with(b"s:") || key.starts_with(b"n:")
}

fn strings_of(server: &Server) -> BTreeMap<Key, Held> {
    let mut keys = BTreeMap::new();
    for db in 0..server.store.databases() {
        for entry in server.store.db(db).iter() {
            if let Some(value) = entry.value().as_str().filter(|_| is_ours(entry.key())) {
                let held = Held { value: value.to_vec(), expire: entry.expire() };
                keys.insert((db, entry.key().to_vec()), held);
            }
        }
    }
    keys
}

impl Oracles {
    pub fn new(verdicts: &Verdicts, nodes: usize) -> Self {
        Self { verdicts: verdicts.clone(), models: (0..nodes).map(|_| Model::default()).collect() }
    }

    /// A node has other data than the stream before says.
    pub fn begin(&mut self, server: &Server) {
        self.models[server.node()].keys = strings_of(server);
    }

    /// What follows in a node's stream is for the database that is selected there now.
    pub fn selected(&mut self, server: &Server) {
        let selected = match &server.upstream {
            Some(upstream) => Some(upstream.applied.db()),
            // Without one the next command says its own.
            None => server.writer.selected(),
        };
        if let Some(db) = selected {
            self.models[server.node()].db = usize::from(db);
        }
    }

    /// A node has put whole commands into its backlog.
    pub fn feed(&mut self, server: &Server, bytes: &[u8]) {
        let model = &mut self.models[server.node()];
        let limits = Limits::of_server(1 << 29);
        let mut decoder = Decoder::new();
        while let Ok(Some(request)) = decoder.next(bytes, &limits) {
            let Body::Spans { first, count } = request.body else { continue };
            let args = Args::new(bytes, &decoder.spans()[first..first + count]);
            model.last.truncate(9);
            model.last.push_front(bytes[request.start..request.end].to_vec());
            if let Err(text) = model.command(&args) {
                self.verdicts.fail("oracle", &format!("n{}: {text}", server.node()));
            }
        }
        if mix(server.history.offset()).is_multiple_of(8) {
            self.compare(server);
        }
    }

    pub fn compare(&self, server: &Server) {
        if server.backlog.is_none() {
            return;
        }
        let (model, strings) = (&self.models[server.node()].keys, strings_of(server));
        if *model == strings {
            return;
        }
        let differs = |key: &&Key| model.get(*key) != strings.get(*key);
        let key = model.keys().chain(strings.keys()).find(differs).cloned().unwrap_or_default();
        let (expected, found) = (model.get(&key), strings.get(&key));
        let last = &self.models[server.node()].last;
        let last: Vec<_> = last.iter().map(|bytes| bytes.escape_ascii().to_string()).collect();
        let text = format!(
            "n{}: the stream says {expected:?} for {} of database {}, the data {found:?}; its last words {last:?}",
            server.node(),
            key.1.escape_ascii(),
            key.0
        );
        self.verdicts.fail("oracle", &text);
    }
}

fn number(text: &[u8]) -> Option<i64> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

impl Model {
    fn command(&mut self, args: &Args<'_>) -> Result<(), String> {
        let name = args.name().to_ascii_lowercase();
        let key = (self.db, args.get(1).to_vec());
        match name.as_slice() {
            b"select" => self.db = number(args.get(1)).unwrap_or(0) as usize,
            b"flushdb" => self.keys.retain(|(db, _), _| *db != self.db),
            b"flushall" => self.keys.clear(),
            b"swapdb" => {
                let [one, other] = [1, 2].map(|at| number(args.get(at)).unwrap_or(0) as usize);
                let keys = std::mem::take(&mut self.keys);
                let swapped = |db| {
                    if db == one {
                        other
                    } else if db == other {
                        one
                    } else {
                        db
                    }
                };
                self.keys = keys.into_iter().map(|((db, key), held)| ((swapped(db), key), held)).collect();
            }
            b"del" | b"unlink" => {
                args.from(1).for_each(|key| drop(self.keys.remove(&(self.db, key.to_vec()))));
            }
            _ if !is_ours(args.get(1)) => {}
            b"set" => self.set(key, args)?,
            b"append" => {
                let held = self.keys.entry(key).or_insert(Held { value: Vec::new(), expire: None });
                held.value.extend_from_slice(args.get(2));
            }
            b"setrange" => {
                let at = number(args.get(2)).unwrap_or(0) as usize;
                let held = self.keys.entry(key).or_insert(Held { value: Vec::new(), expire: None });
                let end = at + args.get(3).len();
                held.value.resize(held.value.len().max(end), 0);
                held.value[at..end].copy_from_slice(args.get(3));
            }
            b"incr" => self.add(key, 1),
            b"decr" => self.add(key, -1),
            b"incrby" => self.add(key, number(args.get(2)).unwrap_or(0)),
            b"decrby" => self.add(key, -number(args.get(2)).unwrap_or(0)),
            b"pexpireat" => {
                if let Some(held) = self.keys.get_mut(&key) {
                    held.expire = number(args.get(2));
                }
            }
            b"persist" => {
                if let Some(held) = self.keys.get_mut(&key) {
                    held.expire = None;
                }
            }
            _ => {
                return Err(format!("the stream has {}, which the model does not know", name.escape_ascii()));
            }
        }
        Ok(())
    }

    fn set(&mut self, key: Key, args: &Args<'_>) -> Result<(), String> {
        let mut expire = None;
        let mut at = 3;
        while at < args.len() {
            match args.get(at).to_ascii_lowercase().as_slice() {
                b"keepttl" => expire = self.keys.get(&key).and_then(|held| held.expire),
                b"pxat" => {
                    expire = number(args.get(at + 1));
                    at += 1;
                }
                // They were decided by the master: the command is there because they held.
                b"nx" | b"xx" | b"get" => {}
                other => {
                    return Err(format!("SET with {} depends on when it is executed", other.escape_ascii()));
                }
            }
            at += 1;
        }
        self.keys.insert(key, Held { value: args.get(2).to_vec(), expire });
        Ok(())
    }

    fn add(&mut self, key: Key, by: i64) {
        let held = self.keys.entry(key).or_insert(Held { value: b"0".to_vec(), expire: None });
        held.value = (number(&held.value).unwrap_or(0) + by).to_string().into_bytes();
    }
}
