"""An ordinary application against a cluster: a queue, a leaderboard, a cache with tracking, a consumer group.

MASTER and REPLICA are ports. Ends with an AssertionError, or with "done"."""

import os
import threading
import time

import redis

master = redis.Redis(port=int(os.environ["MASTER"]), decode_responses=True)
replica = redis.Redis(port=int(os.environ["REPLICA"]), decode_responses=True)


def on_replica():
    assert master.wait(1, 5000) >= 1, "no replica has acknowledged"
    return replica


def queue():
    """Three workers take 300 jobs; each job is kept in a second list until it is done."""
    done, lock = [], threading.Lock()

    def work(name):
        connection = redis.Redis(port=int(os.environ["MASTER"]), decode_responses=True)
        while (job := connection.blmove("jobs", f"doing:{name}", 10, "LEFT", "RIGHT")) != "end":
            with lock:
                done.append(job)
            connection.lrem(f"doing:{name}", 1, job)
        connection.delete(f"doing:{name}")

    workers = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    [worker.start() for worker in workers]
    for n in range(0, 300, 10):
        master.rpush("jobs", *[f"job{n + k}" for k in range(10)])
    master.rpush("jobs", "end", "end", "end")
    [worker.join(20) for worker in workers]
    assert sorted(done) == sorted(f"job{n}" for n in range(300)), len(done)
    assert master.exists("jobs", "doing:0", "doing:1", "doing:2") == 0
    begun = time.time()
    assert master.blpop(["jobs", "more"], timeout=0.2) is None and 0.15 < time.time() - begun < 2
    assert on_replica().dbsize() == 0


def leaderboard():
    with master.pipeline() as pipe:
        for n in range(500):
            pipe.zadd("board", {f"player{n}": n * 7 % 500})
        pipe.execute()
    assert master.zincrby("board", 1000, "player3") == 1021
    top = master.zrange("board", 0, 2, desc=True, withscores=True)
    assert top[0] == ("player3", 1021.0) and len(top) == 3, top
    assert master.zrevrank("board", "player3") == 0
    assert len(master.zrangebyscore("board", 100, "(200")) == 100
    friends = master.sadd("friends", "player3", "player10", "player20")
    assert friends == 3 and master.zinterstore("ours", {"board": 1, "friends": 0}) == 3
    assert on_replica().zrange("ours", 0, -1, withscores=True) == master.zrange("ours", 0, -1, withscores=True)
    assert master.zpopmin("ours", 1)[0][0] in ("player3", "player10", "player20")
    assert master.zremrangebyrank("board", 0, -101) == 400 and master.zcard("board") == 100


def cache():
    """A value is kept here until the server says that it has changed."""
    # With the third version of the protocol an invalidation is no message, but a push of its own.
    heard = redis.Redis(port=int(os.environ["MASTER"]), decode_responses=True, protocol=2)
    listener = heard.pubsub()
    listener.subscribe("__redis__:invalidate")
    assert listener.get_message(timeout=5)["type"] == "subscribe"
    ids = [client["id"] for client in heard.client_list(_type="pubsub")]
    reader = redis.Redis(port=int(os.environ["MASTER"]), decode_responses=True, single_connection_client=True)
    reader.execute_command("CLIENT", "TRACKING", "ON", "REDIRECT", ids[0])
    master.hset("user:1", mapping={"name": "Ada", "visits": 1})
    assert reader.hgetall("user:1") == {"name": "Ada", "visits": "1"}
    master.hincrby("user:1", "visits", 1)
    message = listener.get_message(timeout=5)
    assert message["type"] == "message" and message["data"] == ["user:1"], message
    assert reader.hget("user:1", "visits") == "2" and on_replica().hget("user:1", "visits") == "2"
    assert master.expire("user:1", 100) and 0 < on_replica().ttl("user:1") <= 100


def consumer_group():
    master.xgroup_create("events", "billing", id="0", mkstream=True)
    ids = [master.xadd("events", {"order": n, "euros": n * 3}) for n in range(20)]
    [[_, first]] = master.xreadgroup("billing", "a", {"events": ">"}, count=15)
    assert [entry for entry, _ in first] == ids[:15]
    assert master.xack("events", "billing", *ids[:10]) == 10
    # Consumer a is gone; b takes over what it had not finished, then the rest.
    _, claimed, _ = master.xautoclaim("events", "billing", "b", min_idle_time=0)
    assert [entry for entry, _ in claimed] == ids[10:15]
    [[_, rest]] = master.xreadgroup("billing", "b", {"events": ">"}, block=1000)
    assert [entry for entry, _ in rest] == ids[15:] and rest[0][1]["euros"] == "45"
    assert master.xpending("events", "billing")["pending"] == 10
    assert on_replica().xpending("events", "billing")["consumers"] == [{"name": "b", "pending": 10}]
    assert master.xinfo_groups("events")[0]["lag"] == 0
    assert master.xack("events", "billing", *ids[10:]) == 10 and master.xtrim("events", maxlen=5, approximate=False) == 15


for part in (queue, leaderboard, cache, consumer_group):
    master.flushall()
    part()
print("done")
