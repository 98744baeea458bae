//! CONFIG REWRITE: the values of now in the file of before, whose comments and order stay.
