//! Which files the append-only file has at the node's start: found, taken over from older versions, or made.

use std::sync::Arc;

use super::append::Log;
use super::rewrite::write_base;
use crate::node::config::system_text;
use crate::node::disk::snapshot::{Job, Progress};
use crate::node::node::Node;
use crate::persistence::{AppendFile, Manifest, move_aside};

impl Node {
    /// The files cannot be used. The log ends with Redis' own line, which others wait for; where and why stands before
    /// it. Returns both for whoever started the node.
    pub(super) fn refuse_aof(&mut self, line: String, detail: &str) -> String {
        if detail.is_empty() {
            self.warning(&line);
            return line;
        }
        self.warning(detail);
        self.warning(&line);
        format!("{line} ({detail})")
    }

    /// The same for what has told its error and not logged it.
    pub(super) fn or_refuse_aof<T>(&mut self, result: Result<T, String>) -> Result<T, String> {
        result.map_err(|error| self.refuse_aof(error, ""))
    }

    /// The manifest on the disk; `None` if there is none.
    ///
    /// # Errors
    /// It cannot be read, or is none: lines for the log.
    pub(in crate::node) fn read_manifest(&self) -> Result<Option<Manifest>, Vec<String>> {
        let path = self.manifest_path();
        match std::fs::read_to_string(&path) {
            Ok(text) => Manifest::parse(&text).map(Some).map_err(|error| error.lines()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(vec![format!(
                "Fatal error: can't open the AOF manifest file {} for reading: {}",
                path.display(),
                system_text(&error)
            )]),
        }
    }

    /// The manifest, or one for the single file of a version before 7.0; `None` if there is no append-only file.
    pub(super) fn find_aof(&mut self) -> Result<Option<Manifest>, String> {
        let found = self.read_manifest().map_err(|lines| {
            for line in &lines {
                self.warning(line);
            }
            lines.join("\n").trim().to_owned()
        })?;
        let manifest = found.clone().unwrap_or_default();
        if self.has_old_file(&manifest) {
            return self.take_over_old_file(manifest).map(Some);
        }
        let found = found.filter(|manifest| !manifest.is_empty());
        if let Some(manifest) = &found {
            self.check_parts(manifest)?;
        } else {
            self.check_no_part_is_left(&manifest)?;
            // It may name files that are to be deleted.
            self.disk.aof.manifest = manifest;
        }
        Ok(found)
    }

    /// There is a single file of a version before 7.0 that no manifest has taken the place of; it may be one whose
    /// taking over was interrupted.
    fn has_old_file(&self, manifest: &Manifest) -> bool {
        let name = &self.config.appendfilename;
        let is_interrupted = manifest.increments.is_empty()
            && manifest.base.as_ref().is_some_and(|base| base.name == *name)
            && !self.aof_folder().join(name).is_file();
        self.config.dir.join(name).is_file() && (manifest.is_empty() || is_interrupted)
    }

    /// The manifest names it before it is moved: a start that is interrupted between the two is gone on with.
    fn take_over_old_file(&mut self, mut manifest: Manifest) -> Result<Manifest, String> {
        let (name, folder) = (self.config.appendfilename.clone(), self.config.appenddirname.clone());
        manifest.adopt(&name);
        let stored = self.make_aof_folder().and_then(|()| self.store_manifest(manifest.clone()));
        self.or_refuse_aof(stored)?;
        if let Err(error) = move_aside(&self.config.dir.join(&name), &self.aof_folder().join(&name)) {
            let line = format!("Error trying to move the old AOF file {name} into dir {folder}: {error}");
            return Err(self.refuse_aof(line, ""));
        }
        self.notice(format!(
            "Successfully migrated an old-style AOF file ({name}) into the AOF directory ({folder})."
        ));
        Ok(manifest)
    }

    /// All files that the manifest names are there.
    fn check_parts(&mut self, manifest: &Manifest) -> Result<(), String> {
        for part in manifest.parts() {
            let path = self.aof_folder().join(&part.name);
            if let Err(error) = path.metadata() {
                let name = &part.name;
                let line =
                    format!("Unable to obtain the AOF file {name} length. stat: {}", system_text(&error));
                return Err(self.refuse_aof(line, ""));
            }
        }
        Ok(())
    }

    /// Without a manifest, parts that are there would be written over, and their data lost.
    fn check_no_part_is_left(&mut self, manifest: &Manifest) -> Result<(), String> {
        let (folder, name) = (self.aof_folder(), self.config.appendfilename.clone());
        let prefix = format!("{name}.");
        let parts = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let left: Vec<_> = parts
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .filter(|file| *file == name || file.starts_with(&prefix))
            .filter(|file| !file.ends_with(".manifest"))
            .filter(|file| !manifest.history.iter().any(|part| part.name == *file))
            .collect();
        // Of a first start that was killed before it wrote the manifest: no increment means that nothing was served, and
        // what the base holds is still where it came from.
        let first = [true, false].map(|is_rdb| Manifest::default().next_base(&name, is_rdb).name);
        match &left[..] {
            [] => Ok(()),
            [file] if first.contains(file) => {
                self.notice(format!("AOF base file {file} of a start that was not finished is replaced"));
                Ok(())
            }
            [file, ..] => {
                let line = format!(
                    "{} is missing, but {} is there: the data would be lost. Put the manifest back, or move the \
                     folder away to begin empty",
                    self.manifest_path().display(),
                    folder.join(file).display()
                );
                Err(self.refuse_aof(line, ""))
            }
        }
    }

    /// There was no append-only file: what is in memory becomes the base, and an increment follows it.
    pub(super) fn make_first_files(&mut self) -> Result<(), String> {
        let made = self.make_aof_folder().and_then(|()| self.make_first_base());
        self.or_refuse_aof(made)?;
        self.open_log()
    }

    fn make_first_base(&mut self) -> Result<(), String> {
        let reader = self.data.store.begin_snapshot();
        self.data.store.capture(usize::MAX);
        let is_rdb = self.config.aof_use_rdb_preamble;
        let mut options = self.write_options(true);
        options.aux.aof_base = true;
        let progress = Progress::new(reader.keys());
        let job = Job {
            progress,
            reader,
            options,
            abandoned: Arc::default(),
            disk: self.disk.files.clone(),
            piecewise: self.config.aof_rewrite_incremental_fsync,
        };
        let mut manifest = self.disk.aof.manifest.clone();
        let base = manifest.next_base(&self.config.appendfilename, is_rdb);
        write_base(job, is_rdb, self.aof_time(), &self.aof_folder().join(&base.name))?;
        self.notice(format!("Creating AOF base file {} on server start", base.name));
        manifest.replace_base(base, 0);
        self.store_manifest(manifest)
    }

    /// Opens the last increment, or makes the first one.
    pub(super) fn open_log(&mut self) -> Result<(), String> {
        let folder = self.aof_folder();
        let mut manifest = self.disk.aof.manifest.clone();
        let is_first = manifest.increments.is_empty();
        if is_first {
            manifest.add_increment(&self.config.appendfilename);
        }
        let len = |name: &String| folder.join(name).metadata().map_or(0, |metadata| metadata.len());
        let parts: Vec<String> = manifest.parts().map(|part| part.name.clone()).collect();
        let Some((name, before)) = parts.split_last() else { return Ok(()) };
        let before = before.iter().map(len).sum();
        let file = AppendFile::open(&folder.join(name), &self.disk.files);
        let file = file.map_err(|error| {
            let line = format!("Can't open the append-only file {name}: {}", system_text(&error));
            self.refuse_aof(line, "")
        })?;
        // Growth counts from the base on, as nothing tells how large the file was after the last rewrite.
        self.disk.aof.rewrite.base_size = manifest.base.as_ref().map_or(0, |base| len(&base.name));
        if is_first {
            // The file is there before the manifest names it: a power loss could leave a manifest of a file that is not
            // there, and with it what was acknowledged meanwhile.
            let stored = self.store_manifest(manifest);
            self.or_refuse_aof(stored)?;
        }
        self.disk.aof.log = Some(Log::new(file, before));
        self.update_streaming();
        self.notice(format!(
            "{} AOF incr file {name} on server start",
            if is_first { "Creating" } else { "Opening" }
        ));
        Ok(())
    }
}
