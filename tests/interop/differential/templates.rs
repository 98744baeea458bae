//! The commands, with their options, and what stands in their places.
//!
//! Letters are places: `K` a string, `B` a bitmap, `P` a HyperLogLog, `L` a list, `S` a set, `H` a hash, `Z` a sorted
//! set, `Y` one whose scores are equal, `G` places on earth, `X` a stream, `A` any key; see [`value`] for the small ones. `[ ]` may be missing, `( | )`
//! is a choice, `{ }+` and `v+` come one to four times and rarely forty, `#Z` is a number of keys and the keys, `!` in
//! front means that nothing is put wrong: it would wait, or ask for something random.

use super::allowed::NAMED_MS;
use super::grammar::Generator;

const STRINGS: &[&str] = &[
    "SET K v [NX|XX] [GET] [PXAT t|EXAT T|EX s|PX f|KEEPTTL]",
    "SETEX K s v",
    "PSETEX K f v",
    "SET K (i|v|w)",
    "GET K",
    "GETSET K v",
    "GETDEL K",
    "GETEX K [PXAT t|EXAT T|EX s|PX f|PERSIST]",
    "SETNX K v",
    "APPEND K v",
    "STRLEN K",
    "SETRANGE K n v",
    "GETRANGE K i i",
    "SUBSTR K i i",
    "INCR K",
    "DECR K",
    "INCRBY K i",
    "DECRBY K i",
    "INCRBYFLOAT K d",
    "MGET A+",
    "MSET {K v}+",
    "MSETNX {K v}+",
    "LCS K K [LEN] [IDX] [MINMATCHLEN n] [WITHMATCHLEN]",
];

// OVERFLOW FAIL is left out: a real server lengthens the string and does not tell its replicas.
const BITS: &[&str] = &[
    "SETBIT B o b",
    "GETBIT B o",
    "BITCOUNT B [i i [BYTE|BIT]]",
    "BITPOS B b [i [i [BYTE|BIT]]]",
    "BITOP (AND|OR|XOR) B B+",
    "BITOP NOT B B",
    "BITFIELD B {(GET y o|SET y o i|INCRBY y o i|OVERFLOW (WRAP|SAT))}+",
    "BITFIELD_RO B {GET y o}+",
];

const HYPERLOGLOG: &[&str] = &[
    "PFADD P m+",
    "PFADD P v+",
    "PFADD P",
    "PFCOUNT P+",
    "PFMERGE P P+",
    "GET P",
    "PFDEBUG ENCODING P",
    "STRLEN P",
];

const LISTS: &[&str] = &[
    "LPUSH L v+",
    "RPUSH L m+",
    "RPUSH L v+",
    "LPUSHX L m+",
    "RPUSHX L m+",
    "LPOP L [n]",
    "RPOP L [n]",
    "LLEN L",
    "LRANGE L i i",
    "LRANGE L 0 -1",
    "LINDEX L i",
    "LSET L i v",
    "LINSERT L (BEFORE|AFTER) m m",
    "LREM L i m",
    "LTRIM L i i",
    "LPOS L m [RANK i] [COUNT n] [MAXLEN n]",
    "LMOVE L L (LEFT|RIGHT) (LEFT|RIGHT)",
    "RPOPLPUSH L L",
    "LMPOP #L (LEFT|RIGHT) [COUNT n]",
    "!BLPOP L L 0.001",
    "!BRPOP L L 0.001",
    "!BLMOVE L L (LEFT|RIGHT) (LEFT|RIGHT) 0.001",
    "!BRPOPLPUSH L L 0.001",
    "!BLMPOP 0.001 #L (LEFT|RIGHT) [COUNT n]",
];

const SETS: &[&str] = &[
    "SADD S m+",
    "SADD S i+",
    "SADD S v+",
    "SREM S m+",
    "SISMEMBER S m",
    "SMISMEMBER S m+",
    "SCARD S",
    "SMEMBERS S",
    "SMOVE S S m",
    "!SPOP S 1000",
    "!SRANDMEMBER S 1000",
    "SINTER S+",
    "SUNION S+",
    "SDIFF S+",
    "SINTERSTORE S S+",
    "SUNIONSTORE S S+",
    "SDIFFSTORE S S+",
    "SINTERCARD #S [LIMIT n]",
    "!SSCAN S 0 COUNT 1000",
];

const HASHES: &[&str] = &[
    "HSET H {m v}+",
    "HSET H {m i}+",
    "HMSET H {m v}+",
    "HSETNX H m v",
    "HGET H m",
    "HMGET H m+",
    "HGETALL H",
    "HKEYS H",
    "HVALS H",
    "HLEN H",
    "HSTRLEN H m",
    "HEXISTS H m",
    "HDEL H m+",
    "HINCRBY H m i",
    "HINCRBYFLOAT H m d",
    "!HRANDFIELD H 1000 WITHVALUES",
];

const SORTED_SETS: &[&str] = &[
    "ZADD Z [NX|XX] [GT|LT] [CH] {d m}+",
    "ZADD Z {d m}+",
    "ZADD Z {i v}+",
    "ZADD Z [NX|XX|GT|LT] INCR d m",
    "ZINCRBY Z d m",
    "ZREM Z m+",
    "ZSCORE Z m",
    "ZMSCORE Z m+",
    "ZCARD Z",
    "ZCOUNT Z r r",
    "!ZADD Y {0 m}+",
    "ZREM Y m+",
    "ZLEXCOUNT Y x x",
    "ZRANK Z m",
    "ZREVRANK Z m",
    "ZRANGE Z i i [REV] [WITHSCORES]",
    "ZRANGE Z r r BYSCORE [REV] [LIMIT n i] [WITHSCORES]",
    "ZRANGE Y x x BYLEX [REV] [LIMIT n i]",
    "ZRANGESTORE Z Z i i [REV]",
    "ZRANGESTORE Z Z r r BYSCORE [REV] [LIMIT n i]",
    "ZREVRANGE Z i i [WITHSCORES]",
    "ZRANGEBYSCORE Z r r [WITHSCORES] [LIMIT n i]",
    "ZREVRANGEBYSCORE Z r r [WITHSCORES] [LIMIT n i]",
    "ZRANGEBYLEX Y x x [LIMIT n i]",
    "ZREVRANGEBYLEX Y x x [LIMIT n i]",
    "ZREMRANGEBYRANK Z i i",
    "ZREMRANGEBYSCORE Z r r",
    "ZREMRANGEBYLEX Y x x",
    "ZPOPMIN Z [n]",
    "ZPOPMAX Z [n]",
    "ZMPOP #Z (MIN|MAX) [COUNT n]",
    "!BZPOPMIN Z Z 0.001",
    "!BZPOPMAX Z Z 0.001",
    "!BZMPOP 0.001 #Z (MIN|MAX) [COUNT n]",
    "ZUNION #Z [AGGREGATE (SUM|MIN|MAX)] [WITHSCORES]",
    "ZINTER #Z [AGGREGATE (SUM|MIN|MAX)] [WITHSCORES]",
    "ZUNION 2 Z S WEIGHTS d d WITHSCORES",
    "ZDIFF #Z [WITHSCORES]",
    "ZUNIONSTORE Z #Z [AGGREGATE (SUM|MIN|MAX)]",
    "ZINTERSTORE Z 2 Z S WEIGHTS d d [AGGREGATE (SUM|MIN|MAX)]",
    "ZDIFFSTORE Z #Z",
    "ZINTERCARD #Z [LIMIT n]",
    "!ZSCAN Z 0 COUNT 1000",
];

const GEO: &[&str] = &[
    "GEOADD G [NX|XX] [CH] {q h m}+",
    "GEOADD G {q h m}+",
    "GEOPOS G m+",
    "GEODIST G m m [u]",
    "GEOHASH G m+",
    "GEOSEARCH G (FROMMEMBER m|FROMLONLAT q h) (BYRADIUS k u|BYBOX k k u) (ASC|DESC) [COUNT n [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]",
    "GEOSEARCHSTORE G G FROMLONLAT q h BYRADIUS k u (ASC|DESC) [COUNT n] [STOREDIST]",
    "GEORADIUS G q h k u (ASC|DESC) [WITHCOORD] [WITHDIST] [WITHHASH] [COUNT n]",
    "GEORADIUSBYMEMBER G m k u (ASC|DESC) [STORE G|STOREDIST G]",
    "GEORADIUS_RO G q h k u (ASC|DESC) [WITHDIST]",
];

const STREAMS: &[&str] = &[
    "XADD X [NOMKSTREAM] [(MAXLEN|MINID) [~|=] n] e {m v}+",
    "XADD X e {m i}+",
    "XADD X e {m i}+",
    "XADD X MAXLEN [~|=] n e m v",
    "XLEN X",
    "XRANGE X (-|e|a) (+|e|a) [COUNT n]",
    "XREVRANGE X (+|e|a) (-|e|a) [COUNT n]",
    "XREAD [COUNT n] STREAMS X X e e",
    "XDEL X e+",
    "XTRIM X (MAXLEN|MINID) [~|=] n [LIMIT n]",
    "XSETID X e [ENTRIESADDED n MAXDELETEDID e]",
    "XINFO STREAM X",
    "XINFO GROUPS X",
    "XGROUP CREATE X g (e|$) [MKSTREAM] [ENTRIESREAD n]",
    "XGROUP CREATE X g 0 MKSTREAM",
    "XGROUP SETID X g (e|$) [ENTRIESREAD n]",
    "XGROUP DESTROY X g",
    "XGROUP CREATECONSUMER X g c",
    "XGROUP DELCONSUMER X g c",
    "XREADGROUP GROUP g c [COUNT n] [NOACK] STREAMS X >",
    "XREADGROUP GROUP g c [COUNT n] STREAMS X e",
    "XACK X g e+",
    "XPENDING X g",
    "XCLAIM X g c 0 e+ [IDLE n] [RETRYCOUNT n] [FORCE] [JUSTID]",
    "XAUTOCLAIM X g c 0 e [COUNT n] [JUSTID]",
];

const KEYS: &[&str] = &[
    "DEL A+",
    "UNLINK A",
    "EXISTS A+",
    "TOUCH A+",
    "TYPE A",
    "OBJECT ENCODING A",
    "EXPIREAT A T [NX|XX|GT|LT]",
    "PEXPIREAT A t [NX|XX|GT|LT]",
    "EXPIREAT A n",
    "EXPIRE A s [NX|XX|GT|LT]",
    "PEXPIRE A f [NX|XX|GT|LT]",
    "TTL A",
    "PTTL A",
    "EXPIRETIME A",
    "PEXPIRETIME A",
    "PERSIST A",
    "RENAME (K K|L L|S S|H H|Z Z|X X|A K)",
    "RENAMENX (K K|L L|S S|H H|Z Z|X X|A K)",
    "COPY (K K|L L|S S|H H|Z Z|X X|A K) [REPLACE] [DB b]",
    "MOVE A b",
    "SORT (S|Z) [ASC|DESC] ALPHA",
    "SORT L [BY nosort|BY w_*] [LIMIT n n] [ASC|DESC] ALPHA",
    "SORT L [BY w_*] [LIMIT n n] [GET w_*] [GET #] [ASC|DESC] [ALPHA]",
    "SORT L [ASC|DESC] ALPHA STORE L",
    "SORT_RO L [LIMIT n n] ALPHA",
    "DUMP (K|L|Z|P)",
    "RESTORE A n j [REPLACE] [ABSTTL]",
    "DBSIZE",
    "SELECT b",
    "SWAPDB b b",
    "!DEL A",
    "!DEL A",
    "!DEL A",
    "!DEL A A A A A",
];

const TRANSACTIONS: &[&str] = &["MULTI", "EXEC", "EXEC", "EXEC", "DISCARD", "WATCH A+", "UNWATCH"];

const MESSAGES: &[&str] = &["PUBLISH m v", "SPUBLISH m v", "PUBSUB NUMSUB m+", "ECHO v", "PING [v]"];

/// Every template; rarely used families come once, what fills collections several times.
pub(super) fn all() -> Vec<&'static str> {
    let families = [
        STRINGS,
        BITS,
        HYPERLOGLOG,
        LISTS,
        SETS,
        HASHES,
        SORTED_SETS,
        GEO,
        STREAMS,
        KEYS,
        TRANSACTIONS,
        MESSAGES,
    ];
    let only = std::env::var("REPLISCOPE_FAMILIES").unwrap_or_default();
    let names = [
        "strings", "bits", "hll", "lists", "sets", "hashes", "zsets", "geo", "streams", "keys", "multi",
        "messages",
    ];
    let wanted = |name: &str| only.is_empty() || only.split(',').any(|one| one == name);
    names
        .iter()
        .zip(families)
        .filter(|(name, _)| wanted(name))
        .flat_map(|(_, family)| family)
        .copied()
        .collect()
}

/// Keys of each kind, and how many.
const KINDS: [(char, u64); 10] =
    [('K', 6), ('B', 4), ('P', 4), ('L', 5), ('S', 6), ('H', 5), ('Z', 5), ('G', 3), ('X', 4), ('Y', 3)];

/// Every key that a request can name.
pub(super) fn keys() -> Vec<String> {
    KINDS.iter().flat_map(|(kind, count)| (0..*count).map(move |nth| key(*kind, nth))).collect()
}

fn key(kind: char, nth: u64) -> String {
    format!("{}{nth}", kind.to_ascii_lowercase())
}

/// What stands at a place.
pub(super) fn value(slot: char, dice: &mut Generator) -> Vec<u8> {
    if let Some((kind, count)) = KINDS.iter().find(|(kind, _)| *kind == slot) {
        // Now and then a key of another type; but no other sorted set for what is read by member.
        if *kind != 'Y' && dice.below(30) == 0 {
            return value('A', dice);
        }
        return key(*kind, dice.below(*count)).into_bytes();
    }
    let text = match slot {
        'A' => {
            // All but the last: a range by member means something only while all scores are equal.
            let (kind, count) = KINDS[dice.below(KINDS.len() as u64 - 1) as usize];
            key(kind, dice.below(count))
        }
        // Members, fields, elements: few enough to meet again.
        'm' => match dice.below(12) {
            0 => "a longer member, which does not stay in the compact encodings: ".repeat(2),
            1 => dice.below(1000).to_string(),
            2 => String::new(),
            _ => format!("m{}", dice.below(30)),
        },
        'w' => format!("w_{}", dice.below(30)),
        // Any value, binary ones too.
        'v' => return any(dice),
        'i' => match dice.below(8) {
            0 => dice
                .pick(&["-9223372036854775808", "9223372036854775807", "70000", "-70000", "32768", "128"])
                .to_owned(),
            1 => dice.below(1 << 40).to_string(),
            _ => (dice.below(41) as i64 - 20).to_string(),
        },
        'n' => {
            let most = if dice.below(10) == 0 { 1000 } else { 12 };
            dice.below(most).to_string()
        }
        'd' => match dice.below(8) {
            0 => dice
                .pick(&["inf", "-inf", "+inf", "1e10", "-1.5e-7", "0", "-0", "3.0", "1e300", "0.1"])
                .to_owned(),
            1 => format!("{}.{}", dice.below(1000), dice.below(1000)),
            _ => (dice.below(41) as i64 - 20).to_string(),
        },
        'r' => {
            let bound = value('d', dice);
            let open = if dice.below(3) == 0 { "(" } else { "" };
            format!("{open}{}", String::from_utf8_lossy(&bound))
        }
        'x' => dice.pick(&["-", "+", "[m1", "(m1", "[m2", "(m25", "[", "[a", "(n"]).to_owned(),
        'a' => format!("({}", dice.below(60)),
        'e' => match dice.below(3) {
            0 => format!("{}-{}", dice.below(60), dice.below(4)),
            1 => format!("{}-*", dice.below(90)),
            _ => dice.below(90).to_string(),
        },
        'g' => format!("g{}", dice.below(2)),
        'c' => format!("c{}", dice.below(3)),
        'b' => dice.below(2).to_string(),
        'o' => match dice.below(10) {
            0 => format!("#{}", dice.below(20)),
            1 => dice.below(20_000).to_string(),
            _ => dice.below(100).to_string(),
        },
        'y' => format!(
            "{}{}",
            dice.pick(&["u", "i"]),
            dice.pick(&["1", "4", "7", "8", "13", "16", "32", "63", "64"])
        ),
        'q' => format!("{}.{:03}", dice.below(361) as i64 - 180, dice.below(1000)),
        'h' => format!("{}.{:03}", dice.below(171) as i64 - 85, dice.below(1000)),
        'k' => dice.pick(&["1", "100", "500.5", "2000", "10000", "0", "40000"]).to_owned(),
        'u' => dice.pick(&["m", "km", "mi", "ft", "KM"]).to_owned(),
        // Points in time: far away, so that nothing expires meanwhile.
        't' => format!("{}", NAMED_MS + dice.below(1000) as i64),
        'T' => format!("{}", NAMED_MS / 1000 + dice.below(1000) as i64),
        // Times from now on: so far apart that it does not matter when now is.
        's' => format!("{}", 1_000_000 + 10 * dice.below(800_000)),
        'f' => format!("{}", 1_000_005_000 + 10_000 * dice.below(800_000)),
        'j' => return junk(dice),
        other => panic!("no place is called {other}"),
    };
    text.into_bytes()
}

fn any(dice: &mut Generator) -> Vec<u8> {
    match dice.below(12) {
        0 => (0..dice.below(80)).map(|_| dice.below(256) as u8).collect(),
        1 => vec![b'x'; dice.below(300) as usize],
        2 => vec![dice.below(256) as u8; dice.below(9000) as usize],
        3 => dice
            .pick(&["", "0", "-1", "00", "1.0", "9223372036854775807", "9223372036854775808", "1e5", "inf"])
            .into(),
        4..8 => (dice.below(200_000) as i64 - 100_000).to_string().into_bytes(),
        _ => format!("value {}", dice.below(100)).into_bytes(),
    }
}

/// Something that fits nowhere.
fn junk(dice: &mut Generator) -> Vec<u8> {
    match dice.below(4) {
        0 => (0..dice.below(6)).map(|_| dice.below(256) as u8).collect(),
        _ => dice
            .pick(&[
                "",
                "abc",
                "-1",
                "0",
                "1.5",
                "nan",
                "1e3",
                "9223372036854775808",
                "-9223372036854775809",
                " 1",
                "1 ",
                "+1",
                "01",
                "(",
                "[",
                "inf",
                "-inf",
                "$",
                ">",
                "0-0",
                "NX",
                "COUNT",
                "LIMIT",
                "\0",
            ])
            .into(),
    }
}
