//! ACL, as far as it asks for the node's password or for luck.

use super::debug::hex;
use crate::commands::{CmdError, CmdResult, DEFAULT_USER, NodeCommand as N, ONLY_DEFAULT, wrong_acl_words};
use crate::node::clients::session::Session;
use crate::node::config::sha256;
use crate::node::exec::flow::{Flow, Handlers};
use crate::node::node::Node;
use crate::protocol::{Args, strict_i64};

/// Longest password that ACL GENPASS makes up.
const GENPASS_MAX_BITS: i64 = 4096;

pub(super) const HANDLERS: Handlers = &[
    (N::AclGenpass, genpass),
    (N::AclGetuser, Node::acl_getuser),
    (N::AclList, Node::acl_list),
    (N::AclSetuser, |_, _, _| Err(ONLY_DEFAULT)),
];

impl Node {
    /// SHA-256 of `requirepass`, which is the password of the default user.
    fn password_hash(&self) -> Option<String> {
        self.config.requirepass.as_deref().map(sha256)
    }

    /// `ACL LIST`. O(1).
    fn acl_list(&mut self, session: &mut Session, _: &Args<'_>) -> CmdResult<Flow> {
        let out = &mut session.out;
        let password = self.password_hash().map_or_else(|| "nopass".to_owned(), |hash| format!("#{hash}"));
        out.array(1);
        out.bulk(format!("user {DEFAULT_USER} on {password} ~* &* +@all").as_bytes());
        Ok(Flow::Next)
    }

    /// `ACL GETUSER username`. O(1).
    fn acl_getuser(&mut self, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
        let out = &mut session.out;
        if args.get(2) != DEFAULT_USER.as_bytes() {
            out.null();
            return Ok(Flow::Next);
        }
        let password = self.password_hash();
        out.map(6);
        out.bulk(b"flags");
        out.set(1 + usize::from(password.is_none()));
        out.bulk(b"on");
        if password.is_none() {
            out.bulk(b"nopass");
        }
        out.bulk(b"passwords");
        out.bulks(password.iter().map(String::as_bytes));
        for (name, value) in [("commands", "+@all"), ("keys", "~*"), ("channels", "&*")] {
            out.bulk(name.as_bytes());
            out.bulk(value.as_bytes());
        }
        out.bulk(b"selectors");
        out.array(0);
        Ok(Flow::Next)
    }
}

/// `ACL GENPASS [bits]`: hexadecimal digits for at least that many bits. O(bits).
fn genpass(_: &mut Node, session: &mut Session, args: &Args<'_>) -> CmdResult<Flow> {
    let bits = match args.len() {
        2 => 256,
        3 => strict_i64(args.get(2)).ok_or(CmdError::NotAnInteger)?,
        _ => return Err(wrong_acl_words(args)),
    };
    if !(1..=GENPASS_MAX_BITS).contains(&bits) {
        return Err(CmdError::text(
            "ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up to \
             4096",
        ));
    }
    let mut bytes = [0; GENPASS_MAX_BITS as usize / 8];
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|error| CmdError::from(format!("ERR the system gives no random numbers: {error}")))?;
    session.out.bulk(&hex(&bytes).as_bytes()[..(bits as usize).div_ceil(4)]);
    Ok(Flow::Next)
}
