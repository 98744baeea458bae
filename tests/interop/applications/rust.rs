//! The same application in Rust, with the crate `redis`.

use std::collections::HashMap;
use std::thread;

use redis::streams::{StreamReadOptions, StreamReadReply};
use redis::{Commands as _, Connection, cmd};

use super::cluster;
use crate::support::until_equal;

fn connect(port: u16) -> Connection {
    redis::Client::open(("127.0.0.1", port)).unwrap().get_connection().unwrap()
}

#[test]
fn an_application_with_redis_rs_works_against_a_cluster() {
    let (master, replica) = cluster();
    let mut here = connect(master.port);
    queue(&mut here, master.port);
    leaderboard(&mut here);
    consumer_group(&mut here);
    until_equal(&master, &replica);
    let mut there = connect(replica.port);
    let [one, other]: [Vec<(String, f64)>; 2] =
        [&mut here, &mut there].map(|side| side.zrange_withscores("board", 0, -1).unwrap());
    assert_eq!(one, other);
    assert_eq!(there.llen::<_, u64>("results").unwrap(), 100);
}

fn queue(here: &mut Connection, port: u16) {
    let workers: Vec<_> = (0..2)
        .map(|_| {
            thread::spawn(move || {
                let mut connection = connect(port);
                loop {
                    let (_, job): (String, i64) = connection.blpop("jobs", 10.0).unwrap();
                    if job < 0 {
                        return;
                    }
                    connection.rpush::<_, _, ()>("results", job * job).unwrap();
                }
            })
        })
        .collect();
    for job in 0..100 {
        here.rpush::<_, _, ()>("jobs", job).unwrap();
    }
    here.rpush::<_, _, ()>("jobs", &[-1, -1]).unwrap();
    for worker in workers {
        worker.join().unwrap();
    }
    let sum: i64 = here.lrange::<_, Vec<i64>>("results", 0, -1).unwrap().iter().sum();
    assert_eq!(sum, (0..100).map(|job| job * job).sum::<i64>());
}

fn leaderboard(here: &mut Connection) {
    let mut pipe = redis::pipe();
    for n in 0..200 {
        pipe.zadd("board", format!("player{n}"), n % 50);
    }
    pipe.query::<()>(here).unwrap();
    assert_eq!(here.zincr::<_, _, _, String>("board", "player1", 99.5).unwrap(), "100.5");
    let first: Vec<(String, f64)> = here.zrevrange_withscores("board", 0, 0).unwrap();
    assert_eq!(first, [("player1".to_owned(), 100.5)]);
    assert_eq!(here.zcount::<_, _, _, u64>("board", 10, "(20").unwrap(), 40);
    let profile: HashMap<String, String> = {
        here.hset_multiple::<_, _, _, ()>("player:1", &[("name", "Ada"), ("country", "uk")]).unwrap();
        here.hgetall("player:1").unwrap()
    };
    assert_eq!(profile["country"], "uk");
}

fn consumer_group(here: &mut Connection) {
    here.xgroup_create_mkstream::<_, _, _, ()>("events", "group", "$").unwrap();
    let ids: Vec<String> = (0..5).map(|n| here.xadd("events", "*", &[("n", n)]).unwrap()).collect();
    let options = StreamReadOptions::default().group("group", "me").count(10).block(1000);
    let reply: StreamReadReply = here.xread_options(&["events"], &[">"], &options).unwrap();
    let read: Vec<String> = reply.keys[0].ids.iter().map(|entry| entry.id.clone()).collect();
    assert_eq!(read, ids);
    assert_eq!(here.xack::<_, _, _, u64>("events", "group", &ids[..3]).unwrap(), 3);
    let pending: (u64, String, String, Vec<(String, String)>) =
        cmd("XPENDING").arg("events").arg("group").query(here).unwrap();
    assert_eq!((pending.0, pending.1, pending.2), (2, ids[3].clone(), ids[4].clone()));
    assert_eq!(pending.3, [("me".to_owned(), "2".to_owned())]);
}
