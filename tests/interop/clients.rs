//! The plain clients of two languages: redis-py and ioredis.

use std::process::Command;

use super::support::{Server, finished, skip};

fn run(program: &str, server: &Server, probe: &str, script: &str) {
    let flag = if program == "node" { "-e" } else { "-c" };
    if !Command::new(program).args([flag, probe]).output().is_ok_and(|output| output.status.success()) {
        skip(&format!("{program} cannot run: {probe}"));
        return;
    }
    let (ok, text) =
        finished(Command::new(program).args([flag, script]).env("PORT", server.port.to_string()));
    assert!(ok, "{text}");
}

#[test]
fn redis_py_works_with_both_protocol_versions() {
    let node = Server::node(&[]);
    let script = r#"
import os, redis
for protocol in (2, 3):
    r = redis.Redis(port=int(os.environ["PORT"]), protocol=protocol, decode_responses=True, client_name="py")
    r.flushall()
    assert r.ping() and r.set("k", "v") and r.get("k") == "v" and r.get("none") is None
    assert r.client_getname() == "py"
    p = r.pipeline(transaction=False)
    for n in range(100): p.set(f"p{n}", n)
    assert p.execute() == [True] * 100
    p = r.pipeline(transaction=True)
    p.incr("n"); p.incrbyfloat("f", 1.5); p.mget("k", "none")
    assert p.execute() == [1, 1.5, ["v", None]], "transaction"
    with r.pipeline() as p:
        p.watch("k"); value = p.get("k"); p.multi(); p.set("k", value + "!"); p.execute()
    other = redis.Redis(port=int(os.environ["PORT"]))
    with r.pipeline() as p:
        p.watch("k"); other.set("k", "changed"); p.multi(); p.set("k", "lost")
        try: p.execute(); assert False, "WATCH"
        except redis.WatchError: pass
    assert len(set(r.scan_iter("p*", count=7))) == 100
    assert r.set("t", 1, ex=100) and 0 < r.ttl("t") <= 100 and r.expire("t", 200, gt=True)
    assert r.info("replication")["role"] == "master" and r.info()["redis_version"].startswith("7.0")
    assert r.config_get("maxmemory")["maxmemory"] == "0" and r.role()[0] == "master"
    assert r.command_count() > 50 and r.dbsize() == 104, r.dbsize()
    try: r.execute_command("NOPE"); assert False
    except redis.ResponseError as e: assert "unknown command" in str(e)
    raw = redis.Redis(port=int(os.environ["PORT"]), protocol=protocol)
    raw.set(b"\x00\r\n\xff", b"\xfe" * 100000)
    assert raw.get(b"\x00\r\n\xff") == b"\xfe" * 100000
    assert any(c["name"] == "py" for c in r.client_list())
"#;
    run("python3", &node, "import redis", script);
}

#[test]
fn ioredis_works() {
    let node = Server::node(&[]);
    let script = r#"
const assert = require("assert");
const Redis = require("ioredis");
(async () => {
  const r = new Redis(Number(process.env.PORT), "127.0.0.1", { connectionName: "js" });
  assert.equal(await r.set("k", "v"), "OK");
  assert.equal(await r.get("k"), "v");
  assert.equal(await r.get("none"), null);
  const p = r.pipeline();
  for (let n = 0; n < 100; n++) p.set("p" + n, n);
  assert((await p.exec()).every(([e, v]) => e === null && v === "OK"));
  assert.deepEqual(await r.multi().incr("n").mget("k", "none").exec(), [[null, 1], [null, ["v", null]]]);
  const keys = new Set();
  for await (const page of r.scanStream({ match: "p*", count: 9 })) page.forEach((key) => keys.add(key));
  assert.equal(keys.size, 100);
  await assert.rejects(r.call("NOPE"), /unknown command/);
  assert((await r.info()).includes("redis_version:7.0"));
  const big = Buffer.alloc(300000, 255);
  await r.set("b", big);
  assert(big.equals(await r.getBuffer("b")));
  assert.equal(await r.client("GETNAME"), "js");
  r.disconnect();
})().catch((e) => { console.error(e); process.exit(1); });
"#;
    run("node", &node, "require('ioredis')", script);
}
