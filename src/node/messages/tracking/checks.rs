//! What CLIENT TRACKING and CLIENT CACHING may ask for beside what was asked before, and what CLIENT TRACKINGINFO tells.

use crate::commands::{CmdError, CmdResult};
use crate::node::clients::client::Tracking;
use crate::node::clients::session::Session;
use crate::node::exec::flow::Flow;
use crate::node::node::Node;
use crate::protocol::Args;

pub(super) fn check_tracking(
    wanted: &Tracking,
    before: Option<&Tracking>,
    prefixes: &[Vec<u8>],
) -> CmdResult {
    let refuse = |text| Err(CmdError::text(text));
    if !wanted.bcast && !prefixes.is_empty() {
        return refuse("ERR PREFIX option requires BCAST mode to be enabled");
    }
    if before.is_some_and(|before| before.bcast != wanted.bcast) {
        return refuse(
            "ERR You can't switch BCAST mode on/off before disabling tracking for this client, and then re-enabling \
             it with a different mode.",
        );
    }
    if wanted.bcast && (wanted.optin || wanted.optout) {
        return refuse("ERR OPTIN and OPTOUT are not compatible with BCAST");
    }
    if wanted.optin && wanted.optout {
        return refuse("ERR You can't specify both OPTIN mode and OPTOUT mode");
    }
    if before.is_some_and(|before| (wanted.optin && before.optout) || (wanted.optout && before.optin)) {
        return refuse(
            "ERR You can't switch OPTIN/OPTOUT mode before disabling tracking for this client, and then re-enabling \
             it with a different mode.",
        );
    }
    if wanted.bcast { check_overlaps(before, prefixes) } else { Ok(()) }
}

fn check_overlaps(before: Option<&Tracking>, prefixes: &[Vec<u8>]) -> CmdResult {
    let overlap = |a: &[u8], b: &[u8]| a.starts_with(b) || b.starts_with(a);
    let refuse = |prefix: &[u8], what: &str, other: &[u8]| {
        let mut line = b"ERR Prefix '".to_vec();
        line.extend_from_slice(prefix);
        line.extend_from_slice(b"' overlaps with ");
        line.extend_from_slice(what.as_bytes());
        line.extend_from_slice(b" '");
        line.extend_from_slice(other);
        line.extend_from_slice(b"'. Prefixes for a single client must not overlap.");
        Err(CmdError::Raw(line))
    };
    for (at, prefix) in prefixes.iter().enumerate() {
        let known = before.into_iter().flat_map(|own| &own.prefixes);
        if let Some(known) = known.into_iter().find(|known| overlap(known, prefix)) {
            return refuse(prefix, "an existing prefix", known);
        }
        if let Some(other) = prefixes[at + 1..].iter().find(|other| overlap(prefix, other)) {
            return refuse(prefix, "another provided prefix", other);
        }
    }
    Ok(())
}

/// CLIENT CACHING
pub(in crate::node) fn client_caching(
    _: &mut Node,
    session: &mut Session,
    args: &Args<'_>,
) -> CmdResult<Flow> {
    let mut tracking = session.client.tracking.borrow_mut();
    let Some(own) = &mut *tracking else {
        return Err(CmdError::text(
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode \
             enabled",
        ));
    };
    if args.is(2, "yes") {
        if !own.optin {
            return Err(CmdError::text(
                "ERR CLIENT CACHING YES is only valid when tracking is enabled in OPTIN mode.",
            ));
        }
    } else if args.is(2, "no") {
        if !own.optout {
            return Err(CmdError::text(
                "ERR CLIENT CACHING NO is only valid when tracking is enabled in OPTOUT mode.",
            ));
        }
    } else {
        return Err(CmdError::Syntax);
    }
    own.caching = true;
    session.out.ok();
    Ok(Flow::Next)
}

/// CLIENT GETREDIR
pub(in crate::node) fn client_getredir(_: &mut Node, session: &mut Session, _: &Args<'_>) -> CmdResult<Flow> {
    let redirect = session.client.tracking.borrow().as_ref().map(|own| own.redirect as i64);
    session.out.integer(redirect.unwrap_or(-1));
    Ok(Flow::Next)
}

/// CLIENT TRACKINGINFO
pub(in crate::node) fn client_trackinginfo(
    _: &mut Node,
    session: &mut Session,
    _: &Args<'_>,
) -> CmdResult<Flow> {
    let tracking = session.client.tracking.borrow();
    let out = &mut session.out;
    let mut flags = vec![if tracking.is_some() { "on" } else { "off" }];
    if let Some(own) = &*tracking {
        let words = [
            (own.bcast, "bcast"),
            (own.optin, "optin"),
            (own.optin && own.caching, "caching-yes"),
            (own.optout, "optout"),
            (own.optout && own.caching, "caching-no"),
            (own.noloop, "noloop"),
            (own.broken_redirect, "broken_redirect"),
        ];
        flags.extend(words.into_iter().filter(|(set, _)| *set).map(|(_, word)| word));
    }
    out.map(3);
    out.bulk(b"flags");
    out.set(flags.len());
    for flag in &flags {
        out.bulk(flag.as_bytes());
    }
    out.bulk(b"redirect");
    out.integer(tracking.as_ref().map_or(-1, |own| own.redirect as i64));
    out.bulk(b"prefixes");
    let prefixes: Vec<&[u8]> =
        tracking.iter().flat_map(|own| own.prefixes.iter().map(Vec::as_slice)).collect();
    out.bulks(prefixes.into_iter());
    Ok(Flow::Next)
}
