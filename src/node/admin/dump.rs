//! DUMP and RESTORE: values as bytes. They work on the data set as data commands do, but need the format of snapshots,
//! which the commands' layer must not know.

use crate::commands::{
    Access, ArgCursor, CmdError, CmdResult, Ctx, ExpiryMode, KeyspaceEvents, NodeCommand as N,
};
use crate::commands::{check_source, lru_clock, minutes};
use crate::node::clients::session::Session;
use crate::node::exec::flow::{Flow, Handlers};
use crate::node::node::Node;
use crate::persistence::{Restoring, dump_libraries, dump_value, restore_libraries, restore_value};
use crate::protocol::{Args, strict_i64};
use crate::store::{Entry, Libraries, Millis};

/// How a command that works on the data set runs.
pub(super) type DataRun = fn(&mut Ctx<'_>, &Args<'_>) -> CmdResult;

/// What runs a command of the node that works on the data set alone, as the stream of a master brings it.
pub(in crate::node) fn data_run(command: N) -> Option<DataRun> {
    match command {
        N::Dump => Some(|ctx, args| dump(ctx, args, false)),
        N::FunctionDump => Some(function_dump),
        N::FunctionRestore => Some(function_restore),
        N::Restore => Some(restore),
        _ => None,
    }
}

pub(super) const HANDLERS: Handlers = &[
    (N::Dump, |node, session, args| {
        let compress = node.config.rdbcompression;
        node.run_on_data(session, |ctx, args| dump(ctx, args, compress), args)
    }),
    (N::FunctionDump, |node, session, args| node.run_on_data(session, function_dump, args)),
    (N::FunctionRestore, |node, session, args| node.run_on_data(session, function_restore, args)),
    (N::Restore, |node, session, args| node.run_on_data(session, restore, args)),
];

impl Node {
    /// Runs a command of the node that works on the data set alone, as a data command.
    pub(super) fn run_on_data(
        &mut self,
        session: &mut Session,
        run: impl FnOnce(&mut Ctx<'_>, &Args<'_>) -> CmdResult,
        args: &Args<'_>,
    ) -> CmdResult<Flow> {
        self.data.effects.clear();
        let mut ctx = self.ctx(session.db, &mut session.out);
        let result = run(&mut ctx, args);
        if self.data.effects.has_any() {
            self.after_write(session, args);
        }
        result.map(|()| Flow::Next)
    }
}

/// `DUMP key`. O(bytes of the value).
fn dump(ctx: &mut Ctx<'_>, args: &Args<'_>, compress: bool) -> CmdResult {
    let payload = match ctx.read(args.get(1)) {
        None => None,
        Some(entry) => Some(
            dump_value(entry.value(), compress).map_err(|error| CmdError::from(format!("ERR {error}")))?,
        ),
    };
    ctx.out.bulk_or_null(payload.as_deref());
    Ok(())
}

/// `FUNCTION DUMP`. O(bytes of the libraries).
fn function_dump(ctx: &mut Ctx<'_>, _: &Args<'_>) -> CmdResult {
    let payload =
        dump_libraries(&ctx.store.libraries).map_err(|error| CmdError::from(format!("ERR {error}")))?;
    ctx.out.bulk(&payload);
    Ok(())
}

/// `FUNCTION RESTORE serialized-value [FLUSH | APPEND | REPLACE]`: all of the libraries or none. O(bytes).
fn function_restore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let policy = if args.len() > 3 { args.get(3).to_ascii_uppercase() } else { b"APPEND".to_vec() };
    if args.len() > 4 || !matches!(&policy[..], b"FLUSH" | b"APPEND" | b"REPLACE") {
        return Err(CmdError::text(
            "ERR Wrong restore policy given, value should be either FLUSH, APPEND or REPLACE.",
        ));
    }
    let restored = restore_libraries(args.get(2), restoring(ctx))
        .map_err(|error| CmdError::from(format!("ERR {error}")))?;
    let mut libraries = if policy == b"FLUSH" { Libraries::default() } else { ctx.store.libraries.clone() };
    for library in restored {
        check_source(ctx, &library)?;
        if policy != b"REPLACE" && libraries.has(library.name()) {
            return Err(CmdError::from(format!("ERR Library {} already exists", library.name())));
        }
        libraries.put(library);
    }
    ctx.store.libraries = libraries;
    ctx.effects.dirty += 1;
    ctx.out.ok();
    Ok(())
}

fn restoring(ctx: &Ctx<'_>) -> Restoring {
    Restoring { max_string: ctx.max_string as u64, verify_checksum: ctx.verify_checksum }
}

/// The options of RESTORE.
#[derive(Debug, Default)]
struct Options {
    replace: bool,
    absolute: bool,
    idle: Option<u32>,
    frequency: Option<u8>,
}

impl Options {
    fn parse(args: &Args<'_>) -> CmdResult<Self> {
        let mut options = Self::default();
        let mut words = ArgCursor::new(args, 4);
        while words.has_more() {
            if words.flag("REPLACE") {
                options.replace = true;
            } else if words.flag("ABSTTL") {
                options.absolute = true;
            } else if options.frequency.is_none()
                && let Some(idle) = words.integer("IDLETIME")?
            {
                let idle = u64::try_from(idle)
                    .map_err(|_| CmdError::text("ERR Invalid IDLETIME value, must be >= 0"))?;
                options.idle = Some(idle.min(0xFF_FFFF) as u32);
            } else if options.idle.is_none()
                && let Some(frequency) = words.integer("FREQ")?
            {
                let frequency = u8::try_from(frequency)
                    .map_err(|_| CmdError::text("ERR Invalid FREQ value, must be >= 0 and <= 255"))?;
                options.frequency = Some(frequency);
            } else {
                return Err(CmdError::Syntax);
            }
        }
        Ok(options)
    }

    /// What the access field of the key begins with.
    fn access(&self, ctx: &Ctx<'_>) -> u32 {
        match (ctx.access, self.idle, self.frequency) {
            (Access::Lru, Some(idle), _) => lru_clock(ctx.now).wrapping_sub(idle) & 0xFF_FFFF,
            (Access::Lfu, _, Some(frequency)) => minutes(ctx.now) << 8 | u32::from(frequency),
            _ => ctx.fresh_access(),
        }
    }
}

/// `RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]`. O(bytes of the value).
fn restore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let options = Options::parse(args)?;
    let key = args.get(1);
    let hash = ctx.hash(key);
    if !options.replace {
        ctx.clear_expired(ctx.db, hash, key);
        if ctx.keyspace().get(hash, key).is_some() {
            return Err(CmdError::text("BUSYKEY Target key name already exists."));
        }
    }
    let ttl = strict_i64(args.get(2)).ok_or(CmdError::NotAnInteger)?;
    if ttl < 0 {
        return Err(CmdError::text("ERR Invalid TTL value, must be >= 0"));
    }
    let value = restore_value(args.get(3), restoring(ctx), ctx.encodings)
        .map_err(|error| CmdError::from(format!("ERR {error}")))?;
    let existed = options.replace && ctx.delete(ctx.db, hash, key);
    let base = if options.absolute { 0 } else { ctx.now };
    let expire = (ttl > 0).then(|| ttl.saturating_add(base));
    ctx.out.ok();
    if ctx.expiry == ExpiryMode::Delete && expire.is_some_and(|at| at <= ctx.now) {
        if existed {
            ctx.changed(key);
            ctx.propagate(&[b"DEL", key]);
            ctx.notify(KeyspaceEvents::GENERIC, "del", key);
        }
        return Ok(());
    }
    let access = options.access(ctx);
    ctx.keyspace_mut().put(hash, key, Entry { value, expire }, access);
    ctx.note_new(key);
    ctx.changed(key);
    ctx.notify(KeyspaceEvents::GENERIC, "restore", key);
    if let Some(at) = expire.filter(|_| !options.absolute) {
        propagate_absolute(ctx, args, at);
    }
    Ok(())
}

/// A replica may apply it much later: it gets a point in time.
fn propagate_absolute(ctx: &mut Ctx<'_>, args: &Args<'_>, at: Millis) {
    let mut digits = itoa::Buffer::new();
    let mut parts: Vec<&[u8]> = args.from(0).collect();
    parts[2] = digits.format(at).as_bytes();
    parts.push(b"ABSTTL");
    ctx.propagate(&parts);
}
