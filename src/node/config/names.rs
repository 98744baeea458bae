//! File names that Windows cannot have, or gives another meaning. Pure, so that every system tests it.

/// Names of devices, whatever follows a dot: `nul.rdb` would be written nowhere.
const DEVICES: [&str; 6] = ["con", "prn", "aux", "nul", "conin$", "conout$"];
/// With one digit they are devices too; superscript digits count.
const PORTS: [&str; 2] = ["com", "lpt"];
/// Longest name of one file, in UTF-16 units.
const UNITS_MAX: usize = 255;

/// Why Windows cannot have a file of this name, if it cannot.
pub(super) fn fault(name: &str) -> Option<&'static str> {
    if name.chars().any(|c| c < ' ') {
        return Some("a file name can't contain control characters on Windows");
    }
    if name.contains(':') {
        return Some(
            "a file name can't contain ':' on Windows, where it names a hidden stream of another file",
        );
    }
    if name.contains(['<', '>', '"', '/', '\\', '|', '?', '*']) {
        return Some("a file name can't contain any of < > \" / \\ | ? * on Windows");
    }
    if name.ends_with(['.', ' ']) {
        return Some("a file name can't end with a dot or a space on Windows, which would drop it");
    }
    if name.encode_utf16().count() > UNITS_MAX {
        return Some("a file name can't be longer than 255 characters on Windows");
    }
    is_device(name).then_some(
        "the name of a device (CON, NUL, COM1, ...) can't be a file name on Windows, whatever its ending",
    )
}

fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end_matches(' ').to_lowercase();
    let is_port = |port: &&str| {
        let digit = stem.strip_prefix(*port).map(|rest| rest.chars().collect::<Vec<_>>());
        digit.is_some_and(|rest| matches!(rest[..], ['0'..='9' | '¹' | '²' | '³']))
    };
    DEVICES.contains(&stem.as_str()) || PORTS.iter().any(is_port)
}

/// [`fault`] of any part of a path; drive letters, `.` and `..` are none.
pub(super) fn fault_in_path(path: &str) -> Option<&'static str> {
    let path = path.strip_prefix(r"\\?\").unwrap_or(path);
    let path = match path.as_bytes() {
        [drive, b':', ..] if drive.is_ascii_alphabetic() => &path[2..],
        _ => path,
    };
    path.split(['/', '\\']).filter(|part| !matches!(*part, "" | "." | "..")).find_map(fault)
}

/// On Windows `fault`, elsewhere nothing: Redis takes such names, and they work there.
pub(super) fn check(text: &str, fault: fn(&str) -> Option<&'static str>) -> Result<(), &'static str> {
    if cfg!(windows) { fault(text).map_or(Ok(()), Err) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_windows_cannot_have_are_told_apart() {
        let longest = "x".repeat(255);
        for fine in [
            "dump.rdb",
            "Jürgen 数据.rdb",
            ".rdb",
            "console.rdb",
            "com.rdb",
            "com10",
            "lpt",
            "a.nul",
            "",
            &longest,
        ] {
            assert_eq!(fault(fine), None, "{fine:?}");
        }
        let too_long = "数".repeat(256);
        let pairs = "😀".repeat(128);
        for (name, word) in [
            ("NUL", "device"),
            ("nul.rdb", "device"),
            ("nul .rdb.tmp", "device"),
            ("Con", "device"),
            ("COM1", "device"),
            ("com0.rdb", "device"),
            ("LPT¹", "device"),
            ("lpt³.rdb", "device"),
            ("CONOUT$", "device"),
            ("dump.rdb.", "dot"),
            ("dump.rdb ", "space"),
            (".", "dot"),
            ("dump.rdb:1", "stream"),
            ("a:b", "stream"),
            ("a<b", "any of"),
            ("a>b", "any of"),
            ("a\"b", "any of"),
            ("a|b", "any of"),
            ("a?b", "any of"),
            ("*", "any of"),
            ("a/b", "any of"),
            ("a\\b", "any of"),
            ("a\tb", "control"),
            ("\0", "control"),
            (&too_long, "255"),
            (&pairs, "255"),
        ] {
            assert!(fault(name).is_some_and(|text| text.contains(word)), "{name:?}: {:?}", fault(name));
        }
    }

    #[test]
    fn each_part_of_a_path_counts_but_not_its_drive() {
        for fine in
            [r"C:\Users\Jürgen Müller\redis.log", r"\\?\C:\a", "../a/./b", r"\\server\share\a", "a.log"]
        {
            assert_eq!(fault_in_path(fine), None, "{fine:?}");
        }
        for bad in [r"C:\logs\nul", "logs/aux/redis.log", r"C:\a:b", "a./b", "b/c:d"] {
            assert!(fault_in_path(bad).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn only_windows_refuses_them() {
        assert_eq!(check("nul.rdb", fault).is_err(), cfg!(windows));
        assert_eq!(check("dump.rdb", fault), Ok(()));
    }
}
