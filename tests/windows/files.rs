//! The two program files: what Windows reads from them before it runs anything.

use std::fs;

use super::windows;

/// Subsystems of the PE format.
const WINDOW: u16 = 2;
const CONSOLE: u16 = 3;

fn number(file: &[u8], at: usize, len: usize) -> usize {
    file[at..at + len].iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// The subsystem field of a 64-bit PE file's optional header.
fn subsystem(file: &[u8]) -> u16 {
    let header = number(file, 0x3c, 4);
    assert_eq!(&file[header..header + 4], b"PE\0\0");
    let optional = header + 24;
    assert_eq!(number(file, optional, 2), 0x20b, "a 64-bit program");
    number(file, optional + 68, 2) as u16
}

fn holds(file: &[u8], wanted: &[u8]) -> bool {
    memchr::memmem::find(file, wanted).is_some()
}

fn wide(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[test]
fn both_programs_have_the_icon_the_version_and_the_manifest() {
    let Some(folder) = windows::folder() else { return };
    for program in ["repliscope.exe", "repliscope.com"] {
        let file = fs::read(folder.join(program)).unwrap();
        for text in
            ["VS_VERSION_INFO", "Repliscope, a scope for Redis replication", env!("CARGO_PKG_VERSION")]
        {
            assert!(holds(&file, &wide(text)), "{program} does not say {text}");
        }
        let manifest = include_str!("../../assets/windows.manifest");
        assert!(holds(&file, manifest.trim().as_bytes()), "{program} has another manifest");
        // The largest image of the icon is a PNG, and is in the program as it is in the file.
        let icon = include_bytes!("../../assets/icon.ico");
        let png = memchr::memmem::find(icon, b"\x89PNG").unwrap();
        assert!(holds(&file, &icon[png..png + 256]), "{program} has no icon");
    }
}

#[test]
fn only_the_console_program_opens_a_console() {
    let Some(folder) = windows::folder() else { return };
    let kind = |program| subsystem(&fs::read(folder.join(program)).unwrap());
    assert_eq!(kind("repliscope.com"), CONSOLE);
    // A development build keeps its console, for panics and logs; `.ci/windows` says which it has built.
    let is_release = std::env::var("REPLISCOPE_WINDOWS_PROFILE").is_ok_and(|profile| profile == "release");
    assert_eq!(kind("repliscope.exe"), if is_release { WINDOW } else { CONSOLE });
}
