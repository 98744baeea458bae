//! What an allocation costs.
//!
//! The nodes of one process share one heap, so no allocator can tell them apart: each node adds up the size
//! classes of what it holds.

/// Bytes that the allocator sets aside for `bytes` bytes: mimalloc's size classes (8 bytes apart up to 64,
/// then four classes for each doubling).
pub fn allocated(bytes: usize) -> usize {
    if bytes <= 64 {
        return bytes.max(8).next_multiple_of(8);
    }
    let power_below = 1 << (bytes - 1).ilog2();
    bytes.next_multiple_of(power_below / 4)
}

#[test]
fn size_classes_are_mimallocs() {
    for (asked, class) in [(1, 8), (40, 40), (43, 48), (64, 64), (65, 80), (104, 112), (112, 112), (128, 128)]
    {
        assert_eq!(allocated(asked), class, "{asked} bytes");
    }
    assert_eq!(allocated(129), 160);
    assert_eq!(allocated(257), 320);
    assert_eq!(allocated(1024), 1024);
    assert_eq!(allocated(1025), 1280);
}
