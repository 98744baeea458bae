//! The append-only file at the node's start, and DEBUG LOADAOF.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use super::aof::Log;
use super::client::{Client, ClientKind};
use super::session::Session;
use super::snapshot::{Job, Progress};
use super::state::{Node, Shared};
use crate::persistence::{
    AofError, AppendFile, CommandReader, Damage, Ending, LoadOptions, Loaded, Manifest, Part, load,
    move_aside, open, open_to_write,
};
use crate::store::Store;

/// First bytes of a file in the RDB format.
const RDB_MAGIC: &[u8] = b"REDIS";

/// A part of the append-only file, as far as it is read.
struct OpenPart {
    path: PathBuf,
    is_last: bool,
    /// Begins in the RDB format.
    has_preamble: bool,
    /// Bytes in that format.
    preamble: u64,
    commands: CommandReader<File>,
}

/// With `appendonly yes`: the data of the append-only file, or of the RDB file if there is none yet, and commands are
/// appended from then on. Returns the keys loaded.
///
/// # Errors
/// What is damaged and where; the node must not start, because it would write over it.
pub(super) async fn at_start(shared: &Shared) -> Result<u64, String> {
    let begun = Instant::now();
    let found = shared.borrow_mut().find_aof()?;
    let Some(manifest) = found else {
        // Redis would begin empty beside a full RDB file.
        let keys = super::loading::from_rdb(shared).await?;
        let mut node = shared.borrow_mut();
        node.make_aof_folder()?;
        node.make_first_base()?;
        return Ok(keys);
    };
    let mut session = shared.borrow_mut().loading_session();
    let mut parts = manifest.parts().peekable();
    while let Some(part) = parts.next() {
        let begun = Instant::now();
        let mut open = shared.borrow().open_part(part, parts.peek().is_none())?;
        if open.has_preamble {
            let options = shared.borrow_mut().preamble_options();
            let file = open.file()?;
            let loaded = super::loading::decode(shared, file, options).await;
            open.adopt(&mut shared.borrow_mut(), loaded)?;
        }
        session.db = 0;
        while shared.borrow_mut().execute_some(&mut open, &mut session)? {
            tokio::task::yield_now().await;
        }
        let mut node = shared.borrow_mut();
        if let Some(loading) = &mut node.loading {
            loading.next_file();
        }
        node.tell_part_loaded(part, &manifest, begun);
    }
    drop(parts);
    shared.borrow_mut().finish_aof_load(manifest, begun)
}

impl OpenPart {
    fn named(&self, error: impl std::fmt::Display) -> String {
        format!("{}: {error}", self.path.display())
    }

    /// The file for another reader; both stand at the same place.
    fn file(&self) -> Result<File, String> {
        self.commands.source().try_clone().map_err(|error| self.named(error))
    }

    /// The data set that the part begins with is there; commands follow.
    fn adopt(&mut self, node: &mut Node, loaded: Result<Loaded, String>) -> Result<(), String> {
        let loaded = loaded.map_err(|error| self.named(error))?;
        (node.store, self.preamble) = (loaded.store, loaded.bytes);
        self.commands.begin_with(&loaded.rest);
        Ok(())
    }
}

impl Node {
    /// The manifest on the disk; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read, or is none.
    pub(super) fn read_manifest(&self) -> Result<Option<Manifest>, String> {
        let path = self.manifest_path();
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("can't open the AOF manifest {}: {error}", path.display())),
        };
        let parsed = Manifest::parse(&text);
        parsed.map(Some).map_err(|error| format!("\n*** FATAL AOF MANIFEST FILE ERROR ***\n{error}"))
    }

    /// The manifest; one for a file from before there were manifests; `None` if there is no append-only file.
    fn find_aof(&mut self) -> Result<Option<Manifest>, String> {
        if let Some(manifest) = self.read_manifest()? {
            return Ok(Some(manifest));
        }
        let (folder, name) = (self.aof_folder(), self.config.appendfilename.clone());
        let old = self.config.dir.join(&name);
        if old.is_file() {
            self.make_aof_folder()?;
            move_aside(&old, &folder.join(&name)).map_err(|error| error.to_string())?;
            let mut manifest = Manifest::default();
            manifest.adopt(&name);
            self.store_manifest(manifest.clone())?;
            self.notice(format!("Successfully migrated an old-style AOF configuration ({name})."));
            return Ok(Some(manifest));
        }
        let prefix = format!("{name}.");
        let parts = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let left: Vec<_> = parts
            .map(|entry| entry.file_name())
            .filter(|file| file.to_string_lossy().starts_with(&prefix))
            .collect();
        // Of a first start that was killed before it wrote the manifest: no increment means that nothing was served, and
        // what the base holds is still where it came from.
        let first = Manifest::default().next_base(&name, true).name;
        match left.first() {
            None => Ok(None),
            Some(file) if left.len() == 1 && *file == *first => {
                self.notice(format!("AOF base file {first} of a start that was not finished is replaced"));
                Ok(None)
            }
            Some(file) => Err(format!(
                "{} is missing, but {} is there: the data would be lost. Put the manifest back, or move the folder \
                 away to begin empty",
                self.manifest_path().display(),
                folder.join(file).display()
            )),
        }
    }

    /// What is in memory becomes the base; an increment follows it.
    fn make_first_base(&mut self) -> Result<(), String> {
        let reader = self.store.begin_snapshot();
        self.store.capture(usize::MAX);
        let mut options = self.write_options(true);
        options.aux.aof_base = true;
        let progress = Progress::new(reader.keys());
        let job = Job {
            progress,
            reader,
            options,
            abandoned: Arc::default(),
            disk: self.disk.clone(),
            piecewise: self.config.aof_rewrite_incremental_fsync,
        };
        let mut manifest = self.aof.manifest.clone();
        let base = manifest.next_base(&self.config.appendfilename, true);
        let path = self.aof_folder().join(&base.name);
        job.write_file(&path)?;
        self.notice(format!("Creating AOF base file {} on server start", base.name));
        // Commands of increments without a base are in the new one.
        manifest.replace_base(base, 0);
        self.store_manifest(manifest)?;
        self.open_log()
    }

    /// Opens the last increment, or makes the first one.
    fn open_log(&mut self) -> Result<(), String> {
        let folder = self.aof_folder();
        let mut manifest = self.aof.manifest.clone();
        if manifest.increments.is_empty() {
            let part = manifest.add_increment(&self.config.appendfilename);
            self.notice(format!("Creating AOF incr file {} on server start", part.name));
            // Its name is on the disk before the manifest's is: a power loss could leave a manifest of a file that is not
            // there, and with it what was acknowledged meanwhile.
            let path = folder.join(&part.name);
            AppendFile::open(&path, &self.disk).map_err(|error| format!("{}: {error}", path.display()))?;
            self.store_manifest(manifest.clone())?;
        }
        let mut before = 0;
        let mut last = None;
        for part in manifest.parts() {
            let path = folder.join(&part.name);
            before += path.metadata().map_or(0, |metadata| metadata.len());
            last = Some(path);
        }
        let path = last.unwrap_or_default();
        let file =
            AppendFile::open(&path, &self.disk).map_err(|error| format!("{}: {error}", path.display()))?;
        let before = before.saturating_sub(file.len());
        let log = Log::new(file, before);
        self.aof.rewrite.base_size = log.size();
        self.aof.log = Some(log);
        self.update_streaming();
        Ok(())
    }

    /// `DEBUG LOADAOF`: the data are what the append-only file says.
    ///
    /// # Errors
    /// Why it cannot be loaded; the data are then as they were.
    pub(super) fn reload_aof(&mut self) -> Result<(), String> {
        self.finish_aof()?;
        let manifest = self.aof.manifest.clone();
        // Nothing that is executed for it may be appended to it.
        let log = self.aof.log.take();
        self.update_streaming();
        let databases = self.store.databases();
        let old = std::mem::replace(&mut self.store, Store::new(databases, self.random));
        let loaded = self.load_parts(&manifest);
        let unwanted = if loaded.is_err() { std::mem::replace(&mut self.store, old) } else { old };
        // Freeing it may take long; without a thread it is freed here.
        let _ = super::helper::start("lazyfree", move || drop(unwanted));
        self.aof.log = log;
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
                let loaded = load(open.file()?, &self.preamble_options(), |_| ControlFlow::Continue(()));
                open.adopt(self, loaded.map_err(|error| error.to_string()))?;
            }
            session.db = 0;
            while self.execute_some(&mut open, &mut session)? {}
            self.tell_part_loaded(part, manifest, begun);
        }
        Ok(())
    }

    fn tell_part_loaded(&mut self, part: &Part, manifest: &Manifest, begun: Instant) {
        let kind = if manifest.base.as_ref() == Some(part) { "base" } else { "incr" };
        let seconds = begun.elapsed().as_secs_f64();
        self.notice(format!("DB loaded from {kind} file {}: {seconds:.3} seconds", part.name));
    }

    /// All parts are loaded: what follows is appended. Returns the keys.
    fn finish_aof_load(&mut self, manifest: Manifest, begun: Instant) -> Result<u64, String> {
        self.notice(format!("DB loaded from append only file: {:.3} seconds", begun.elapsed().as_secs_f64()));
        self.aof.manifest = manifest;
        if self.aof.manifest.base.is_none() {
            self.make_first_base()?;
        } else {
            self.open_log()?;
        }
        self.remove_history();
        Ok((0..self.store.databases()).map(|db| self.store.db(db).len() as u64).sum())
    }

    /// A client that executes what a file says.
    fn loading_session(&mut self) -> Session {
        let nobody = SocketAddr::from((IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0));
        let client = Rc::new(Client::new(0, nobody, nobody, self.clock.since_start()));
        client.kind.set(ClientKind::Master);
        Session::new(client, true)
    }

    fn open_part(&self, part: &Part, is_last: bool) -> Result<OpenPart, String> {
        let path = self.aof_folder().join(&part.name);
        let shown = path.display();
        let mut file = open(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => format!("The AOF file {shown} doesn't exist"),
            _ => format!("Can't open the append-only file {shown}: {error}"),
        })?;
        let mut magic = Vec::new();
        let begins = (&mut file).take(RDB_MAGIC.len() as u64).read_to_end(&mut magic);
        begins.and_then(|_| file.seek(SeekFrom::Start(0))).map_err(|error| format!("{shown}: {error}"))?;
        let commands = CommandReader::new(file, self.config.proto_max_bulk_len);
        Ok(OpenPart { path, is_last, has_preamble: magic == RDB_MAGIC, preamble: 0, commands })
    }

    /// Executes the next commands of a part; `false` at its end.
    fn execute_some(&mut self, part: &mut OpenPart, session: &mut Session) -> Result<bool, String> {
        let result = part.commands.some(|args| {
            let command = self.config.command_names.check_any(args).map_err(|error| error.to_string())?;
            self.apply(session, command, args)
        });
        self.free_garbage();
        if let Some(loading) = &self.loading {
            loading.note(part.preamble + part.commands.offset());
        }
        let AofError { offset, damage } = match result {
            Ok(more) => return Ok(more),
            Err(error) => error,
        };
        let (shown, offset) = (part.path.display(), part.preamble + offset);
        session.transaction = None;
        match damage {
            Damage::Torn if part.is_last && self.config.aof_load_truncated => {
                self.cut_torn_end(&part.path, offset).map(|()| false)
            }
            Damage::Torn => Err(format!(
                "Unexpected end of file reading the append only file {shown} at offset {offset}. You can: 1) Make a \
                 backup of your AOF file, then use ./redis-check-aof --fix <filename.manifest>. 2) Alternatively you \
                 can set the 'aof-load-truncated' configuration option to yes and restart the server."
            )),
            Damage::Format(reason) => Err(format!(
                "Bad file format reading the append only file {shown} at offset {offset} ({reason}): make a backup of \
                 your AOF file, then use ./redis-check-aof --fix <filename.manifest>"
            )),
            Damage::Refused(reason) => Err(format!(
                "The command at offset {offset} of the append only file {shown} cannot be executed: {reason}"
            )),
            Damage::Io(error) => {
                Err(format!("Unrecoverable error reading the append only file {shown}: {error}"))
            }
        }
    }

    fn cut_torn_end(&mut self, path: &Path, offset: u64) -> Result<(), String> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let file = open_to_write(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let len = file.metadata().map_or(offset, |metadata| metadata.len());
        self.warning(format!("!!! Warning: short read while loading the AOF file {name}!!!"));
        self.warning(format!(
            "Truncating the AOF {name} at offset {offset}: {} bytes are dropped",
            len - offset
        ));
        let cut = file.set_len(offset).and_then(|()| file.sync_all());
        cut.map_err(|error| format!("Error truncating the AOF file {name}: {error}"))?;
        self.warning("AOF loaded anyway because aof-load-truncated is enabled");
        Ok(())
    }

    fn preamble_options(&mut self) -> LoadOptions {
        LoadOptions { ending: Ending::Open, ..self.load_options() }
    }
}
