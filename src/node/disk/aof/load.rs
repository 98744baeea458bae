//! The append-only file at the node's start, and DEBUG LOADAOF.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Instant;

use crate::commands::CmdError;
use crate::node::clients::client::{Client, ClientKind};
use crate::node::clients::session::Session;
use crate::node::config::system_text;
use crate::node::node::{Node, Shared};
use crate::persistence::{
    AofError, CommandReader, Damage, Ending, LoadOptions, Loaded, Manifest, Part, load, open, open_to_write,
};
use crate::store::Store;

/// First bytes of a file in the RDB format.
const RDB_MAGIC: &[u8] = b"REDIS";

/// A part of the append-only file, as far as it is read.
struct OpenPart {
    name: String,
    path: PathBuf,
    is_last: bool,
    is_empty: bool,
    /// Begins in the RDB format.
    has_preamble: bool,
    /// The single file of a version before 7.0.
    is_old: bool,
    /// Bytes in the RDB format.
    preamble: u64,
    commands: CommandReader<File>,
}

/// With `appendonly yes`: the data of the append-only file, or of the RDB file if there is none yet, and commands are
/// appended from then on. Returns the keys loaded.
///
/// # Errors
/// What is damaged and where, which is in the log already; the node must not start, because it would write over it.
pub(in crate::node) async fn at_start(shared: &Shared) -> Result<u64, String> {
    let begun = Instant::now();
    let found = shared.borrow_mut().find_aof()?;
    let Some(manifest) = found else {
        // Redis would begin empty beside a full RDB file.
        let keys = crate::node::disk::rdb::from_rdb(shared).await?;
        let mut node = shared.borrow_mut();
        node.make_first_files()?;
        node.remove_history();
        return Ok(keys);
    };
    let mut session = shared.borrow_mut().loading_session();
    let mut parts = manifest.parts().peekable();
    while let Some(part) = parts.next() {
        let begun = Instant::now();
        let mut open = shared.borrow_mut().open_part(part, parts.peek().is_none())?;
        if open.has_preamble {
            let options = shared.borrow_mut().begin_preamble(&open);
            let loaded = match open.file() {
                Ok(file) => crate::node::disk::rdb::decode(shared, file, options).await,
                Err(error) => Err(error),
            };
            shared.borrow_mut().adopt_preamble(&mut open, loaded)?;
        }
        session.db = 0;
        while shared.borrow_mut().execute_some(&mut open, &mut session)? {
            tokio::task::yield_now().await;
        }
        let mut node = shared.borrow_mut();
        if let Some(loading) = &mut node.disk.loading {
            loading.next_file();
        }
        node.tell_part_loaded(&open, &manifest, begun);
    }
    drop(parts);
    let mut node = shared.borrow_mut();
    node.notice(format!("DB loaded from append only file: {:.3} seconds", begun.elapsed().as_secs_f64()));
    node.disk.aof.manifest = manifest;
    node.open_log()?;
    node.remove_history();
    Ok((0..node.data.store.databases()).map(|db| node.data.store.db(db).len() as u64).sum())
}

impl OpenPart {
    /// The file for another reader; both stand at the same place.
    fn file(&self) -> Result<File, String> {
        let file = self.commands.source().try_clone();
        file.map_err(|error| format!("{}: {error}", self.path.display()))
    }
}

impl Node {
    /// `DEBUG LOADAOF`: the data are what the append-only file says.
    ///
    /// # Errors
    /// Why it cannot be loaded, which is in the log already; the data are then as they were.
    pub(in crate::node) fn reload_aof(&mut self) -> Result<(), String> {
        self.finish_aof()?;
        let manifest = self.find_aof()?.unwrap_or_default();
        // Nothing that is executed for it may be appended to it.
        let log = self.disk.aof.log.take();
        self.update_streaming();
        let databases = self.data.store.databases();
        let seed = self.random();
        let old = std::mem::replace(&mut self.data.store, Store::new(databases, seed));
        let loaded = self.load_parts(&manifest);
        let unwanted = if loaded.is_err() { std::mem::replace(&mut self.data.store, old) } else { old };
        // Freeing it may take long; without a thread it is freed here.
        let _ = crate::node::tasks::start("lazyfree", move || drop(unwanted));
        self.disk.aof.log = log;
        self.update_streaming();
        self.mark_all_watchers();
        loaded
    }

    fn load_parts(&mut self, manifest: &Manifest) -> Result<(), String> {
        let mut session = self.loading_session();
        let mut parts = manifest.parts().peekable();
        while let Some(part) = parts.next() {
            let begun = Instant::now();
            let mut open = self.open_part(part, parts.peek().is_none())?;
            if open.has_preamble {
                let options = self.begin_preamble(&open);
                let loaded = open.file().and_then(|file| {
                    load(file, &options, |_| ControlFlow::Continue(())).map_err(|error| error.to_string())
                });
                self.adopt_preamble(&mut open, loaded)?;
            }
            session.db = 0;
            while self.execute_some(&mut open, &mut session)? {}
            self.tell_part_loaded(&open, manifest, begun);
        }
        Ok(())
    }

    fn tell_part_loaded(&mut self, part: &OpenPart, manifest: &Manifest, begun: Instant) {
        if part.is_empty {
            return;
        }
        let is_base = manifest.base.as_ref().is_some_and(|base| base.name == part.name);
        let kind = if is_base { "base" } else { "incr" };
        let seconds = begun.elapsed().as_secs_f64();
        self.notice(format!("DB loaded from {kind} file {}: {seconds:.3} seconds", part.name));
    }

    /// A client that executes what a file says.
    fn loading_session(&mut self) -> Session {
        let nobody = SocketAddr::from((IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));
        let client = Rc::new(Client::new(0, nobody, nobody, self.clock.since_start()));
        client.kind.set(ClientKind::Master);
        Session::new(client, true)
    }

    fn open_part(&mut self, part: &Part, is_last: bool) -> Result<OpenPart, String> {
        let (name, path) = (part.name.clone(), self.aof_folder().join(&part.name));
        let opened = open(&path).and_then(|mut file| {
            let mut magic = Vec::new();
            (&mut file).take(RDB_MAGIC.len() as u64).read_to_end(&mut magic)?;
            file.seek(SeekFrom::Start(0))?;
            Ok((file, magic))
        });
        let (file, magic) = opened.map_err(|error| {
            let why = system_text(&error);
            self.refuse_aof(
                format!("Fatal error: can't open the append log file {name} for reading: {why}"),
                "",
            )
        })?;
        Ok(OpenPart {
            is_old: name == self.config.appendfilename,
            name,
            path,
            is_last,
            is_empty: magic.is_empty(),
            has_preamble: magic == RDB_MAGIC,
            preamble: 0,
            commands: CommandReader::new(file, self.config.proto_max_bulk_len),
        })
    }

    fn begin_preamble(&mut self, part: &OpenPart) -> LoadOptions {
        self.notice(if part.is_old {
            "Reading RDB preamble from AOF file..."
        } else {
            "Reading RDB base file on AOF loading..."
        });
        LoadOptions { ending: Ending::Open, ..self.load_options() }
    }

    /// The data set that the part begins with is there; commands may follow.
    fn adopt_preamble(&mut self, part: &mut OpenPart, loaded: Result<Loaded, String>) -> Result<(), String> {
        let what = if part.is_old { "preamble of the AOF" } else { "base" };
        let loaded = loaded.map_err(|error| {
            let line = format!("Error reading the RDB {what} file {}, AOF loading aborted", part.name);
            self.refuse_aof(line, &error)
        })?;
        self.note_loaded(&loaded.aux, &loaded.repairs, loaded.keys_loaded, loaded.keys_expired);
        if part.is_old {
            self.notice("Reading the remaining AOF tail...");
        }
        (self.data.store, part.preamble) = (loaded.store, loaded.bytes);
        part.commands.begin_with(&loaded.rest);
        Ok(())
    }

    /// Executes the next commands of a part; `false` at its end.
    fn execute_some(&mut self, part: &mut OpenPart, session: &mut Session) -> Result<bool, String> {
        let mut unknown = None;
        let result = part.commands.some(|args| match self.config.command_names.check_any(args) {
            Ok(command) => self.apply(session, command, args),
            Err(error) => {
                if !matches!(error, CmdError::Arity(_)) {
                    unknown = Some(String::from_utf8_lossy(args.name()).into_owned());
                }
                Err(error.to_string())
            }
        });
        self.free_garbage();
        if let Some(loading) = &self.disk.loading {
            loading.note(part.preamble + part.commands.offset());
        }
        let AofError { offset, damage } = match result {
            Ok(more) => return Ok(more),
            Err(error) => error,
        };
        session.transaction = None;
        let (name, offset) = (part.name.clone(), part.preamble + offset);
        let place = format!("at offset {offset} of the append only file {}", part.path.display());
        Err(match (damage, unknown) {
            (Damage::Torn { in_transaction }, _) => {
                if in_transaction {
                    self.warning(format!("Revert incomplete MULTI/EXEC transaction in AOF file {name}"));
                }
                return self.at_torn_end(part, offset).map(|()| false);
            }
            (Damage::Format(reason), _) => self.refuse_aof(
                format!(
                    "Bad file format reading the append only file {name}: make a backup of your AOF file, then use \
                     ./redis-check-aof --fix <filename.manifest>"
                ),
                &format!("No command {place}: {reason}"),
            ),
            (Damage::Refused(_), Some(command)) => self.refuse_aof(
                format!("Unknown command '{command}' reading the append only file {name}"),
                &format!("It stands {place}"),
            ),
            (Damage::Refused(reason), None) => {
                self.refuse_aof(format!("The command {place} cannot be executed: {reason}"), "")
            }
            (Damage::Io(error), _) => self.refuse_aof(
                format!("Unrecoverable error reading the append only file {name}: {}", system_text(&error)),
                &format!("It is readable up to the byte {place}"),
            ),
        })
    }

    /// The file ends in the middle of a command or a transaction: that is cut off where it may be.
    fn at_torn_end(&mut self, part: &OpenPart, offset: u64) -> Result<(), String> {
        let name = &part.name;
        if !self.config.aof_load_truncated {
            let line = format!(
                "Unexpected end of file reading the append only file {name}. You can: 1) Make a backup of your AOF \
                 file, then use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you can set the \
                 'aof-load-truncated' configuration option to yes and restart the server."
            );
            return Err(self.refuse_aof(line, &format!("The last whole command ends at offset {offset}")));
        }
        self.warning(format!("!!! Warning: short read while loading the AOF file {name}!!!"));
        if !part.is_last {
            // Unlike Redis: nothing is cut from a file that is not used then.
            let line = "Fatal error: the truncated file is not the last file".to_owned();
            return Err(self.refuse_aof(line, &format!("The AOF {name} is whole up to offset {offset}")));
        }
        self.warning(format!("!!! Truncating the AOF {name} at offset {offset} !!!"));
        let dropped = cut(&part.path, offset).map_err(|error| {
            self.refuse_aof(format!("Error truncating the AOF file {name}: {}", system_text(&error)), "")
        })?;
        self.warning(format!("{dropped} bytes of the AOF {name} are dropped"));
        self.warning(format!("AOF {name} loaded anyway because aof-load-truncated is enabled"));
        Ok(())
    }
}

/// Cuts a file; returns the number of bytes that it loses.
fn cut(path: &Path, offset: u64) -> std::io::Result<u64> {
    let file = open_to_write(path)?;
    let len = file.metadata()?.len();
    file.set_len(offset)?;
    file.sync_all()?;
    Ok(len - offset)
}
