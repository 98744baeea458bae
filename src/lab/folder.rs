//! A node's folder on disk: `<data folder>/<port>/` with its redis.conf and dump.rdb.
//!
//! Owns the files' names and the defaults of a lab node. It must not know whether the node runs.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::persistence::{move_aside, open, write_whole};
use crate::protocol::repr;

/// What a node keeps its data in. A clean start moves these aside, one generation back.
const DATA_FILES: [&str; 2] = ["dump.rdb", "appendonlydir"];

/// The folder of the node on one port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NodeFolder {
    path: PathBuf,
    port: u16,
}

impl NodeFolder {
    pub(super) fn new(data_dir: &Path, port: u16) -> Self {
        Self { path: data_dir.join(port.to_string()), port }
    }

    /// Path of the node's redis.conf.
    pub(super) fn config_file(&self) -> PathBuf {
        self.path.join("redis.conf")
    }

    /// Whether data of an earlier run is here.
    pub(super) fn has_data(&self) -> bool {
        DATA_FILES.iter().any(|name| self.path.join(name).exists())
    }

    /// Prepares the folder for a new node: the lab's redis.conf, and no data unless `keep_data`.
    ///
    /// Old data is renamed to `….previous` and not deleted: two histories must not mix, but a start by
    /// mistake should not cost anybody their data either.
    pub(super) fn prepare(&self, keep_data: bool, master_port: Option<u16>) -> io::Result<()> {
        fs::create_dir_all(&self.path)?;
        if !keep_data {
            for name in DATA_FILES {
                let (data, previous) = (self.path.join(name), self.path.join(format!("{name}.previous")));
                if data.exists() {
                    if previous.is_dir() {
                        fs::remove_dir_all(&previous)?;
                    }
                    move_aside(&data, &previous)?;
                }
            }
        }
        self.write(&self.fresh_config(master_port))
    }

    /// Makes an existing redis.conf say whom the node follows, and leaves the rest of it as it is: the user
    /// may have changed it by CONFIG REWRITE.
    pub(super) fn set_master(&self, master_port: Option<u16>) -> io::Result<()> {
        let old = match open(&self.config_file()).and_then(io::read_to_string) {
            Ok(old) => old,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                fs::create_dir_all(&self.path)?;
                self.fresh_config(None)
            }
            Err(error) => return Err(error),
        };
        self.write(&with_master(&old, master_port))
    }

    /// A lab node's configuration. What is not here has Redis' own default; that includes the save points, so
    /// that an orderly stop keeps the data and a kill loses what was written since the last snapshot.
    fn fresh_config(&self, master_port: Option<u16>) -> String {
        let config = format!(
            "# Written by Repliscope. CONFIG REWRITE may change it; a new cluster writes it anew.\n\
             bind 127.0.0.1\n\
             port {}\n\
             dir {}\n\
             dbfilename dump.rdb\n\
             save 3600 1 300 100 60 10000\n\
             # A replica need not wait for others to come before its snapshot begins.\n\
             repl-diskless-sync yes\n\
             repl-diskless-sync-delay 0\n\
             # DEBUG is part of a lab: SLEEP, DIGEST, POPULATE.\n\
             enable-debug-command local\n",
            self.port,
            repr(self.path.to_string_lossy().as_bytes()),
        );
        with_master(&config, master_port)
    }

    fn write(&self, config: &str) -> io::Result<()> {
        Ok(write_whole(&self.config_file(), config.as_bytes())?)
    }
}

/// `config` with its replicaof line replaced, removed or added.
fn with_master(config: &str, master_port: Option<u16>) -> String {
    let mut out = String::with_capacity(config.len() + 32);
    for line in config.lines() {
        let word = line.split_whitespace().next().unwrap_or_default();
        if !word.eq_ignore_ascii_case("replicaof") && !word.eq_ignore_ascii_case("slaveof") {
            out.push_str(line);
            out.push('\n');
        }
    }
    if let Some(port) = master_port {
        out.push_str("replicaof 127.0.0.1 ");
        out.push_str(&port.to_string());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn config(folder: &NodeFolder) -> String {
        fs::read_to_string(folder.config_file()).unwrap()
    }

    #[test]
    fn a_clean_start_sets_old_data_aside_and_a_kept_one_leaves_it() {
        let data_dir = tempfile::tempdir().unwrap();
        let folder = NodeFolder::new(data_dir.path(), 7001);
        folder.prepare(false, None).unwrap();
        let dump = data_dir.path().join("7001/dump.rdb");
        for generation in ["one", "two"] {
            fs::write(&dump, generation).unwrap();
            folder.prepare(true, None).unwrap();
            assert!(folder.has_data());
            folder.prepare(false, None).unwrap();
            assert!(!folder.has_data());
            assert_eq!(fs::read_to_string(dump.with_file_name("dump.rdb.previous")).unwrap(), generation);
        }
    }

    #[test]
    fn a_new_master_changes_one_line_of_the_config() {
        let data_dir = tempfile::tempdir().unwrap();
        let folder = NodeFolder::new(data_dir.path(), 7002);
        folder.prepare(false, Some(7001)).unwrap();
        assert!(config(&folder).ends_with("\nreplicaof 127.0.0.1 7001\n"));
        fs::write(folder.config_file(), "maxmemory 1gb\nSlaveOf 127.0.0.1 7001\nreplica-priority 5\n")
            .unwrap();
        folder.set_master(Some(7003)).unwrap();
        assert_eq!(config(&folder), "maxmemory 1gb\nreplica-priority 5\nreplicaof 127.0.0.1 7003\n");
        folder.set_master(None).unwrap();
        assert_eq!(config(&folder), "maxmemory 1gb\nreplica-priority 5\n");
    }

    #[test]
    fn a_folder_of_any_name_and_length_comes_back_from_its_config() {
        let data_dir = tempfile::tempdir().unwrap();
        let mut deep = data_dir.path().join("Jürgen Müller 数据 'n' stuff");
        for letter in ["a", "b", "c"] {
            deep.push(letter.repeat(90));
        }
        let folder = NodeFolder::new(&deep, 7004);
        folder.prepare(false, None).unwrap();
        write_whole(&folder.path.join("dump.rdb"), b"old").unwrap();
        folder.prepare(false, Some(7001)).unwrap();
        assert!(folder.path.join("dump.rdb.previous").exists() && !folder.has_data());
        let loaded = crate::node::Config::load(Some(&folder.config_file()), &[]).unwrap();
        assert!(loaded.dir.as_os_str().len() > 300);
        // Elsewhere than on Windows a folder is known by its name without links.
        let named = if cfg!(windows) { folder.path.clone() } else { folder.path.canonicalize().unwrap() };
        assert_eq!(loaded.dir, named);
        loaded.rewrite(&folder.config_file()).unwrap();
        assert_eq!(crate::node::Config::load(Some(&folder.config_file()), &[]).unwrap(), loaded);
    }
}
