//! Where a node listens, and how CONFIG SET moves it.

use std::net::TcpListener;

use super::support::server::free_port;
use super::support::{Client, Server, until};

/// What is said of addresses that this machine does not have.
const FAILED: &str = "Failed to bind to specified addresses.";

#[test]
fn a_port_that_is_taken_leaves_everything_as_it_was() {
    let server = Server::node(&["maxmemory 0"]);
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let mut client = server.client();
    let answer = client.ask(&["CONFIG", "SET", "maxmemory", "10000001", "port", &port]).text();
    assert_eq!(
        answer,
        "-ERR CONFIG SET failed (possibly related to argument 'port') - Unable to listen on this port. Check server \
         logs."
    );
    assert_eq!(server.ask("CONFIG GET maxmemory"), "maxmemory 0");
    assert_eq!(server.ask("CONFIG GET port"), format!("port {}", server.port));
}

#[test]
fn a_node_moves_to_another_port_and_keeps_its_clients() {
    let server = Server::node(&[]);
    let (mut client, port) = (server.client(), free_port());
    assert_eq!(client.ask(&["CONFIG", "SET", "port", &port.to_string()]).text(), "OK");
    assert!(Client::try_connect(server.port).is_err());
    assert_eq!(Client::connect(port).ask(&["PING"]).text(), "PONG");
    assert_eq!(client.ask(&["CONFIG", "SET", "bind", "127.0.0.1"]).text(), "OK");
    assert_eq!(
        client.ask(&["CONFIG", "SET", "bind", "203.0.113.1"]).text().split(" - ").nth(1).unwrap(),
        FAILED
    );
    assert_eq!(client.ask(&["CONFIG", "GET", "bind"]).text(), "bind 127.0.0.1");
    assert_eq!(Client::connect(port).ask(&["PING"]).text(), "PONG");
    assert_eq!(client.ask(&["CONFIG", "SET", "port", "0"]).text(), "OK");
    assert!(Client::try_connect(port).is_err());
    assert_eq!(client.ask(&["CONFIG", "SET", "port", &server.port.to_string()]).text(), "OK");
    assert_eq!(server.ask("PING"), "PONG");
}

#[cfg(unix)]
#[test]
fn a_socket_in_the_file_system_serves_and_goes_with_its_node() {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::{UnixListener, UnixStream};

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.sock");
    // One that a killed server left behind is in nobody's way.
    drop(UnixListener::bind(&path).unwrap());
    let directives = format!("unixsocket {}", path.display());
    let mut node = Server::node(&[&directives, "unixsocketperm 700"]);
    let mut stream = UnixStream::connect(&path).unwrap();
    let mut ask = |line: &str| {
        stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        let mut reply = vec![0; 4096];
        let len = stream.read(&mut reply).unwrap();
        String::from_utf8_lossy(&reply[..len]).into_owned()
    };
    assert_eq!(ask("SET a b"), "+OK\r\n");
    assert_eq!(ask("GET a"), "$1\r\nb\r\n");
    let shown = format!("addr={0}:0 laddr={0}:0", path.display());
    let list = ask("CLIENT LIST");
    assert!(list.contains(&shown) && list.contains("flags=U"), "{list}");
    node.shut_down("NOSAVE");
    assert!(!path.exists(), "the file goes with the node");
}

#[cfg(unix)]
#[test]
fn a_socket_replaces_a_file_or_a_link_but_no_directory() {
    use std::os::unix::fs::{FileTypeExt as _, symlink};

    use repliscope::node::{NodeEvent, NodeHandle, NodeOptions};

    let folder = tempfile::tempdir().unwrap();
    let [file, link, directory] = ["file", "link", "directory"].map(|name| folder.path().join(name));
    let behind = folder.path().join("behind");
    std::fs::write(&file, "a file").unwrap();
    std::fs::write(&behind, "what the link points to").unwrap();
    symlink(&behind, &link).unwrap();
    for path in [&file, &link] {
        let _node = Server::node(&[&format!("unixsocket {}", path.display())]);
        assert!(std::fs::symlink_metadata(path).unwrap().file_type().is_socket(), "{}", path.display());
    }
    assert_eq!(std::fs::read(&behind).unwrap(), b"what the link points to");

    std::fs::create_dir(&directory).unwrap();
    let options = NodeOptions {
        directives: vec![
            ("unixsocket".to_owned(), directory.display().to_string()),
            ("port".to_owned(), "0".to_owned()),
        ],
        ..NodeOptions::default()
    };
    let (sender, told) = std::sync::mpsc::channel();
    let _node = NodeHandle::start(options, move |event| drop(sender.send(event))).unwrap();
    let stopped = told.iter().find(|event| matches!(event, NodeEvent::Stopped(_))).unwrap();
    assert!(format!("{stopped:?}").contains("Failed opening Unix socket"), "{stopped:?}");
    assert!(directory.is_dir());
}

#[cfg(unix)]
#[test]
fn a_node_without_a_port_serves_its_socket_and_may_follow_a_master() {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::os::unix::net::UnixStream;

    use repliscope::node::{NodeEvent, NodeHandle, NodeOptions};

    let master = Server::node(&[]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("redis.sock");
    let mut directives = vec![("port", "0".to_owned()), ("save", "\"\"".to_owned())];
    directives.push(("dir", folder.path().display().to_string()));
    directives.push(("unixsocket", path.display().to_string()));
    directives.push(("replicaof", format!("127.0.0.1 {}", master.port)));
    let directives = directives.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let (sender, told) = std::sync::mpsc::channel();
    let options = NodeOptions { directives, ..NodeOptions::default() };
    let _node = NodeHandle::start(options, move |event| drop(sender.send(event))).unwrap();
    let mut log = Vec::new();
    let port = told.iter().find_map(|event| match event {
        NodeEvent::Ready { port, .. } => Some(port),
        NodeEvent::Log { text, .. } => {
            log.push(text);
            None
        }
        _ => None,
    });
    assert_eq!(port, Some(0));
    assert!(!log.iter().any(|line| line == "Ready to accept connections"), "{log:?}");
    assert!(log.contains(&format!("The server is now ready to accept connections at {}", path.display())));

    let mut socket = BufReader::new(UnixStream::connect(&path).unwrap());
    let mut ask = |line: &str| {
        socket.get_mut().write_all(format!("{line}\r\n").as_bytes()).unwrap();
        let mut reply = String::new();
        socket.read_line(&mut reply).unwrap();
        if let Some(len) = reply.strip_prefix('$') {
            let mut bulk = vec![0; len.trim_end().parse::<usize>().unwrap() + 2];
            std::io::Read::read_exact(&mut socket, &mut bulk).unwrap();
            return String::from_utf8(bulk).unwrap();
        }
        reply
    };
    assert!(ask("INFO server").contains("tcp_port:0\r\n"));
    until("the replica is online", &[&master], || master.info("slave0").contains("port=0,state=online"));
    let port = free_port();
    assert_eq!(ask(&format!("CONFIG SET port {port}")), "+OK\r\n");
    assert!(Client::connect(port).ask(&["PING"]).text().starts_with("PONG"));
    assert_eq!(ask("CONFIG SET port 0"), "+OK\r\n");
    assert!(Client::try_connect(port).is_err());
}
