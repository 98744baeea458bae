//! Tests of the window: by accessibility label, with models built by folding events.
