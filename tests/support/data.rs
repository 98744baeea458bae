//! Data sets and writes that reach into every corner of the types.

use super::client::command;
use super::{Client, Server};

/// Fills a server: 16 databases, expiry times, binary keys, integers, compressible and big values.
pub fn fill(server: &Server) {
    let mut client = server.client();
    let mut commands: Vec<Vec<Vec<u8>>> = Vec::new();
    let far = "4000000000000";
    for db in 0..16u32 {
        commands.push(words(&format!("SELECT {db}")));
        for number in
            ["0", "-1", "127", "128", "-129", "32768", "2147483648", "-9223372036854775808", "1e5", "007"]
        {
            commands.push(words(&format!("SET n{number} {number}")));
        }
        for n in 0..200u32 {
            let key =
                [&n.wrapping_mul(2_654_435_761).to_be_bytes()[..], b"\r\n\0\xFF", &db.to_be_bytes()].concat();
            let mut set = vec![b"SET".to_vec(), key, format!("value {n} of {db}").into_bytes()];
            if n % 3 == 0 {
                set.extend([b"PXAT".to_vec(), far.as_bytes().to_vec()]);
            }
            commands.push(set);
        }
        commands.push(vec![b"SET".to_vec(), b"".to_vec(), b"".to_vec()]);
        commands.push(vec![b"SET".to_vec(), b"same".to_vec(), vec![b's'; 20_000 + db as usize]]);
    }
    let noise: Vec<u8> =
        (0..1_000_000u64).map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 51) as u8).collect();
    commands.push(words("SELECT 3"));
    commands.push(vec![b"SET".to_vec(), b"big".to_vec(), noise]);
    commands.push(vec![b"SET".to_vec(), b"long".to_vec(), vec![b'x'; 1_048_577]]);
    pipeline(&mut client, &commands);
}

/// Values of every type, with all that a file must bring back.
const COLLECTIONS: [&str; 21] = [
    "SELECT 1",
    "RPUSH list a b 3 -4 5.5",
    "LPUSH list first",
    "LREM list 1 b",
    "SADD ints 1 2 300000",
    "SADD set x y z",
    "SMOVE set ints y",
    "HSET hash f v n 12",
    "HINCRBYFLOAT hash n 0.5",
    "PEXPIREAT hash 4000000000000",
    "ZADD zset 1.5 a -inf b 17 c",
    "ZINCRBY zset 0.1 a",
    "PFADD hll a b c",
    "XADD stream 1-1 f v",
    "XADD stream 1-2 f v g w",
    "XADD stream 2-1 h i",
    "XGROUP CREATE stream group 0",
    "XREADGROUP GROUP group alice COUNT 2 STREAMS stream >",
    "XDEL stream 1-1",
    "XGROUP CREATE empty group $ MKSTREAM",
    "XGROUP CREATECONSUMER empty group nobody",
];

/// Fills database 1 with collections of every type.
pub fn fill_collections(server: &Server) {
    let mut client = server.client();
    for line in COLLECTIONS {
        client.send(&command(line));
        let reply = client.reply().unwrap().text();
        assert!(!reply.starts_with('-'), "{line}: {reply}");
    }
}

/// Writes that arrive in the stream in another form than they were typed, or touch more than one key.
pub fn write_all_forms(server: &Server, round: u32) {
    let mut client = server.client();
    #[rustfmt::skip] // several to a line
    let lines = [
        "SELECT 2", "FLUSHDB", "SET a 1", "INCR a", "INCRBY a 5", "DECRBY a 2", "INCRBYFLOAT a 0.1", "APPEND log xyz",
        "SETRANGE log 10 abc", "SET t v EX 1000", "SETEX u 1000 v", "PSETEX w 1000000 v", "EXPIRE a 5000",
        "PEXPIRE log 5000000", "EXPIREAT t 4000000000", "PERSIST t", "GETEX u EX 4000", "GETEX w PERSIST", "GETSET a 7",
        "SET a 8 KEEPTTL GET", "SET nx 1 NX", "SET nx 2 XX", "SETNX nx 3", "MSET m1 1 m2 2 m3 3", "MSETNX q1 1 q2 2",
        "RENAME m1 m4", "RENAMENX m2 m5", "COPY m3 m6", "COPY m3 m7 DB 5 REPLACE", "MOVE m4 6", "GETDEL m5", "UNLINK m6",
        "DEL m3 missing", "SWAPDB 2 7", "SELECT 7", "SET after swap", "MULTI", "SET tx1 1", "INCR tx1", "SELECT 9",
        "SET tx2 2", "SWAPDB 9 10", "EXEC", "MULTI", "SET only one", "EXEC", "MULTI", "GET only", "EXEC",
        "INCRBYFLOAT pi 3.14159265358979", "INCRBYFLOAT pi 1e10", "EXPIRE only -1", "SET gone 1 PX 1", "SET stay 1",
        "SETRANGE hole 100 end", "SELECT 11", "FLUSHDB ASYNC", "SET in11 1", "MOVE in11 12", "SELECT 12", "RENAME in11 in12",
    ];
    let mut commands: Vec<Vec<Vec<u8>>> = lines.iter().map(|line| words(line)).collect();
    commands.push(words(&format!("SET round {round}")));
    // What expires does so now, and not in the middle of a test: reading it sends the DEL.
    commands.extend(["DEBUG SLEEP 0.002", "SELECT 9", "GET gone", "SELECT 12"].map(words));
    pipeline(&mut client, &commands);
}

pub fn words(line: &str) -> Vec<Vec<u8>> {
    line.split(' ').map(|word| word.as_bytes().to_vec()).collect()
}

/// Sends commands, some hundred at a time, and reads all replies.
pub fn pipeline(client: &mut Client, commands: &[Vec<Vec<u8>>]) {
    for chunk in commands.chunks(500) {
        for command in chunk {
            client.send_command(&command.iter().map(Vec::as_slice).collect::<Vec<_>>());
        }
        for command in chunk {
            let reply = client.reply().unwrap().text();
            assert!(!reply.starts_with('-'), "{reply}: {:?}", String::from_utf8_lossy(&command[0]));
        }
    }
}
