//! A node's files on its simulated disk: the RDB file, the append-only file, and what a start makes of them.

use std::collections::BTreeMap;
use std::io::Cursor as Bytes;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;

use repliscope::commands::{Effects, Stats, check};
use repliscope::persistence::{
    AofError, AofWriter, AppendFile, Appendable as _, CommandReader, Damage, Ending, LoadOptions, Loaded,
    Manifest, PendingFile, load,
};
use repliscope::protocol::{OwnedArgs, Replies};
use repliscope::replication::{History, ReplId, StreamWriter, Waits};
use repliscope::store::{Random, Store};

use super::syncs::encode;
use super::{DATABASES, ENCODINGS, Machine, Server};
use crate::disk::{SimDisk, SimFile};
use crate::env::{Answer, Env, Event, Life, MILLI, SECOND};
use crate::mutant::Mutant;
use crate::plan::Fsync;
use crate::rng::mix;

const PREFIX: &str = "appendonly.aof";

/// The append-only file that commands go to.
#[derive(Debug)]
pub struct Log {
    pub writer: AofWriter,
    file: AppendFile<SimFile>,
    manifest: Manifest,
    /// Bytes written since the node began, and those of them that are on the disk.
    pub written: u64,
    pub synced: u64,
    syncing: Option<u64>,
    last_sync: u64,
    /// Clients whose reply waits, each with the bytes that must be on the disk.
    waiting: Vec<(u64, usize)>,
    pub failure: Option<String>,
}

fn rdb_path() -> PathBuf {
    PathBuf::from("/n/dump.rdb")
}

fn aof_path(name: &str) -> PathBuf {
    Path::new("/n/appendonlydir").join(name)
}

fn manifest_path() -> PathBuf {
    aof_path("appendonly.aof.manifest")
}

fn replace(disk: &SimDisk, path: &Path, bytes: &[u8]) -> Result<(), String> {
    let mut file = PendingFile::create(disk.clone(), path).map_err(|error| error.to_string())?;
    file.write(bytes).map_err(|error| error.to_string())?;
    file.commit().map_err(|error| error.to_string())
}

impl Server {
    /// A process begins on what its disk holds.
    ///
    /// # Errors
    /// The files are refused: the process ends at once.
    pub fn start(
        env: &mut Env,
        life: Life,
        machine: &Machine,
        master: Option<usize>,
    ) -> Result<Self, String> {
        let mut random = mix(env.rng.next());
        let replid = ReplId::from_bytes(std::array::from_fn(|nth| (mix(random ^ nth as u64) & 0xFF) as u8));
        random = mix(random);
        let mut server = Self {
            life,
            config: machine.config.clone(),
            disk: machine.disk.clone(),
            started: env.now,
            clock_offset: machine.clock_offset,
            store: Store::new(DATABASES, random),
            history: History::new(replid),
            backlog: None,
            writer: StreamWriter::default(),
            effects: Effects::default(),
            stats: Stats::default(),
            garbage: Vec::new(),
            random: Random::new(random),
            replies: Replies::default(),
            collected: None,
            upstream: None,
            peers: BTreeMap::new(),
            running: None,
            waiting_since: None,
            without_replicas_since: None,
            waits: Waits::default(),
            awaited: BTreeMap::new(),
            failover: None,
            log: None,
            last_ping: Duration::ZERO,
            ticks: 0,
            generation: 0,
            crash: None,
        };
        let restored = server.load_files(env, master)?;
        env.note(life.node, "starts", server.store.keys());
        env.checks.started(env.now, &server);
        if let Some(master) = master {
            let held = restored.then(|| server.ledger().own());
            server.start_upstream(env, master, held);
        }
        server.update_streaming();
        env.after(100 * MILLI, Event::Tenth(life));
        Ok(server)
    }

    /// `true` if a history came with the data.
    fn load_files(&mut self, env: &mut Env, master: Option<usize>) -> Result<bool, String> {
        if self.config.appendonly.is_some()
            && let Some(manifest) = self.disk.read(&manifest_path())
        {
            let text = String::from_utf8(manifest).map_err(|error| error.to_string())?;
            let manifest = Manifest::parse(&text).map_err(|error| error.to_string())?;
            self.load_parts(env, &manifest)?;
            self.open_log(manifest)?;
            return Ok(false);
        }
        let mut restored = false;
        if let Some(bytes) = self.disk.read(&rdb_path()) {
            env.checks.files.loaded(self.life.node, &bytes);
            let loaded = self.decode(env, &bytes, Ending::File)?;
            let id = loaded.aux.repl_id.as_ref().and_then(|id| ReplId::parse(id));
            self.store = loaded.store;
            if let (Some(id), Some(offset)) = (id, loaded.aux.repl_offset) {
                if master.is_some() {
                    let db = loaded.aux.repl_stream_db.unwrap_or(0);
                    self.ledger().restore_as_replica(id, offset, u16::try_from(db).ok());
                } else {
                    let new = self.random_replid();
                    self.ledger().restore_as_master(new, id, offset);
                    env.checks.forks.forked(new, id, offset);
                }
                restored = true;
            }
        }
        if self.config.appendonly.is_some() {
            self.make_base(env, Manifest::default())?;
        }
        Ok(restored)
    }

    fn decode(&mut self, env: &Env, bytes: &[u8], ending: Ending) -> Result<Loaded, String> {
        let options = LoadOptions {
            databases: DATABASES,
            seed: self.random(),
            now: self.millis(env),
            keep_expired: true,
            encodings: ENCODINGS,
            ending,
            ..LoadOptions::default()
        };
        load(Bytes::new(bytes), &options, |_| ControlFlow::Continue(())).map_err(|error| error.to_string())
    }

    fn load_parts(&mut self, env: &mut Env, manifest: &Manifest) -> Result<(), String> {
        let mut parts = manifest.parts().peekable();
        while let Some(part) = parts.next() {
            let path = aof_path(&part.name);
            let bytes = self.disk.read(&path).ok_or_else(|| format!("{} is missing", part.name))?;
            let (mut begun, mut source) = (Vec::new(), &bytes[..]);
            if bytes.starts_with(b"REDIS") {
                let loaded = self.decode(env, &bytes, Ending::Open)?;
                (self.store, begun) = (loaded.store, loaded.rest);
                source = &bytes[loaded.bytes as usize + begun.len()..];
            }
            let mut reader = Reader::default();
            let mut commands = CommandReader::new(source, 512 << 20);
            commands.begin_with(&begun);
            let result = loop {
                let more = commands.some(|args| {
                    let command = check(args).map_err(|error| error.to_string())?;
                    reader.take(command, args, &mut |db, command, args| {
                        self.run_applied(env, db, command, &args.args())
                    })
                });
                match more {
                    Ok(true) => {}
                    Ok(false) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            match result {
                Ok(()) => {}
                Err(AofError { offset, damage: Damage::Torn { .. } }) if parts.peek().is_none() => {
                    env.note(self.life.node, "torn", offset);
                    let (mut file, _) = self.disk.open_to_append(&path).map_err(|error| error.to_string())?;
                    file.cut(offset).and_then(|()| file.sync()).map_err(|error| error.to_string())?;
                }
                Err(error) => return Err(format!("{}: {error:?}", part.name)),
            }
        }
        Ok(())
    }

    fn open_log(&mut self, manifest: Manifest) -> Result<(), String> {
        let name = manifest.increments.last().map(|part| part.name.clone()).unwrap_or_default();
        let (file, len) = self.disk.open_to_append(&aof_path(&name)).map_err(|error| error.to_string())?;
        self.log = Some(Log {
            writer: AofWriter::default(),
            file: AppendFile::at_end(file, len),
            manifest,
            written: 0,
            synced: 0,
            syncing: None,
            last_sync: 0,
            waiting: Vec::new(),
            failure: None,
        });
        Ok(())
    }

    /// What is in memory becomes the base; an empty increment follows it.
    fn make_base(&mut self, env: &mut Env, mut manifest: Manifest) -> Result<(), String> {
        let reader = self.store.begin_snapshot();
        self.store.capture(usize::MAX);
        let mut options = self.write_options(env, true);
        options.aux.aof_base = true;
        let bytes = encode(reader, &options).ok_or("the base cannot be encoded")?;
        let base = manifest.next_base(PREFIX, true);
        replace(&self.disk, &aof_path(&base.name), &bytes)?;
        manifest.replace_base(base, 0);
        manifest.history.clear();
        let increment = manifest.add_increment(PREFIX);
        // Its name is on the disk before the manifest's is.
        if !env.is(Mutant::ManifestFirst) {
            self.disk.open_to_append(&aof_path(&increment.name)).map_err(|error| error.to_string())?;
        }
        replace(&self.disk, &manifest_path(), manifest.render().as_bytes())?;
        self.open_log(manifest)
    }

    /// A full sync has replaced all data: what was appended before has nothing to do with them.
    pub(super) fn restart_log(&mut self, env: &mut Env) {
        let Some(log) = self.log.take() else { return };
        let manifest = log.manifest.clone();
        for (_, client) in log.waiting {
            env.answers.push((client, Answer::Unblocked));
        }
        env.checks.durable.replacing(self);
        match self.make_base(env, manifest) {
            Ok(()) => env.checks.durable.replaced(self),
            Err(error) => self.crash = Some(format!("no new base: {error}")),
        }
    }

    /// Writes what commands have appended, and starts to wait for the disk as the policy says.
    pub(super) fn flush_log(&mut self, env: &mut Env) {
        env.checks.durable.executed(self);
        let Some(log) = &mut self.log else { return };
        let always = self.config.appendonly == Some(Fsync::Always);
        let bytes = log.writer.unwritten().len() as u64;
        if bytes > 0 {
            match log.file.append(log.writer.unwritten()) {
                Ok(()) => {
                    log.written += bytes;
                    log.writer.written();
                    log.failure = None;
                }
                Err(error) => {
                    env.note(self.life.node, "append failed", 0);
                    log.failure = Some(error.to_string());
                    if always {
                        self.crash = Some("the append-only file cannot be written".to_owned());
                    }
                    return;
                }
            }
        }
        let due = always || env.now.saturating_sub(log.last_sync) >= SECOND;
        if due && log.syncing.is_none() && log.synced < log.written {
            log.syncing = Some(log.written);
            log.last_sync = env.now;
            let pause = env.rng.range(50, 20 * MILLI);
            env.after(pause, Event::Synced(self.life));
        }
    }

    /// The helper has come back from the disk.
    pub fn log_synced(&mut self, env: &mut Env) {
        let Some(log) = &mut self.log else { return };
        let Some(up_to) = log.syncing.take() else { return };
        if let Err(error) = log.file.file().sync() {
            env.note(self.life.node, "sync failed", 0);
            log.failure = Some(error.to_string());
            // Nothing that was not on the disk may ever be vouched for: here the node ends with either policy.
            self.crash = Some("the append-only file cannot be synced".to_owned());
            return;
        }
        log.synced = log.synced.max(up_to);
        let synced = log.synced;
        env.checks.durable.synced(self.life.node, synced);
        let (done, waiting) = std::mem::take(&mut log.waiting)
            .into_iter()
            .partition::<Vec<_>, _>(|(up_to, _)| *up_to <= synced);
        log.waiting = waiting;
        for (_, client) in done {
            env.answers.push((client, Answer::OnDisk));
        }
        self.flush_log(env);
    }

    /// Whether the reply of a client must wait for the disk (`appendfsync always`).
    pub fn must_wait_for_disk(&mut self, env: &mut Env, client: usize) -> bool {
        self.flush_log(env);
        let node = self.life.node;
        let Some(log) = &mut self.log else { return false };
        if self.config.appendonly != Some(Fsync::Always) || log.synced == log.written {
            return false;
        }
        if env.is(Mutant::ReplyBeforeSync) {
            env.checks.durable.acknowledged(node, log.written);
            return false;
        }
        log.waiting.push((log.written, client));
        true
    }

    /// SAVE
    pub fn save(&mut self, env: &mut Env) {
        let reader = self.store.begin_snapshot();
        self.store.capture(usize::MAX);
        let options = self.write_options(env, true);
        env.checks.equal.record(self);
        if let Some(bytes) = encode(reader, &options) {
            let saved = self.write_rdb(env, &bytes);
            env.note(self.node(), if saved.is_ok() { "saved" } else { "save failed" }, bytes.len() as u64);
        }
    }

    pub(super) fn write_rdb(&mut self, env: &mut Env, bytes: &[u8]) -> Result<(), String> {
        env.checks.files.saving(self.node(), bytes);
        let saved = replace(&self.disk, &rdb_path(), bytes);
        if saved.is_ok() {
            env.checks.files.saved(self.node(), bytes);
        }
        saved
    }
}

/// What executes one command of a database.
type Run<'r> =
    dyn FnMut(usize, &'static repliscope::commands::Command, &OwnedArgs) -> Result<(), String> + 'r;

/// Executes what an append-only file says.
#[derive(Debug, Default)]
struct Reader {
    db: usize,
    queued: Option<Vec<(&'static repliscope::commands::Command, OwnedArgs)>>,
}

impl Reader {
    fn take(
        &mut self,
        command: &'static repliscope::commands::Command,
        args: &repliscope::protocol::Args<'_>,
        run: &mut Run<'_>,
    ) -> Result<(), String> {
        if let Some(queued) = &mut self.queued
            && !args.is(0, "exec")
        {
            queued.push((command, args.to_owned_args()));
        } else if args.is(0, "select") {
            self.db = super::apply::database(args).ok_or("no such database")?;
        } else if args.is(0, "multi") {
            self.queued = Some(Vec::new());
        } else if args.is(0, "exec") {
            for (command, args) in self.queued.take().ok_or("EXEC without MULTI")? {
                self.take(command, &args.args(), run)?;
            }
        } else {
            run(self.db, command, &args.to_owned_args())?;
        }
        Ok(())
    }
}
