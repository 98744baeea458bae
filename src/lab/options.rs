//! What a lab is started with.

use std::path::PathBuf;

/// What a lab needs to know.
#[derive(Debug, Clone)]
pub struct LabOptions {
    /// Each node has the folder `<data_dir>/<port>/`.
    pub data_dir: PathBuf,
    /// A new cluster loads the data that its folders hold; otherwise old data is set aside (`dump.rdb.previous`)
    /// and the cluster begins empty.
    pub keep_data: bool,
    /// Replicas keep their data and ask, when their master comes back without them ([`AskBeforeWipe`](super::LabCommand::AskBeforeWipe)).
    /// Without anybody who could answer they do as Redis' do.
    pub asks_before_wipe: bool,
}
