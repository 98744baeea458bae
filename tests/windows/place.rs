//! Where the programs may be, and where they keep their data.

use std::fs::{self, File};
use std::path::Path;
use std::process::Stdio;

use super::{Program, ask, free_block, until, until_streaming, windows};

/// A name with all that breaks quoting and narrow strings.
const FOLDER: &str = "Jürgen's Repliscope (数据) & more";

#[test]
fn a_folder_with_spaces_and_other_scripts_is_as_good_as_any() {
    let Some(programs) = windows::folder() else { return };
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join(FOLDER);
    fs::create_dir(&folder).unwrap();
    fs::copy(programs.join("repliscope.com"), folder.join("repliscope.com")).unwrap();
    let before = names_in(&folder);

    let port = free_block();
    let mut up = windows::run(&folder.join("repliscope.com"));
    let told = place.path().join("told");
    up.current_dir(&folder).args(["up", "--port", &port.to_string()]).stdout(File::create(&told).unwrap());
    let _up = Program::start(&mut up);
    until_streaming(port, &[port + 1, port + 2]);
    let told = fs::read_to_string(told).unwrap();
    let data =
        told.lines().find_map(|line| line.strip_prefix("Data in ")).expect("it says where the data is");
    assert!(data.ends_with(r"\AppData\Local\repliscope\data\cluster"), "{data}");
    let dir = ask(port, "CONFIG GET dir").unwrap();
    assert_eq!(dir, format!(r"dir {data}\{port}"));
    assert_eq!(ask(port, "SET kept yes").unwrap(), "OK");
    assert_eq!(ask(port, "SAVE").unwrap(), "OK");
    assert_eq!(names_in(&folder), before, "nothing is written beside the program");
}

#[test]
fn data_is_kept_in_a_folder_with_spaces_and_other_scripts() {
    if windows::missing() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join(FOLDER);
    let port = free_block();
    let start = || {
        let mut up = windows::command("repliscope.com");
        up.args(["up", "--keep-data", "--port", &port.to_string(), "--dir", &windows::path(&folder)]);
        let up = Program::start(up.stdout(Stdio::null()));
        until_streaming(port, &[port + 1, port + 2]);
        up
    };
    let first = start();
    assert_eq!(ask(port, "SET kept yes").unwrap(), "OK");
    assert_eq!(ask(port, "SAVE").unwrap(), "OK");
    assert_eq!(ask(port, "CONFIG REWRITE").unwrap(), "OK");
    assert!(names_in(&folder.join(port.to_string())).contains(&"dump.rdb".to_owned()));
    drop(first);
    until("the port is free again", || ask(port, "PING").is_none());
    let _again = start();
    assert_eq!(ask(port, "GET kept").unwrap(), "yes");
    assert_eq!(ask(port + 2, "GET kept").unwrap(), "yes");
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}
