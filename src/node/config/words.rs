//! Parameters whose value is one of a few words.

use super::value::{Stored, Value};
use crate::node::LogLevel;

/// Declares an enum with the word of each variant, in the order in which Redis' error text lists them.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$about:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
        pub enum $name {
            $(#[doc = concat!("`", $word, "`.")] $(#[$about])* $variant,)+
        }

        impl $name {
            /// All words, in Redis' order.
            pub(super) const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word of redis.conf.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl Stored for $name {
            fn value(&self) -> Value {
                Value::Word(self.as_str())
            }

            fn store(&mut self, value: Value) {
                match value {
                    $(Value::Word($word) => *self = Self::$variant,)+
                    _ => unreachable!("the table gives this field another kind"),
                }
            }
        }
    };
}

words! {
    /// Who may do what `enable-*` guards.
    ProtectedAction {
        #[default]
        No = "no",
        Yes = "yes",
        Local = "local",
    }
}

words! {
    /// `repl-diskless-load`: when a replica parses a snapshot straight from the socket.
    DisklessLoad {
        #[default]
        Disabled = "disabled",
        OnEmptyDb = "on-empty-db",
        Swapdb = "swapdb",
    }
}

words! {
    /// `maxmemory-policy`: which keys are evicted at the limit.
    MaxmemoryPolicy {
        VolatileLru = "volatile-lru",
        VolatileLfu = "volatile-lfu",
        VolatileRandom = "volatile-random",
        VolatileTtl = "volatile-ttl",
        AllkeysLru = "allkeys-lru",
        AllkeysLfu = "allkeys-lfu",
        AllkeysRandom = "allkeys-random",
        #[default]
        NoEviction = "noeviction",
    }
}

words! {
    /// `appendfsync`: when the append-only file is flushed to disk.
    AppendFsync {
        #[default]
        EverySec = "everysec",
        Always = "always",
        No = "no",
    }
}

words! {
    /// `propagation-error-behavior`: what a command of a master's stream that fails here does to the server.
    PropagationErrorBehavior {
        #[default]
        Ignore = "ignore",
        Panic = "panic",
        PanicOnReplicas = "panic-on-replicas",
    }
}

/// `None` until somebody chooses, and shown as Redis' default even then.
impl Stored for Option<PropagationErrorBehavior> {
    fn value(&self) -> Value {
        self.unwrap_or_default().value()
    }

    fn store(&mut self, value: Value) {
        self.get_or_insert_default().store(value);
    }
}

/// The words of `loglevel`, in Redis' order.
pub(super) const LOG_LEVELS: &[&str] = &["debug", "verbose", "notice", "warning"];

impl Stored for LogLevel {
    fn value(&self) -> Value {
        Value::Word(LOG_LEVELS[*self as usize])
    }

    fn store(&mut self, value: Value) {
        *self = match value {
            Value::Word("debug") => Self::Debug,
            Value::Word("verbose") => Self::Verbose,
            Value::Word("notice") => Self::Notice,
            Value::Word("warning") => Self::Warning,
            _ => unreachable!("the table gives this field another kind"),
        };
    }
}
