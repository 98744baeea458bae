//! A disk that can lose what was not synced, fail a call, and be full.
//!
//! Files and names are kept twice: as the system shows them, and as they would be found after a power loss.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use repliscope::persistence::{Appendable, Disk};

use crate::rng::Rng;

/// What the disk does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFault {
    /// EIO.
    Broken,
    /// ENOSPC, after some of the bytes.
    Full,
}

#[derive(Debug, Clone, Default)]
struct Inode {
    data: Vec<u8>,
    synced: Vec<u8>,
}

#[derive(Debug, Clone)]
enum NameChange {
    Put(PathBuf, u64),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

#[derive(Debug, Default)]
struct State {
    inodes: BTreeMap<u64, Inode>,
    names: BTreeMap<PathBuf, u64>,
    synced_names: BTreeMap<PathBuf, u64>,
    /// Changes of names since the directory was synced, in their order.
    pending: Vec<NameChange>,
    next: u64,
    calls: u64,
    fault: Option<(u64, DiskFault)>,
}

impl State {
    fn call(&mut self) -> Result<(), DiskFault> {
        self.calls += 1;
        match self.fault {
            Some((from, fault)) if self.calls >= from => Err(fault),
            _ => Ok(()),
        }
    }

    fn apply(names: &mut BTreeMap<PathBuf, u64>, change: &NameChange) {
        match change {
            NameChange::Put(path, inode) => drop(names.insert(path.clone(), *inode)),
            NameChange::Rename(from, to) => {
                if let Some(inode) = names.remove(from) {
                    names.insert(to.clone(), inode);
                }
            }
            NameChange::Remove(path) => drop(names.remove(path)),
        }
    }

    fn change(&mut self, change: NameChange) {
        Self::apply(&mut self.names, &change);
        self.pending.push(change);
    }
}

fn error(fault: DiskFault) -> io::Error {
    match fault {
        DiskFault::Broken => io::Error::other("input/output error"),
        DiskFault::Full => ErrorKind::StorageFull.into(),
    }
}

/// One node's disk; it outlives the node.
#[derive(Debug, Clone, Default)]
pub struct SimDisk(Rc<RefCell<State>>);

impl SimDisk {
    /// From the n-th call on every call fails, until [`SimDisk::repair`].
    pub fn break_at(&self, nth: u64, fault: DiskFault) {
        let mut state = self.0.borrow_mut();
        state.fault = Some((state.calls + nth, fault));
    }

    pub fn repair(&self) {
        self.0.borrow_mut().fault = None;
    }

    /// A call has failed since the last repair.
    pub fn is_broken(&self) -> bool {
        self.0.borrow().fault.is_some()
    }

    pub fn read(&self, path: &Path) -> Option<Vec<u8>> {
        let state = self.0.borrow();
        let inode = state.names.get(path)?;
        state.inodes.get(inode).map(|inode| inode.data.clone())
    }

    /// Opens a file to append to it, or makes it; a new name is durable once its directory is synced.
    pub fn open_to_append(&self, path: &Path) -> io::Result<(SimFile, u64)> {
        let mut state = self.0.borrow_mut();
        state.call().map_err(error)?;
        let inode = if let Some(inode) = state.names.get(path) {
            *inode
        } else {
            state.next += 1;
            let inode = state.next;
            state.inodes.insert(inode, Inode::default());
            state.change(NameChange::Put(path.to_owned(), inode));
            inode
        };
        let len = state.inodes.get(&inode).map_or(0, |inode| inode.data.len() as u64);
        drop(state);
        Ok((SimFile { disk: self.clone(), inode }, len))
    }

    /// The power goes: of what was not synced a random part is left.
    pub fn lose_power(&self, rng: &mut Rng) {
        let mut state = self.0.borrow_mut();
        let state = &mut *state;
        for inode in state.inodes.values_mut() {
            if inode.data.starts_with(&inode.synced) {
                // Sectors reach the disk in order here; what is torn is the last of them.
                let lost = inode.data.len() - inode.synced.len();
                let mut kept = rng.below(lost as u64 + 1) as usize;
                if rng.percent(50) {
                    kept -= kept % 512;
                }
                inode.data.truncate(inode.synced.len() + kept);
            } else {
                inode.data.clone_from(&inode.synced);
            }
            inode.synced.clone_from(&inode.data);
        }
        let kept = rng.index(state.pending.len() + 1);
        let pending = std::mem::take(&mut state.pending);
        pending[..kept].iter().for_each(|change| State::apply(&mut state.synced_names, change));
        state.names.clone_from(&state.synced_names);
    }
}

/// An open file.
#[derive(Debug)]
pub struct SimFile {
    disk: SimDisk,
    inode: u64,
}

impl SimFile {
    /// Waits until all that was written is on the disk.
    pub fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.0.borrow_mut();
        state.call().map_err(error)?;
        if let Some(inode) = state.inodes.get_mut(&self.inode) {
            inode.synced.clone_from(&inode.data);
        }
        Ok(())
    }
}

impl Write for SimFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.disk.0.borrow_mut();
        let outcome = state.call();
        let Some(inode) = state.inodes.get_mut(&self.inode) else { return Ok(bytes.len()) };
        match outcome {
            Ok(()) => {
                inode.data.extend_from_slice(bytes);
                Ok(bytes.len())
            }
            Err(DiskFault::Full) => {
                inode.data.extend_from_slice(&bytes[..bytes.len() / 2]);
                Err(error(DiskFault::Full))
            }
            Err(fault) => Err(error(fault)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Appendable for SimFile {
    fn cut(&mut self, len: u64) -> io::Result<()> {
        let mut state = self.disk.0.borrow_mut();
        if let Some(inode) = state.inodes.get_mut(&self.inode) {
            inode.data.truncate(len as usize);
        }
        Ok(())
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    fn create(&self, path: &Path) -> io::Result<SimFile> {
        let mut state = self.0.borrow_mut();
        state.call().map_err(error)?;
        if state.names.contains_key(path) {
            return Err(ErrorKind::AlreadyExists.into());
        }
        state.next += 1;
        let inode = state.next;
        state.inodes.insert(inode, Inode::default());
        state.change(NameChange::Put(path.to_owned(), inode));
        drop(state);
        Ok(SimFile { disk: self.clone(), inode })
    }

    fn sync(&self, file: &SimFile) -> io::Result<()> {
        file.sync()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.call().map_err(error)?;
        state.change(NameChange::Rename(from.to_owned(), to.to_owned()));
        Ok(())
    }

    fn sync_directory(&self, _: &Path) -> io::Result<()> {
        let mut state = self.0.borrow_mut();
        state.call().map_err(error)?;
        let state = &mut *state;
        let pending = std::mem::take(&mut state.pending);
        for change in &pending {
            State::apply(&mut state.synced_names, change);
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        // What fails to be deleted is found by the next start, as after a power loss.
        self.0.borrow_mut().change(NameChange::Remove(path.to_owned()));
        Ok(())
    }
}
