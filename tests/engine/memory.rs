//! Memory that a node holds for its clients, and what it frees beside its work.

use super::support::{Server, until};

#[test]
fn large_values_are_freed_in_the_background_and_counted() {
    let server = Server::node(&[]);
    let elements: Vec<String> = (0..40_000).map(|number| format!("element:{number}")).collect();
    let mut client = server.client();
    let mut fill = || {
        let mut words = vec!["SADD", "set"];
        words.extend(elements.iter().map(String::as_str));
        assert_eq!(client.ask(&words).text(), "40000");
    };
    fill();
    server.ask("SET small value");
    server.ask("UNLINK set small");
    until("the set is freed", &[&server], || server.info("lazyfreed_objects") == "1");
    assert_eq!(server.info("lazyfree_pending_objects"), "0");
    fill();
    server.ask("FLUSHALL ASYNC");
    until("the database is freed", &[&server], || server.info("lazyfreed_objects") == "2");
    server.ask("CONFIG RESETSTAT");
    assert_eq!(server.info("lazyfreed_objects"), "0");
}
