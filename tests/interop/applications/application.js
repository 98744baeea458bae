// An ordinary application against a cluster: a queue, a leaderboard, a cache with tracking, a consumer group.
// MASTER and REPLICA are ports. Ends with an error, or with "done".
const assert = require("assert");
const Redis = require("ioredis");

const open = (port, options) => new Redis(Number(port), "127.0.0.1", options);
const master = open(process.env.MASTER);
const replica = open(process.env.REPLICA);

async function onReplica() {
  assert((await master.wait(1, 5000)) >= 1, "no replica has acknowledged");
  return replica;
}

async function queue() {
  const done = [];
  const work = async () => {
    const connection = open(process.env.MASTER);
    for (;;) {
      const [, job] = await connection.blpop("urgent", "jobs", 10);
      if (job === "end") break;
      done.push(job);
    }
    connection.disconnect();
  };
  const workers = [work(), work(), work()];
  for (let n = 0; n < 200; n++) await master.rpush(n % 5 ? "jobs" : "urgent", `job${n}`);
  await master.rpush("jobs", "end", "end", "end");
  await Promise.all(workers);
  assert.equal(new Set(done).size, 200);
  assert.equal(await master.brpop("jobs", 0.1), null);
  assert.equal(await (await onReplica()).exists("jobs", "urgent"), 0);
}

async function leaderboard() {
  const pipeline = master.pipeline();
  for (let n = 0; n < 300; n++) pipeline.zadd("board", "GT", (n * 7) % 300, `player${n}`);
  await pipeline.exec();
  assert.equal(await master.zincrby("board", 0.5, "player1"), "7.5");
  const top = await master.zrevrange("board", 0, 1, "WITHSCORES");
  assert.equal(top[1], "299");
  assert.equal((await master.zrangebyscore("board", 10, "(20", "LIMIT", 0, 5)).length, 5);
  assert.equal(await master.zcount("board", "-inf", "+inf"), 300);
  assert.deepEqual(await (await onReplica()).zrevrange("board", 0, 1, "WITHSCORES"), top);
  assert.equal((await master.zpopmax("board", 100)).length, 200);
}

async function cache() {
  // With the third version of the protocol an invalidation is no message, but a push of its own.
  const listener = open(process.env.MASTER, { protocol: 2 });
  const id = await listener.client("ID");
  const heard = new Promise((resolve) => listener.on("message", (channel, keys) => resolve([channel, keys])));
  await listener.subscribe("__redis__:invalidate");
  const reader = open(process.env.MASTER);
  await reader.call("CLIENT", "TRACKING", "ON", "REDIRECT", id, "BCAST", "PREFIX", "user:");
  await master.hset("user:7", { name: "Grace", visits: 1 });
  assert.equal((await heard)[0], "__redis__:invalidate");
  assert.deepEqual(await reader.hgetall("user:7"), { name: "Grace", visits: "1" });
  assert.deepEqual(await (await onReplica()).hgetall("user:7"), { name: "Grace", visits: "1" });
  listener.disconnect();
  reader.disconnect();
}

async function consumerGroup() {
  await master.xgroup("CREATE", "events", "mail", "$", "MKSTREAM");
  const ids = [];
  for (let n = 0; n < 10; n++) ids.push(await master.xadd("events", "*", "to", `user${n}`, "text", "hello"));
  const read = async (count) => {
    const [[, entries]] = await master.xreadgroup("GROUP", "mail", "a", "COUNT", count, "BLOCK", 1000, "STREAMS", "events", ">");
    return entries.map(([entry]) => entry);
  };
  assert.deepEqual(await read(4), ids.slice(0, 4));
  assert.deepEqual(await read(100), ids.slice(4));
  assert.equal(await master.xack("events", "mail", ...ids.slice(0, 7)), 7);
  const pending = await master.xpending("events", "mail", "-", "+", 10);
  assert.deepEqual(pending.map(([entry]) => entry), ids.slice(7));
  assert.deepEqual(await (await onReplica()).xpending("events", "mail"), await master.xpending("events", "mail"));
}

(async () => {
  for (const part of [queue, leaderboard, cache, consumerGroup]) {
    await master.flushall();
    await part();
  }
  master.disconnect();
  replica.disconnect();
  console.log("done");
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
