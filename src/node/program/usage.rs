//! What a server says of itself instead of starting: its version, how it is called.

use std::io::Write as _;
use std::process::ExitCode;

use super::process::fail;
use crate::node::config::REDIS_VERSION;

const USAGE: &str = "\
Usage: repliscope server [redis.conf] [--name value ...] [-]

  redis.conf         a configuration file; without one, Redis' defaults
  --name value ...   any directive of such a file; it overrides the file
  -                  first or last: more lines of such a file come over standard input
  -v, --version      the version of Redis that this server stands for
  -h, --help         this text
  --check-system     whether the system fits

  repliscope server --port 7777 --replicaof 127.0.0.1 8888
  echo 'maxmemory 128mb' | repliscope server -";

/// Answers the first argument if it asks a question; statuses as in Redis.
pub(super) fn answer(args: &[String]) -> Option<ExitCode> {
    Some(match args.first()?.as_str() {
        "-v" | "--version" => {
            // Who starts servers looks for `v=` and a number.
            let bits = usize::BITS;
            say(&format!("Redis server v={REDIS_VERSION} sha=00000000:0 malloc=mimalloc bits={bits} build=0"))
        }
        "-h" | "--help" => fail(USAGE),
        "--check-system" => {
            say("This server does not fork: neither overcommit nor huge pages need another setting.")
        }
        "--test-memory" => {
            fail("There is no test of memory here: memtester and memtest86+ are made for that.")
        }
        _ => return None,
    })
}

fn say(text: &str) -> ExitCode {
    let _ = writeln!(std::io::stdout(), "{text}");
    ExitCode::SUCCESS
}
