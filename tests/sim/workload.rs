//! What clients ask for: commands of every type, transactions, expiry, WAIT.

use std::collections::VecDeque;

use crate::plan::Workload;
use crate::rng::Rng;
use crate::server::Session;

/// What a client is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Idle,
    /// A reply waits for the disk.
    ForDisk,
    /// WAIT waits for replicas.
    ForReplicas,
}

#[derive(Debug)]
pub struct Client {
    pub node: usize,
    /// Which life of the node it is connected to.
    pub nth: u64,
    pub session: Session,
    pub state: State,
    pub rng: Rng,
    /// What it will send next, before it thinks of something new.
    pub next: VecDeque<Vec<String>>,
    /// The key of its last write that WAIT is to vouch for, with its database.
    pub vouched: Option<(usize, Vec<u8>)>,
    /// How often keys had been flushed when it was written.
    pub written_at: u64,
    /// Numbers its unique keys.
    pub written: u64,
    databases: u64,
}

impl Client {
    pub fn new(id: usize, rng: Rng, work: &Workload) -> Self {
        Self {
            node: usize::MAX,
            nth: 0,
            session: Session { client: id, ..Session::default() },
            state: State::Idle,
            rng,
            next: VecDeque::new(),
            vouched: None,
            written_at: 0,
            written: 0,
            databases: work.databases,
        }
    }

    /// Connects anew, to this node.
    pub fn connect(&mut self, node: usize, nth: u64) {
        let client = self.session.client;
        (self.node, self.nth, self.state, self.vouched) = (node, nth, State::Idle, None);
        self.session = Session { client, ..Session::default() };
        self.next.clear();
        let db = self.rng.below(self.databases);
        if db > 0 {
            self.next.push_back(words(&format!("SELECT {db}")));
        }
    }

    /// The next command to send.
    pub fn think(&mut self, work: &Workload) -> Vec<String> {
        if let Some(next) = self.next.pop_front() {
            return next;
        }
        if self.rng.percent(work.multi) {
            for _ in 0..self.rng.below(4) {
                let command = self.command(work);
                self.next.push_back(command);
            }
            self.next.push_back(words("EXEC"));
            return words("MULTI");
        }
        if self.rng.percent(work.wait) {
            self.written += 1;
            let key = format!("w:{}:{}", self.session.client, self.written);
            self.vouched = Some((self.session.db, key.clone().into_bytes()));
            let wait = format!("WAIT {} {}", self.rng.range(1, 3), self.rng.range(1, 400));
            self.next.push_back(words(&wait));
            return words(&format!("SET {key} 1"));
        }
        self.command(work)
    }

    fn command(&mut self, work: &Workload) -> Vec<String> {
        let n = self.rng.below(work.keys);
        let m = self.rng.below(work.keys);
        let x = self.rng.below(100);
        let e = self.rng.below(12);
        if self.rng.percent(work.expiry) {
            let ms = self.rng.range(1, 3000);
            return words(&match self.rng.below(8) {
                0 => format!("SET s:{n} {x} PX {ms}"),
                1 => format!("PSETEX s:{n} {ms} {x}"),
                2 => format!("PEXPIRE n:{n} {ms}"),
                3 => format!("PEXPIRE s:{n} {ms}"),
                4 => format!("PEXPIRE l:{n} {ms}"),
                5 => format!("GETEX s:{n} PX {ms}"),
                6 => format!("PERSIST s:{n}"),
                _ => format!("SET s:{n} {x} PX {ms} GET"),
            });
        }
        if work.big > 0 && self.rng.percent(10) {
            return words(&format!("SET s:{n} {}", "v".repeat(self.rng.range(1, work.big) as usize)));
        }
        words(&match self.rng.below(90) {
            0 => format!("SET s:{n} {x}"),
            1 => format!("APPEND s:{n} {x}"),
            2 => format!("SETRANGE s:{n} {e} {x}"),
            3 => format!("DEL s:{n} s:{m} n:{n}"),
            4..=8 => format!("INCR n:{n}"),
            9 => format!("INCRBY n:{n} {x}"),
            10 => format!("DECRBY n:{n} {x}"),
            11 => format!("GETDEL s:{n}"),
            12 => format!("GETSET s:{n} {x}"),
            13 => format!("MGET s:{n} s:{m} n:{n}"),
            14 => format!("INCRBYFLOAT f:{n} 0.{x}"),
            15..=17 => format!("RPUSH l:{n} {x} {e}"),
            18 => format!("LPUSH l:{n} {x}"),
            19 => format!("LPOP l:{n}"),
            20 => format!("RPOP l:{n} 2"),
            21 => format!("LTRIM l:{n} -20 -1"),
            22 => format!("LMOVE l:{n} l:{m} LEFT RIGHT"),
            23 => format!("LREM l:{n} 1 {x}"),
            24 => format!("LINSERT l:{n} BEFORE {x} {e}"),
            25..=27 => format!("HSET h:{n} f{e} {x}"),
            28 => format!("HINCRBY h:{n} c 1"),
            29 => format!("HDEL h:{n} f{e}"),
            30 => format!("HINCRBYFLOAT h:{n} d 0.{x}"),
            31 | 32 => format!("SADD t:{n} {x} {e}"),
            33 => format!("SREM t:{n} {e}"),
            34 | 35 => format!("SPOP t:{n}"),
            36 => format!("SPOP t:{n} 3"),
            37 => format!("SMOVE t:{n} t:{m} {e}"),
            38 => format!("SUNIONSTORE t:{n} t:{n} t:{m}"),
            39..=41 => format!("ZADD z:{n} {x}.5 m{e}"),
            42 => format!("ZINCRBY z:{n} 0.{x} m{e}"),
            43 => format!("ZPOPMIN z:{n}"),
            44 => format!("ZREMRANGEBYRANK z:{n} 0 1"),
            45 => format!("ZRANGESTORE z:{n} z:{m} 0 3"),
            46 | 47 => format!("XADD x:{n} * f {x}"),
            48 => format!("XADD x:{n} MAXLEN 8 * f {x}"),
            49 => format!("XTRIM x:{n} MAXLEN 5"),
            50 => format!("SETBIT b:{n} {x} 1"),
            51 => format!("PFADD p:{n} {x} {e}"),
            52 => format!("RENAME l:{n} l:{m}"),
            53 => format!("COPY h:{n} h:{m} REPLACE"),
            54 => format!("SORT l:{n} ALPHA STORE l:{m}"),
            55 => format!("PEXPIRE z:{n} -1"),
            56 => format!("SET s:{n} {x} NX"),
            57 => format!("GEOADD g:{n} {e}.{x} {e} m{e}"),
            60 => format!("XGROUP CREATE x:{n} g{} $ MKSTREAM", e % 2),
            61 | 62 => format!("XREADGROUP GROUP g{} c{} COUNT 2 STREAMS x:{n} >", e % 2, e % 3),
            63 => format!("XREADGROUP GROUP g{} c{} NOACK COUNT 1 STREAMS x:{n} >", e % 2, e % 3),
            64 => format!("XAUTOCLAIM x:{n} g{} c{} 5 0 COUNT 2", e % 2, e % 3),
            65 => format!("XGROUP DELCONSUMER x:{n} g{} c{}", e % 2, e % 3),
            66 => format!("XGROUP CREATECONSUMER x:{n} g{} c{}", e % 2, e % 3),
            67 => format!("XADD x:{n} NOMKSTREAM MAXLEN ~ 3 * f {x} g {e}"),
            68 => format!("LMPOP 2 l:{n} l:{m} RIGHT COUNT 2"),
            69 => format!("ZMPOP 2 z:{n} z:{m} MAX COUNT 2"),
            70 => format!("ZUNIONSTORE z:{n} 2 z:{n} z:{m} WEIGHTS 1 0.3"),
            71 => format!("ZDIFFSTORE z:{n} 2 z:{n} z:{m}"),
            72 => format!("SINTERSTORE t:{n} t:{n} t:{m}"),
            73 => format!("SDIFFSTORE t:{n} t:{n} t:{m}"),
            74 => format!("BITOP XOR b:{n} b:{n} b:{m}"),
            75 => format!("BITFIELD b:{n} INCRBY u8 {e} {x} SET i5 0 {e}"),
            76 => format!("PFMERGE p:{n} p:{m}"),
            // Of two keys: the estimate of one is remembered in it, on a replica too, as in Redis.
            77 => format!("PFCOUNT p:{n} p:{n}"),
            78 => format!("RENAMENX h:{n} h:{m}"),
            79 => format!("MOVE l:{n} 1"),
            80 => format!("COPY z:{n} z:{m} DB 2"),
            81 => format!("EXPIRE t:{n} {} NX", e + 1),
            82 => format!("PEXPIRE h:{n} {} GT", x * 40),
            83 => format!("GEOSEARCHSTORE z:{n} g:{m} FROMLONLAT 1 1 BYRADIUS 1000 km"),
            84 => format!("HSETNX h:{n} f{e} {x}"),
            85 => format!("LSET l:{n} 0 {x}"),
            86 => format!("ZADD z:{n} GT CH INCR {x} m{e}"),
            87 => format!("MSETNX f:{n} {x} f:{m} 1"),
            88 => format!("GETEX f:{n} EX {}", e + 1),
            89 => format!("ZREMRANGEBYSCORE z:{n} -inf {x}"),
            58 => match self.rng.below(20) {
                0 => "FLUSHDB".to_owned(),
                1 => "SWAPDB 0 1".to_owned(),
                2 => "FLUSHALL".to_owned(),
                _ => format!("INCR l:{n}"),
            },
            _ => format!("GET s:{n}"),
        })
    }
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}
