//! Folding events and looking at what the model says.
