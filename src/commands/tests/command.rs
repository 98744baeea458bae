//! COMMAND and the table behind it.
