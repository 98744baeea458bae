//! MIGRATE: keys move to another node, over a connection that is kept for a while for the next keys.
//!
//! As in Redis the whole node waits for the other one: nobody may change a key on its way, and it must be in one of
//! both places at any time. A key is deleted here only when the other node has said that it holds it.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use crate::commands::{ArgCursor, CmdError, CmdResult, Ctx, KeyspaceEvents};
use crate::node::clients::session::Session;
use crate::node::exec::flow::Flow;
use crate::node::node::Node;
use crate::persistence::dump_value;
use crate::protocol::{Args, strict_i64, write_request};

/// Time-out unless the request says more than zero.
const TIMEOUT_MS: i64 = 1000;
/// Longest answer that is read of the other node.
const ANSWER_MAX: u64 = 1024;
/// Connections that are kept at most, …
const KEPT_MAX: usize = 64;
/// … and for how long after they were used.
const KEPT_FOR: Duration = Duration::from_secs(10);

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
        let mut words = ArgCursor::new(args, 6);
        while words.has_more() {
            if words.flag("COPY") {
                options.copy = true;
            } else if words.flag("REPLACE") {
                options.replace = true;
            } else if let Some(login) = words.option::<1>("AUTH") {
                options.login = login.to_vec();
            } else if let Some(login) = words.option::<2>("AUTH2") {
                options.login = login.to_vec();
            } else if words.flag("KEYS") {
                if !args.get(3).is_empty() {
                    return Err(CmdError::text(
                        "ERR When using MIGRATE KEYS option, the key argument must be set to the empty string",
                    ));
                }
                options.keys = words.by_ref().collect();
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(options)
    }
}

/// A connection to the other node.
#[derive(Debug)]
struct Target {
    stream: BufReader<TcpStream>,
    /// The database that it has selected, as it was typed; `None` if that is not known.
    db: Option<Vec<u8>>,
    used: Instant,
}

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
        let _ = stream.set_nodelay(true);
        Ok(Self { stream: BufReader::new(stream), db: None, used: Instant::now() })
    }

    /// Sends a request and reads what comes back.
    fn exchange<'a>(&mut self, request: &Request<'a>, timeout: Duration) -> Exchange<'a> {
        let mut out = Exchange::default();
        let selects = self.db.as_deref() != Some(request.db);
        let mut bytes = Vec::new();
        let mut add = |parts: &[&[u8]]| write_request(parts, &mut |piece| bytes.extend_from_slice(piece));
        if !request.login.is_empty() {
            add(&[&[&b"AUTH"[..]], request.login].concat());
        }
        if selects {
            add(&[b"SELECT", request.db]);
        }
        bytes.extend_from_slice(request.restores);
        if let Err(error) = self.send(&bytes, timeout) {
            out.fail("writing to target instance", Some(&error));
            return out;
        }
        let answers_before_keys = usize::from(!request.login.is_empty()) + usize::from(selects);
        let mut is_in = true;
        for _ in 0..answers_before_keys {
            is_in &= self.hear(&mut out);
        }
        for key in request.keys {
            if self.hear(&mut out) && is_in {
                out.moved.push(*key);
            }
        }
        self.db = out.refusal.is_none().then(|| request.db.to_vec());
        self.used = Instant::now();
        out
    }

    fn send(&mut self, bytes: &[u8], timeout: Duration) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        stream.write_all(bytes)
    }

    /// Reads one answer, if none has failed to come yet; whether it is no error.
    fn hear(&mut self, out: &mut Exchange<'_>) -> bool {
        if out.fault.is_some() {
            return false;
        }
        let mut line = Vec::new();
        let read = self.stream.by_ref().take(ANSWER_MAX).read_until(b'\n', &mut line);
        if read.is_err() || !line.ends_with(b"\n") {
            out.fail("reading to target instance", read.err().as_ref());
            return false;
        }
        out.is_heard = true;
        if line.starts_with(b"-") {
            let text = String::from_utf8_lossy(&line[1..]).trim_end().to_owned();
            out.refusal.get_or_insert(text);
            return false;
        }
        true
    }
}

/// What is sent to the other node.
struct Request<'a> {
    login: &'a [&'a [u8]],
    db: &'a [u8],
    /// A RESTORE for each key, encoded.
    restores: &'a [u8],
    keys: &'a [&'a [u8]],
}

/// What came of it.
#[derive(Debug, Default)]
struct Exchange<'a> {
    /// Keys that the other node says it holds.
    moved: Vec<&'a [u8]>,
    /// Its first error.
    refusal: Option<String>,
    /// What failed of the connection.
    fault: Option<&'static str>,
    /// It has answered anything.
    is_heard: bool,
    /// It was there and said nothing for too long.
    is_late: bool,
}

impl Exchange<'_> {
    /// The connection fails, by this error or because the other node has closed it.
    fn fail(&mut self, what: &'static str, error: Option<&io::Error>) {
        self.fault = Some(what);
        let kind = error.map(io::Error::kind);
        self.is_late = matches!(kind, Some(io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut));
    }

    /// Whether the other node had closed the connection before.
    fn was_closed(&self) -> bool {
        self.fault.is_some() && !self.is_heard && !self.is_late
    }
}

/// Connections that may be used again, by host and port as they were typed.
#[derive(Debug, Default)]
pub(in crate::node) struct Targets(BTreeMap<Vec<u8>, Target>);

impl Targets {
    /// `migrate_cached_sockets` of INFO.
    pub(in crate::node) fn len(&self) -> usize {
        self.0.len()
    }

    /// Closes those that were not used of late.
    pub(in crate::node) fn close_idle(&mut self) {
        self.0.retain(|_, target| target.used.elapsed() < KEPT_FOR);
    }

    fn keep(&mut self, place: Vec<u8>, target: Target) {
        if self.0.len() >= KEPT_MAX {
            self.0.pop_first();
        }
        self.0.insert(place, target);
    }
}

impl Node {
    /// `MIGRATE`
    pub(super) fn migrate_command(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let mut targets = std::mem::take(&mut self.clients.migrate_targets);
        let compress = self.config.rdbcompression;
        let result = self.run_on_data(session, |ctx, args| migrate(ctx, args, compress, &mut targets), args);
        self.clients.migrate_targets = targets;
        result
    }
}

/// `MIGRATE host port key | "" destination-db timeout [COPY] [REPLACE] [AUTH password | AUTH2 username password]
/// [KEYS key [key ...]]`. O(bytes of the values), and the way to the other node and back.
///
/// # Errors
/// IOERR if the other node cannot be reached or does not answer in time; its own words if it refuses a key.
fn migrate(ctx: &mut Ctx<'_>, args: &Args<'_>, compress: bool, targets: &mut Targets) -> CmdResult {
    let options = Options::parse(args)?;
    let timeout = strict_i64(args.get(5)).ok_or(CmdError::NotAnInteger)?;
    strict_i64(args.get(4)).ok_or(CmdError::NotAnInteger)?;
    let timeout = Duration::from_millis(if timeout > 0 { timeout } else { TIMEOUT_MS } as u64);
    let (mut restores, mut keys) = (Vec::new(), Vec::new());
    for key in &options.keys {
        let Some(payload) = payload(ctx, key, compress)? else { continue };
        let (ttl, value) = payload;
        let restore: [&[u8]; 5] = [b"RESTORE", key, ttl.as_bytes(), &value, b"REPLACE"];
        let parts = if options.replace { &restore[..] } else { &restore[..4] };
        write_request(parts, &mut |piece| restores.extend_from_slice(piece));
        keys.push(*key);
    }
    if keys.is_empty() {
        ctx.out.simple("NOKEY");
        return Ok(());
    }
    let request = Request { login: &options.login, db: args.get(4), restores: &restores, keys: &keys };
    let place = [args.get(1), b":", args.get(2)].concat();
    let failed = |what: &str| CmdError::from(format!("IOERR error or timeout {what}"));
    let mut kept = targets.0.remove(&place);
    let mut done = kept.as_mut().map(|target| target.exchange(&request, timeout));
    if done.as_ref().is_none_or(Exchange::was_closed) {
        // The other node may have closed a connection that was kept: that says nothing of whether it is there.
        let target = Target::connect(args.get(1), args.get(2), timeout);
        let target = kept.insert(target.map_err(|error| failed(unconnected(&error)))?);
        done = Some(target.exchange(&request, timeout));
    }
    let Exchange { moved, refusal, fault, .. } = done.unwrap_or_default();
    if fault.is_none()
        && let Some(target) = kept
    {
        targets.keep(place, target);
    }
    if !options.copy {
        forget(ctx, &moved);
    }
    match (refusal, fault) {
        (Some(text), _) => Err(CmdError::from(format!("ERR Target instance replied with error: {text}"))),
        (None, Some(what)) => Err(failed(what)),
        (None, None) => {
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
