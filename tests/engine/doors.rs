//! Who is let in, and what may be called: protected mode and renamed commands.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use super::support::client::encode;
use super::support::{Client, Kind, Server, skip, until_equal};

/// Connects from `from` to that port on `to`.
fn connect(from: IpAddr, to: IpAddr, port: u16) -> Client {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
    socket.bind(&SockAddr::from(SocketAddr::new(from, 0))).unwrap();
    socket.connect(&SockAddr::from(SocketAddr::new(to, port))).unwrap();
    Client::from_stream(TcpStream::from(socket))
}

/// Addresses of this machine that are none of those where a client is taken for a local one, with one to reach the node
/// at from there.
fn strange_addresses() -> Vec<(IpAddr, IpAddr)> {
    let mut found = Vec::new();
    // The system's own choice for a way out of the machine; nothing is sent.
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    if socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).is_ok() {
        let own = socket.local_addr().unwrap().ip();
        if !own.is_loopback() && !own.is_unspecified() {
            found.push((own, own));
        }
    }
    if cfg!(target_os = "linux") {
        found.push((IpAddr::from([127, 0, 0, 2]), IpAddr::from(Ipv4Addr::LOCALHOST)));
    }
    found
}

#[test]
fn protected_mode_keeps_strangers_out() {
    let strangers = strange_addresses();
    if strangers.is_empty() && skip("this machine has no address but loopback") {
        return;
    }
    let node = Server::node(&["bind *"]);
    let mut here = node.client();
    let answer = |(from, to)| {
        let mut stranger = connect(from, to, node.port);
        stranger.send(&encode(&[b"PING"]));
        stranger.line().unwrap_or_default()
    };
    let rejected = node.number("rejected_connections");
    for stranger in &strangers {
        let text = answer(*stranger);
        assert!(
            text.starts_with("-DENIED Redis is running in protected mode because"),
            "{stranger:?}: {text}"
        );
        assert!(text.ends_with("accepting connections from the outside."), "{stranger:?}: {text}");
    }
    assert_eq!(node.number("rejected_connections"), rejected + strangers.len() as u64);
    // A password, or the wish to be open, lets them in; both at run time as at the start.
    for (open, close, wanted) in [
        (["requirepass", "secret"], ["requirepass", ""], "-NOAUTH Authentication required."),
        (["protected-mode", "no"], ["protected-mode", "yes"], "+PONG"),
    ] {
        assert_eq!(here.ask(&["CONFIG", "SET", open[0], open[1]]).text(), "OK");
        for stranger in &strangers {
            assert_eq!(answer(*stranger), wanted, "{open:?}");
        }
        assert_eq!(here.ask(&["CONFIG", "SET", close[0], close[1]]).text(), "OK");
        for stranger in &strangers {
            assert!(answer(*stranger).starts_with("-DENIED"), "{close:?}");
        }
    }
    let open = Server::node(&["bind *", "protected-mode no"]);
    let (from, to) = strangers[0];
    assert_eq!(connect(from, to, open.port).ask(&["PING"]).text(), "PONG");
}

#[test]
fn renamed_commands_are_known_by_their_new_names_alone() {
    let node = Server::node(&[
        "rename-command FLUSHALL \"\"",
        "rename-command KEYS hidden",
        "rename-command config cfg",
        "rename-command DEL remove",
    ]);
    let mut client = node.client();
    for (words, wanted) in [
        ("SET key value", "OK"),
        ("FLUSHALL", "-ERR unknown command 'FLUSHALL', with args beginning with: "),
        ("KEYS *", "-ERR unknown command 'KEYS', with args beginning with: '*' "),
        ("hidden *", "key"),
        ("HIDDEN *", "key"),
        ("CONFIG GET port", "-ERR unknown command 'CONFIG', with args beginning with: 'GET' 'port' "),
        ("cfg nope", "-ERR unknown subcommand 'nope'. Try CFG HELP."),
        ("MULTI", "OK"),
        ("flushall", "-ERR unknown command 'flushall', with args beginning with: "),
        ("EXEC", "-EXECABORT Transaction discarded because of previous errors."),
        ("COMMAND INFO flushall", "(nil)"),
        ("COMMAND GETKEYS remove key", "key"),
        ("COMMAND GETKEYS del key", "-ERR Invalid command specified"),
        ("GET key", "value"),
        ("remove key", "1"),
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        assert_eq!(client.ask(&words).text(), wanted, "{words:?}");
    }
    assert!(client.ask(&["cfg", "HELP"]).text().contains("CONFIG <subcommand>"));
    assert!(client.ask(&["COMMAND", "INFO", "hidden"]).text().starts_with("keys "));
    let all = Server::node(&[]).ask("COMMAND COUNT").parse::<u64>().unwrap();
    assert_eq!(node.ask("COMMAND COUNT"), (all - 1).to_string());
    assert!(node.ask("INFO commandstats").contains("cmdstat_keys:calls=2,"));
}

#[test]
fn a_stream_and_a_file_may_hold_either_name() {
    // Each kind of command that looks at its own name: one that empties, one whose effects are apart, one in a
    // transaction.
    let renames = ["rename-command FLUSHALL wipe", "rename-command SET put", "rename-command EXEC go"];
    let plain = Server::node(&[]);
    let mut renamed = Server::replica_of(Kind::Node, &plain, &[&renames[..], &["appendonly yes"]].concat());
    let mut client = plain.client();
    for words in
        [&["SET", "a", "1"][..], &["FLUSHALL"], &["SET", "b", "2"], &["MULTI"], &["SET", "c", "3"], &["EXEC"]]
    {
        assert!(!client.ask(words).text().starts_with('-'), "{words:?}");
    }
    until_equal(&plain, &renamed);
    assert_eq!(plain.number("sync_full"), 1);
    // As a master it passes the names on as they were typed; a replica of the same configuration knows them.
    assert_eq!(renamed.ask("REPLICAOF NO ONE"), "OK");
    let below = Server::replica_of(Kind::Node, &renamed, &renames);
    let mut client = renamed.client();
    for words in
        [&["put", "e", "5"][..], &["wipe"], &["put", "f", "6"], &["MULTI"], &["put", "g", "7"], &["go"]]
    {
        assert!(!client.ask(words).text().starts_with('-'), "{words:?}");
    }
    until_equal(&renamed, &below);
    let digest = renamed.digest();
    renamed.kill();
    renamed.restart(&[]);
    assert_eq!((renamed.digest(), renamed.ask("GET g")), (digest, "7".to_owned()));
}

#[cfg(target_os = "linux")]
#[test]
fn clients_leave_the_server_the_descriptors_that_it_needs() {
    let raised =
        std::process::Command::new("sh").args(["-c", "ulimit -n 80; ulimit -n 200"]).output().unwrap();
    if raised.status.success() {
        println!("skipped: this user may raise any limit, so the server would, too");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let port = super::support::server::free_port();
    let command = format!(
        "ulimit -n 80; exec {} server --port {port} --save '' --dir {} --logfile log",
        env!("CARGO_BIN_EXE_repliscope"),
        dir.path().display()
    );
    let mut shell = std::process::Command::new("sh");
    let _program = super::support::program::Program::start(shell.args(["-c", &command]));
    let begun = std::time::Instant::now();
    let mut first = loop {
        assert!(begun.elapsed().as_secs() < 20, "the server does not start");
        if let Ok(client) = Client::try_connect(port) {
            break client;
        }
    };
    let mut others: Vec<Client> = (0..150).map(|_| Client::connect(port)).collect();
    let answers: Vec<String> = others
        .iter_mut()
        .map(|client| {
            let _ = client.stream().set_nodelay(true);
            let _ = std::io::Write::write_all(&mut client.stream(), &encode(&[b"PING"]));
            client.line().unwrap_or_default()
        })
        .collect();
    // Redis keeps back 32 descriptors, whatever it uses itself.
    assert_eq!(first.ask(&["CONFIG", "GET", "maxclients"]).text(), "maxclients 48");
    assert_eq!(answers.iter().filter(|answer| *answer == "+PONG").count(), 47);
    let refused = answers.iter().filter(|answer| *answer == "-ERR max number of clients reached").count();
    assert_eq!(refused, 150 - 47, "{answers:?}");
    for words in [&["SET", "key", "value"][..], &["CONFIG", "SET", "appendonly", "yes"], &["SET", "key", "2"]]
    {
        assert_eq!(first.ask(words).text(), "OK");
    }
    assert_eq!(first.ask(&["SAVE"]).text(), "OK");
    assert!(
        first.ask(&["CONFIG", "SET", "maxclients", "4000000000"]).text().contains("try with "),
        "more than any system has"
    );
    assert_eq!(first.ask(&["CONFIG", "GET", "maxclients"]).text(), "maxclients 48");
    let log = std::fs::read_to_string(dir.path().join("log")).unwrap();
    assert!(log.contains("maxclients has been reduced to 48 to compensate for low ulimit."), "{log}");
    assert!(log.lines().count() < 30, "{log}");
}
