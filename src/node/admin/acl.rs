//! ACL, as far as it asks for the node's password or for luck.

use super::debug::hex;
use crate::commands::{CmdError, CmdResult, DEFAULT_USER, ONLY_DEFAULT, wrong_acl_words};
use crate::node::config::sha256;
use crate::node::node::Node;
use crate::protocol::{Args, Replies, strict_i64};

/// Longest password that ACL GENPASS makes up.
const GENPASS_MAX_BITS: i64 = 4096;

impl Node {
    /// SHA-256 of `requirepass`, which is the password of the default user.
    fn password_hash(&self) -> Option<String> {
        self.config.requirepass.as_deref().map(sha256)
    }

    /// `ACL LIST`. O(1).
    pub(in crate::node) fn acl_list(&self, out: &mut Replies) {
        let password = self.password_hash().map_or_else(|| "nopass".to_owned(), |hash| format!("#{hash}"));
        out.array(1);
        out.bulk(format!("user {DEFAULT_USER} on {password} ~* &* +@all").as_bytes());
    }

    /// `ACL GETUSER username`. O(1).
    pub(in crate::node) fn acl_getuser(&self, out: &mut Replies, name: &[u8]) {
        if name != DEFAULT_USER.as_bytes() {
            return out.null();
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
    }
}

/// `ACL GENPASS [bits]`: hexadecimal digits for at least that many bits. O(bits).
pub(in crate::node) fn genpass(out: &mut Replies, args: &Args<'_>) -> CmdResult {
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
    rand::fill(&mut bytes);
    out.bulk(&hex(&bytes).as_bytes()[..(bits as usize).div_ceil(4)]);
    Ok(())
}

/// `ACL SETUSER username [rule ...]`.
pub(in crate::node) fn setuser() -> CmdResult {
    Err(ONLY_DEFAULT)
}
