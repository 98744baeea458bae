//! When a collection is compact, and when it is not any more.

/// Thresholds of the compact encodings: what OBJECT ENCODING depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Encodings {
    /// `hash-max-listpack-entries`: most fields of a compact hash.
    pub hash_max_listpack_entries: u64,
    /// `hash-max-listpack-value`: longest value of a compact hash.
    pub hash_max_listpack_value: u64,
    /// `list-max-listpack-size`: elements of a list node, or -1 to -5 for 4 to 64 KiB.
    pub list_max_listpack_size: i64,
    /// `list-compress-depth`: nodes at each end of a list that stay uncompressed, 0 for all.
    pub list_compress_depth: u32,
    /// `set-max-intset-entries`: most members of a set of integers.
    pub set_max_intset_entries: u64,
    /// `zset-max-listpack-entries`: most members of a compact sorted set.
    pub zset_max_listpack_entries: u64,
    /// `zset-max-listpack-value`: longest member of a compact sorted set.
    pub zset_max_listpack_value: u64,
    /// `hll-sparse-max-bytes`: largest sparse HyperLogLog.
    pub hll_sparse_max_bytes: u64,
    /// `stream-node-max-bytes`: largest node of a stream, 0 for no limit.
    pub stream_node_max_bytes: u64,
    /// `stream-node-max-entries`: most entries of a stream node, 0 for no limit.
    pub stream_node_max_entries: u64,
}

impl Encodings {
    /// What Redis 7.0 has unless redis.conf says otherwise.
    pub const REDIS: Self = Self {
        hash_max_listpack_entries: 512,
        hash_max_listpack_value: 64,
        list_max_listpack_size: -2,
        list_compress_depth: 0,
        set_max_intset_entries: 512,
        zset_max_listpack_entries: 128,
        zset_max_listpack_value: 64,
        hll_sparse_max_bytes: 3000,
        stream_node_max_bytes: 4096,
        stream_node_max_entries: 100,
    };
}
