//! What depends on the role of a node, on its settings, and on what it is told to note.
