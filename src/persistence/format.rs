//! The numbers and names of the RDB format that writer and reader share.

/// Version that we write: that of Redis 7.0.
pub const VERSION_WRITTEN: u32 = 10;
/// Newest version that we read: that of Redis 7.2 and Valkey 8.
pub(super) const VERSION_NEWEST: u32 = 11;
/// From this version on, a checksum follows the end of the data.
pub(super) const VERSION_WITH_CHECKSUM: u32 = 5;

/// What stands where a key's type may stand, but is none.
pub(super) mod opcode {
    pub(crate) const SLOT_INFO: u8 = 244;
    pub(crate) const FUNCTION2: u8 = 245;
    pub(crate) const FUNCTION_PRE_GA: u8 = 246;
    pub(crate) const MODULE_AUX: u8 = 247;
    pub(crate) const IDLE: u8 = 248;
    pub(crate) const FREQ: u8 = 249;
    pub(crate) const AUX: u8 = 250;
    pub(crate) const RESIZEDB: u8 = 251;
    pub(crate) const EXPIRETIME_MS: u8 = 252;
    pub(crate) const EXPIRETIME: u8 = 253;
    pub(crate) const SELECTDB: u8 = 254;
    pub(crate) const EOF: u8 = 255;
}

/// First byte of a length.
pub(super) mod length {
    /// The two bits that tell a length of 6, 14 or more bits, or a string that is no plain one.
    pub(crate) const KIND: u8 = 0b1100_0000;
    pub(crate) const BITS_14: u8 = 0b0100_0000;
    pub(crate) const BITS_32: u8 = 0x80;
    pub(crate) const BITS_64: u8 = 0x81;
    pub(crate) const ENCODED: u8 = 0b1100_0000;
    pub(crate) const INT8: u8 = 0b1100_0000;
    pub(crate) const INT16: u8 = 0b1100_0001;
    pub(crate) const INT32: u8 = 0b1100_0010;
    pub(crate) const LZF: u8 = 0b1100_0011;
}

/// The type byte of a string.
pub(super) const TYPE_STRING: u8 = 0;

/// What TYPE would call the value behind a type byte; `None` for a byte that is no type.
pub(super) fn type_name(id: u8) -> Option<&'static str> {
    Some(match id {
        TYPE_STRING => "string",
        1 | 10 | 14 | 18 => "list",
        2 | 11 | 20 => "set",
        3 | 5 | 12 | 17 => "zset",
        4 | 9 | 13 | 16 | 22..=25 => "hash",
        15 | 19 | 21 => "stream",
        6 | 7 => "module value",
        _ => return None,
    })
}
