//! MIGRATE: keys move to another node, over a connection that lasts as long as the command.
//!
//! As in Redis the whole node waits for the other one: nobody may change a key on its way, and it must be in one of
//! both places at any time. A key is deleted here only when the other node has said that it holds it.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use crate::commands::{CmdError, CmdResult, Ctx, KeyspaceEvents};
use crate::persistence::dump_value;
use crate::protocol::{Args, strict_i64, write_request};

/// Time-out unless the request says more than zero.
const TIMEOUT_MS: i64 = 1000;
/// Longest answer that is read of the other node.
const ANSWER_MAX: u64 = 1024;

/// What a request asks for beside the place to go to.
#[derive(Debug, Default)]
struct Options<'a> {
    copy: bool,
    replace: bool,
    /// What AUTH sends: a password, or a name before it.
    login: Vec<&'a [u8]>,
    keys: Vec<&'a [u8]>,
}

impl<'a> Options<'a> {
    fn parse(args: &Args<'a>) -> CmdResult<Self> {
        let mut options = Self { keys: vec![args.get(3)], ..Self::default() };
        let mut at = 6;
        while at < args.len() {
            let left = args.len() - at - 1;
            if args.is(at, "COPY") {
                options.copy = true;
            } else if args.is(at, "REPLACE") {
                options.replace = true;
            } else if args.is(at, "AUTH") && left >= 1 {
                options.login = vec![args.get(at + 1)];
                at += 1;
            } else if args.is(at, "AUTH2") && left >= 2 {
                options.login = vec![args.get(at + 1), args.get(at + 2)];
                at += 2;
            } else if args.is(at, "KEYS") {
                if !args.get(3).is_empty() {
                    return Err(CmdError::text(
                        "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
                    ));
                }
                options.keys = args.from(at + 1).collect();
                break;
            } else {
                return Err(CmdError::Syntax);
            }
            at += 1;
        }
        Ok(options)
    }
}

/// The other node.
struct Target(BufReader<TcpStream>);

impl Target {
    fn connect(host: &[u8], port: &[u8], timeout: Duration) -> io::Result<Self> {
        let host = std::str::from_utf8(host).map_err(io::Error::other)?;
        // Nobody listens at a port that is none.
        let port = strict_i64(port).and_then(|port| u16::try_from(port).ok()).unwrap_or(0);
        let mut connected = Err(io::Error::other("the name has no address"));
        for address in (host, port).to_socket_addrs()? {
            connected = TcpStream::connect_timeout(&address, timeout);
            if connected.is_ok() {
                break;
            }
        }
        let stream = connected?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        let _ = stream.set_nodelay(true);
        Ok(Self(BufReader::new(stream)))
    }

    /// The next answer, one line without its end; `None` if none comes.
    fn answer(&mut self) -> Option<String> {
        let mut line = Vec::new();
        self.0.by_ref().take(ANSWER_MAX).read_until(b'\n', &mut line).ok()?;
        line.ends_with(b"\n").then(|| String::from_utf8_lossy(&line).trim_end().to_owned())
    }
}

/// `MIGRATE host port key | "" destination-db timeout [COPY] [REPLACE] [AUTH password | AUTH2 username password]
/// [KEYS key [key ...]]`. O(bytes of the values), and the way to the other node and back.
///
/// # Errors
/// IOERR if the other node cannot be reached or does not answer in time; its own words if it refuses a key.
pub(super) fn migrate(ctx: &mut Ctx<'_>, args: &Args<'_>, compress: bool) -> CmdResult {
    let options = Options::parse(args)?;
    let timeout = strict_i64(args.get(5)).ok_or(CmdError::NotAnInteger)?;
    strict_i64(args.get(4)).ok_or(CmdError::NotAnInteger)?;
    let timeout = if timeout > 0 { timeout } else { TIMEOUT_MS };
    let mut request = Vec::new();
    let mut add = |parts: &[&[u8]]| write_request(parts, &mut |piece| request.extend_from_slice(piece));
    if !options.login.is_empty() {
        add(&[&[&b"AUTH"[..]], &options.login[..]].concat());
    }
    add(&[b"SELECT", args.get(4)]);
    let mut keys = Vec::new();
    for key in &options.keys {
        let Some(payload) = payload(ctx, key, compress)? else { continue };
        let (ttl, value) = payload;
        let restore: [&[u8]; 5] = [b"RESTORE", key, ttl.as_bytes(), &value, b"REPLACE"];
        add(if options.replace { &restore } else { &restore[..4] });
        keys.push(*key);
    }
    if keys.is_empty() {
        ctx.out.simple("NOKEY");
        return Ok(());
    }
    let failed = |what: &str| CmdError::from(format!("IOERR error or timeout {what}"));
    let target = Target::connect(args.get(1), args.get(2), Duration::from_millis(timeout as u64));
    let mut target = target.map_err(|error| failed(unconnected(&error)))?;
    target.0.get_mut().write_all(&request).map_err(|_| failed("writing to target instance"))?;

    let mut refusal = None;
    let mut note = |answer: &str| match answer.strip_prefix('-') {
        Some(text) => {
            refusal.get_or_insert_with(|| text.to_owned());
            false
        }
        None => true,
    };
    let no_answer = || failed("reading to target instance");
    let mut is_in = true;
    let answers_before_keys = if options.login.is_empty() { 1 } else { 2 };
    for _ in 0..answers_before_keys {
        is_in &= note(&target.answer().ok_or_else(no_answer)?);
    }
    let mut moved = Vec::new();
    let mut is_heard = true;
    for key in keys {
        let Some(answer) = target.answer() else {
            is_heard = false;
            break;
        };
        if note(&answer) && is_in {
            moved.push(key);
        }
    }
    if !options.copy {
        forget(ctx, &moved);
    }
    match refusal {
        Some(text) => Err(CmdError::from(format!("ERR Target instance replied with error: {text}"))),
        None if !is_heard => Err(no_answer()),
        None => {
            ctx.out.ok();
            Ok(())
        }
    }
}

/// What was under way when the other node could not be reached. Redis hears of a refusal, which comes later, when it
/// writes.
fn unconnected(error: &io::Error) -> &'static str {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused | Kind::ConnectionReset | Kind::HostUnreachable | Kind::AddrNotAvailable => {
            "writing to target instance"
        }
        _ => "connecting to the client",
    }
}

/// Time to live and value of a key as RESTORE takes them; `None` if there is no such key.
fn payload(ctx: &mut Ctx<'_>, key: &[u8], compress: bool) -> CmdResult<Option<(String, Vec<u8>)>> {
    let now = ctx.now;
    let Some(entry) = ctx.read(key) else { return Ok(None) };
    let ttl = entry.expire().map_or(0, |at| (at - now).max(1));
    let value =
        dump_value(entry.value(), compress).map_err(|error| CmdError::from(format!("ERR {error}")))?;
    Ok(Some((ttl.to_string(), value)))
}

/// Deletes what the other node holds now; replicas hear of a DEL.
fn forget(ctx: &mut Ctx<'_>, moved: &[&[u8]]) {
    if moved.is_empty() {
        return;
    }
    for key in moved {
        let hash = ctx.hash(key);
        ctx.delete(ctx.db, hash, key);
        ctx.changed(key);
        ctx.notify(KeyspaceEvents::GENERIC, "del", key);
    }
    ctx.propagate(&[&[&b"DEL"[..]], moved].concat());
}
