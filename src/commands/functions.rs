//! FUNCTION: libraries are kept with the data and go to replicas and files, but nothing here can run them.
//!
//! So a client cannot load one. What a master's stream or an append-only file loads was checked by a node that could.

use super::glob::{Case, matches};
use super::{ArgCursor, CmdError, CmdResult, Ctx, ExpiryMode};
use crate::protocol::Args;
use crate::store::Library;

/// Whether the libraries come from where they were checked.
pub(crate) fn check_source(ctx: &Ctx<'_>, library: &Library) -> CmdResult {
    if ctx.expiry == ExpiryMode::Visible {
        return Ok(());
    }
    Err(CmdError::from(format!("ERR Engine '{}' not found", library.engine())))
}

/// `FUNCTION LOAD [REPLACE] function-code`. O(bytes).
pub(super) fn load(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let replace = args.len() > 3 && args.is(2, "REPLACE");
    match args.len() - usize::from(replace) {
        3 => {}
        2 => return Err(CmdError::text("ERR Function code is missing")),
        _ => {
            let option = String::from_utf8_lossy(args.get(2 + usize::from(replace)));
            return Err(CmdError::from(format!("ERR Unknown option given: {option}")));
        }
    }
    let library =
        Library::new(args.get(args.len() - 1)).map_err(|why| CmdError::from(format!("ERR {why}")))?;
    check_source(ctx, &library)?;
    if !replace && ctx.store.libraries.has(library.name()) {
        return Err(CmdError::from(format!("ERR Library '{}' already exists", library.name())));
    }
    ctx.out.bulk(library.name().as_bytes());
    ctx.store.libraries.put(library);
    ctx.effects.dirty += 1;
    Ok(())
}

/// `FUNCTION FLUSH [ASYNC | SYNC]`. Replicas hear of it: theirs may be of another kind. O(1).
pub(super) fn flush(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let known = args.len() == 2 || (args.len() == 3 && (args.is(2, "ASYNC") || args.is(2, "SYNC")));
    if !known {
        return Err(CmdError::text("ERR FUNCTION FLUSH only supports SYNC|ASYNC option"));
    }
    ctx.store.libraries.clear();
    ctx.effects.dirty += 1;
    ctx.out.ok();
    Ok(())
}

/// `FUNCTION DELETE library-name`. O(libraries).
pub(super) fn delete(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let name = std::str::from_utf8(args.get(2)).unwrap_or_default();
    if !ctx.store.libraries.remove(name) {
        return Err(CmdError::text("ERR Library not found"));
    }
    ctx.effects.dirty += 1;
    ctx.out.ok();
    Ok(())
}

/// `FUNCTION LIST [LIBRARYNAME library-name-pattern] [WITHCODE]`. O(libraries, and their bytes WITHCODE).
///
/// Which functions a library has is known to those alone who run it: that list is empty here.
pub(super) fn list(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    let (mut words, mut with_code, mut pattern) = (ArgCursor::new(args, 2), false, None);
    while words.has_more() {
        if !with_code && words.flag("WITHCODE") {
            with_code = true;
        } else if pattern.is_none() && words.flag("LIBRARYNAME") {
            let name = words.next().ok_or(CmdError::text("ERR library name argument was not given"))?;
            pattern = Some(name);
        } else {
            let word = String::from_utf8_lossy(words.peek());
            return Err(CmdError::from(format!("ERR Unknown argument {word}")));
        }
    }
    let fits = |library: &&Library| {
        pattern.is_none_or(|pattern| matches(pattern, library.name().as_bytes(), Case::Sensitive))
    };
    let found: Vec<&Library> = ctx.store.libraries.iter().filter(fits).collect();
    ctx.out.array(found.len());
    for library in found {
        ctx.out.map(if with_code { 4 } else { 3 });
        ctx.out.bulk(b"library_name");
        ctx.out.bulk(library.name().as_bytes());
        ctx.out.bulk(b"engine");
        ctx.out.bulk(library.engine().to_uppercase().as_bytes());
        ctx.out.bulk(b"functions");
        ctx.out.set(0);
        if with_code {
            ctx.out.bulk(b"library_code");
            ctx.out.bulk(library.code());
        }
    }
    Ok(())
}

/// `FUNCTION KILL`: nothing runs. O(1).
pub(super) fn kill(_: &mut Ctx<'_>, _: &Args<'_>) -> CmdResult {
    Err(CmdError::text("NOTBUSY No scripts in execution right now."))
}

/// `FUNCTION STATS`: nothing runs, and only libraries can be counted. O(1).
pub(super) fn stats(ctx: &mut Ctx<'_>, _: &Args<'_>) -> CmdResult {
    ctx.out.map(2);
    ctx.out.bulk(b"running_script");
    ctx.out.null();
    ctx.out.bulk(b"engines");
    ctx.out.map(1);
    ctx.out.bulk(b"LUA");
    ctx.out.map(2);
    ctx.out.bulk(b"libraries_count");
    ctx.out.integer(ctx.store.libraries.len() as i64);
    ctx.out.bulk(b"functions_count");
    ctx.out.integer(0);
    Ok(())
}
