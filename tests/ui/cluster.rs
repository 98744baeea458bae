//! The whole way, by label, on real nodes: start, load, kill the master, promote, bring it back, type.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, bounded};
use eframe::egui::{Key, Modifiers, Role};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use repliscope::app::{App, LabClient};
use repliscope::lab::model::{LabModel, Life, NodeModel, SyncEnd};
use repliscope::lab::recording::read_recording;
use repliscope::lab::{LabCommand, LabHandle, LabOptions, Preset, ports, start};
use repliscope::node::StopReason;
use repliscope::protocol::frame::{Frame, FrameDecoder, FrameLimits};

/// Longest wait for one thing; each takes well under a second on an idle machine.
const SOON: Duration = Duration::from_secs(15);
/// Longest pause between two frames, for what the lab does not wake the window for.
const FRAME: Duration = Duration::from_millis(25);

/// A window on a lab of its own.
struct Live {
    window: Harness<'static, App>,
    lab: LabHandle,
    woken: Receiver<()>,
    /// Ports of the three nodes, the first master's first.
    ports: [u16; 3],
    data: tempfile::TempDir,
}

impl Live {
    fn new() -> Self {
        static LABS: AtomicU16 = AtomicU16::new(0);
        let data = tempfile::tempdir().unwrap();
        let (wake, woken) = bounded(1);
        let options =
            LabOptions { data_dir: data.path().to_owned(), keep_data: false, asks_before_wipe: true };
        let parts = start(move || _ = wake.try_send(()), options).unwrap();
        let client = LabClient::new(parts.entries, parts.commands);
        let window = Harness::builder()
            .with_size([1_280.0, 800.0])
            .with_step_dt(1.0 / 60.0)
            .with_max_steps(12)
            .build_eframe(move |cc| App::new(&cc.egui_ctx, client));
        // Below the ports that the system gives to clients, and elsewhere for each process and each test of it.
        let after =
            12_000 + (std::process::id() % 17_000) as u16 + 100 * LABS.fetch_add(1, Ordering::Relaxed);
        let first = ports::next_free_block(after, 3, &[]).unwrap();
        Self { window, lab: parts.handle, woken, ports: [first, first + 1, first + 2], data }
    }

    fn frames(&mut self) {
        for _ in 0..4 {
            self.window.step();
        }
    }

    fn click(&mut self, label: &str) {
        self.window.get_by_label(label).click();
        self.frames();
    }

    fn pane(&mut self, key: Key) {
        self.window.key_press_modifiers(Modifiers::COMMAND, key);
        self.frames();
    }

    /// Draws frames until `wanted`; what is known of the cluster is the message when it does not come.
    fn until(&mut self, what: &str, wanted: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + SOON;
        while !wanted(self) {
            assert!(Instant::now() < deadline, "{what} did not come:\n{}", self.known());
            let _ = self.woken.recv_timeout(FRAME);
            self.window.step();
        }
    }

    fn known(&self) -> String {
        let model = self.window.state().model();
        let nodes = model.nodes.values().map(|node| {
            let link = node.link.map(|link| link.phase);
            format!("{} {:?} {:?} {link:?} {:?}\n", node.port, node.role, node.life(), node.link_lost)
        });
        let notices = model.notices.iter().map(|notice| format!("{}\n", notice.text));
        nodes.chain(notices).collect()
    }

    fn node(&self, port: u16) -> Option<&NodeModel> {
        self.window.state().model().node_at_port(port)
    }

    fn follows(&self, replica: u16, master: u16) -> bool {
        let streams = format!("Link of {replica}: streaming");
        self.node(replica).is_some_and(|node| node.master_port() == Some(master) && node.is_streaming())
            && self.window.query_by_label_contains(&streams).is_some()
    }

    fn type_line(&mut self, text: &str) {
        self.window.get_by_label("Console line").type_text(text);
        self.frames();
        self.window.key_press(Key::Enter);
        self.frames();
    }
}

/// What a client over TCP is answered.
fn ask(port: u16, line: &str) -> Frame {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = TcpStream::connect_timeout(&address, SOON).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
    let mut decoder = FrameDecoder::new(FrameLimits::default());
    let mut bytes = [0; 4_096];
    loop {
        if let Some(frame) = decoder.next_frame().unwrap() {
            return frame;
        }
        let count = stream.read(&mut bytes).unwrap();
        assert!(count > 0, "{port} closed the connection");
        decoder.feed(&bytes[..count]);
    }
}

/// A figure of INFO.
fn figure(port: u16, field: &str) -> u64 {
    let (Frame::Bulk(info) | Frame::Verbatim(_, info)) = ask(port, "INFO all") else { panic!("no INFO") };
    let info = String::from_utf8(info).unwrap();
    let value = info.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'));
    value.unwrap_or_else(|| panic!("{field} in {info}")).trim().parse().unwrap()
}

#[test]
fn an_emptied_master_is_a_question_and_a_click_on_promote_keeps_the_data() {
    let mut live = Live::new();
    let [old, new, other] = live.ports;
    live.window.state_mut().ask(LabCommand::StartCluster { preset: Preset::Star { replicas: 2 }, port: old });
    live.until("both links", |live| live.follows(new, old) && live.follows(other, old));
    ask(old, "SET kept value");
    let value = Frame::Bulk(b"value".to_vec());
    live.until("the write at both", |_| {
        [new, other].map(|port| ask(port, "GET kept")) == [value.clone(), value.clone()]
    });

    let master = live.node(old).unwrap().id;
    live.window.state_mut().ask(LabCommand::Kill(master));
    live.until("the end of the master", |live| live.node(old).is_some_and(|node| !node.is_running()));
    live.window.state_mut().ask(LabCommand::Start(master));
    let title = format!("Replace the data of {old}'s replicas?");
    live.until("the question", |live| live.window.query_by_label(&title).is_some());
    live.until("both replicas", |live| live.window.state().model().asking().count() == 2);
    // The question has grown by a line: its buttons stay where they are from the next frame on.
    live.frames();
    live.click("Decide later");
    assert!(live.window.query_by_label(&title).is_none(), "it is asked once");
    live.click(&format!("Node {other}"));
    live.click(&format!("Replace its data {other}"));
    live.window.get_by_label(&format!("Replace the data of {other}?"));
    live.click("Replace its data");
    live.until("the one that was let go", |live| live.follows(other, old));
    assert_eq!(ask(other, "GET kept"), Frame::Null);

    live.click(&format!("Node {new}"));
    live.click(&format!("Promote {new}"));
    live.click("Promote it");
    live.until("the data everywhere", |live| live.follows(old, new) && live.follows(other, new));
    for port in live.ports {
        assert_eq!(ask(port, "GET kept"), value);
    }
    assert!(live.lab.shutdown(Duration::from_secs(3)), "the lab did not end");
}

#[test]
fn a_cluster_is_started_loaded_failed_over_and_typed_to_by_clicks_alone() {
    let mut live = Live::new();
    let [old, new, other] = live.ports;

    live.window.get_by_role_and_label(Role::SpinButton, "First port").click();
    live.frames();
    live.window.get_by_role_and_label(Role::SpinButton, "First port").type_text(&old.to_string());
    live.frames();
    live.window.key_press(Key::Enter);
    live.frames();
    live.window.get_by_label_contains(&format!("Master on 127.0.0.1:{old}"));
    live.click("Start 3-node cluster");
    live.until("every node", |live| live.window.query_by_label("3 of 3 nodes answer").is_some());
    live.until("both links", |live| live.follows(new, old) && live.follows(other, old));

    live.pane(Key::Num6);
    live.click("Start workload");
    live.until("writes", |live| live.window.state().model().workload.total.writes_ok > 0);

    live.pane(Key::Num2);
    live.click(&format!("Kill {old}"));
    live.window.get_by_label(&format!("Kill master {old}?"));
    live.click("Kill it");
    live.until("the end of the master", |live| {
        live.node(old).is_some_and(|node| *node.life() == Life::Stopped(StopReason::Killed))
    });

    // Under load one replica may have got more than the other, and only what is behind can be continued.
    live.until("the end of both links", |live| {
        [new, other].iter().all(|port| live.node(*port).is_some_and(|node| !node.is_streaming()))
    });
    let got = |port| figure(port, "slave_repl_offset");
    let [new, other] = if got(new) >= got(other) { [new, other] } else { [other, new] };
    live.click(&format!("Node {new}"));
    live.click(&format!("Promote {new}"));
    live.until("the other replica at the new master", |live| live.follows(other, new));
    assert_eq!((figure(new, "sync_partial_ok"), figure(new, "sync_full")), (1, 0));
    live.until("the promotion's steps", |live| {
        live.window.query_by_label_contains(&format!("{other} follows after")).is_some()
    });

    live.click(&format!("Node {old}"));
    live.click(&format!("Start {old}"));
    live.until("the old master as a replica", |live| live.follows(old, new));
    live.until("every node", |live| live.window.query_by_label("3 of 3 nodes answer").is_some());

    live.pane(Key::Num5);
    live.click(&format!("Console target {new}"));
    live.type_line("SET greeting hello");
    live.until("the reply of SET", |live| live.window.query_by_label("OK").is_some());
    live.until("the write at the replica", |_| ask(other, "GET greeting") == Frame::Bulk(b"hello".to_vec()));
    live.click(&format!("Console target {other}"));
    live.type_line("GET greeting");
    live.until("the reply of GET", |live| live.window.query_by_label("\"hello\"").is_some());

    // What was seen can be saved, and read again it tells the same.
    let path = live.data.path().join("failover.repliscope");
    live.window.state_mut().ask(LabCommand::SaveRecording(path.clone()));
    live.until("the recording", |_| path.exists());
    let mut replayed = LabModel::default();
    for entry in read_recording(&path).unwrap() {
        replayed.fold(&entry);
    }
    assert_eq!(replayed.syncs.len(), live.window.state().model().syncs.len());
    for sync in &replayed.syncs {
        let SyncEnd::Finished { took, .. } = sync.end else { continue };
        let (phases, total) =
            (sync.phases.iter().map(|phase| phase.took(replayed.now)).sum(), sync.took(replayed.now));
        assert_eq!(total, phases, "the phases make up the whole");
        let apart = took.abs_diff(total);
        assert!(
            apart < Duration::from_millis(100),
            "the replica measured {took:?}, the window shows {total:?}"
        );
    }

    assert!(live.lab.shutdown(Duration::from_secs(3)), "the lab did not end");
    for port in live.ports {
        assert!(TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err(), "{port} is still served");
    }
}
