//! Tests of the window: by accessibility label, with models built by folding events.
#![cfg(test)]
#![allow(clippy::unwrap_used)]

mod bench;
mod cluster;
mod console;
mod faults;
mod frames;
mod icon;
mod keys;
mod nodes;
mod screens;
mod start;
mod story;
mod views;
