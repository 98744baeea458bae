//! Families of commands, as the reference has them.

/// Group of a command in the reference and in the console's help.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Any key.
    Generic,
    /// Strings.
    String,
    /// Lists.
    List,
    /// Sets.
    Set,
    /// Hashes.
    Hash,
    /// Sorted sets.
    SortedSet,
    /// Streams.
    Stream,
    /// Bits of strings.
    Bitmap,
    /// HyperLogLog.
    Hyperloglog,
    /// Places on earth, in sorted sets.
    Geo,
    /// Messages.
    Pubsub,
    /// AUTH, SELECT, CLIENT, …
    Connection,
    /// INFO, CONFIG, replication, …
    Server,
    /// MULTI, WATCH, …
    Transactions,
    /// Functions.
    Scripting,
    /// Nodes that share the keys among them.
    Cluster,
}

impl Group {
    /// Its name in COMMAND DOCS.
    pub fn name(self) -> &'static str {
        match self {
            Self::Generic => "generic",
            Self::String => "string",
            Self::List => "list",
            Self::Set => "set",
            Self::Hash => "hash",
            Self::SortedSet => "sorted-set",
            Self::Stream => "stream",
            Self::Bitmap => "bitmap",
            Self::Hyperloglog => "hyperloglog",
            Self::Geo => "geo",
            Self::Pubsub => "pubsub",
            Self::Connection => "connection",
            Self::Server => "server",
            Self::Transactions => "transactions",
            Self::Scripting => "scripting",
            Self::Cluster => "cluster",
        }
    }
}
