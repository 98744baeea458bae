//! Texts as C reads them.

/// The text up to its first NUL, which ends it where Redis prints or reads it as a C string.
pub(super) fn until_nul(text: &[u8]) -> &[u8] {
    text.split(|byte| *byte == 0).next().unwrap_or(text)
}
