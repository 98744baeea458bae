//! ACL where nobody has made users: what a Redis with the default user alone answers.

use super::support::{Client, Server};

const ONLY_DEFAULT: &str =
    "-ERR This server has only the default user: users cannot be made, changed, deleted, loaded or saved";

#[track_caller]
fn asks(client: &mut Client, cases: &[(&str, &str)]) {
    for (request, reply) in cases {
        let words: Vec<&str> = request.split(' ').collect();
        assert_eq!(client.ask(&words).text(), *reply, "{request}");
    }
}

#[test]
fn the_default_user_is_shown_as_redis_shows_it() {
    let node = Server::node(&[]);
    let mut client = node.client();
    asks(
        &mut client,
        &[
            ("ACL", "-ERR wrong number of arguments for 'acl' command"),
            ("ACL WHOAMI", "default"),
            ("ACL WHOAMI x", "-ERR wrong number of arguments for 'acl|whoami' command"),
            ("ACL LIST", "user default on nopass ~* &* +@all"),
            ("ACL USERS", "default"),
            (
                "ACL GETUSER default",
                "flags on nopass passwords  commands +@all keys ~* channels &* selectors ",
            ),
            ("ACL GETUSER Default", "(nil)"),
            ("ACL LOG", ""),
            ("ACL LOG -1", ""),
            ("ACL LOG reset", "OK"),
            ("ACL LOG foo", "-ERR value is not an integer or out of range"),
            ("ACL LOG 1 2", "-ERR unknown subcommand or wrong number of arguments for 'LOG'. Try ACL HELP."),
            ("ACL CAT nosuch", "-ERR Unknown category 'nosuch'"),
            ("ACL CAT a b", "-ERR unknown subcommand or wrong number of arguments for 'CAT'. Try ACL HELP."),
            ("ACL NOSUCH", "-ERR unknown subcommand 'NOSUCH'. Try ACL HELP."),
            ("ACL DRYRUN default get x", "OK"),
            ("ACL DRYRUN default get", "-ERR wrong number of arguments for 'get' command"),
            ("ACL DRYRUN default nosuch", "-ERR Command 'nosuch' not found"),
            ("ACL DRYRUN default config nosuch", "-ERR Command 'config' not found"),
            ("ACL DRYRUN x get y", "-ERR User 'x' not found"),
        ],
    );
    let categories = "keyspace read write set sortedset list hash string bitmap hyperloglog geo stream pubsub admin \
                      fast slow blocking dangerous connection transaction scripting";
    assert_eq!(client.ask(&["ACL", "CAT"]).text(), categories);
    for category in categories.split(' ') {
        let listed = client.ask(&["COMMAND", "LIST", "FILTERBY", "ACLCAT", category]).text();
        assert_eq!(client.ask(&["ACL", "CAT", &category.to_uppercase()]).text(), listed, "{category}");
        assert!(listed.contains(' '), "{category}: {listed}");
    }
}

#[test]
fn a_password_is_shown_as_its_hash() {
    let node = Server::node(&["requirepass foo"]);
    let mut client = node.client();
    let hash = "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae";
    let user = format!("flags on passwords {hash} commands +@all keys ~* channels &* selectors ");
    let line = format!("user default on #{hash} ~* &* +@all");
    asks(
        &mut client,
        &[
            ("ACL WHOAMI", "-NOAUTH Authentication required."),
            ("AUTH foo", "OK"),
            ("ACL WHOAMI", "default"),
            ("ACL LIST", &line),
            ("ACL GETUSER default", &user),
        ],
    );
    client.ask(&["HELLO", "3"]);
    asks(&mut client, &[("ACL GETUSER default", &user)]);
    assert_eq!(client.ask(&["CONFIG", "SET", "requirepass", ""]).text(), "OK");
    asks(&mut client, &[("ACL LIST", "user default on nopass ~* &* +@all")]);
}

#[test]
fn what_would_change_users_is_refused_and_its_secrets_are_not_logged() {
    let node = Server::node(&["slowlog-log-slower-than 0"]);
    let mut client = node.client();
    asks(
        &mut client,
        &[
            ("ACL SETUSER x >secret", ONLY_DEFAULT),
            ("ACL DELUSER x", ONLY_DEFAULT),
            ("ACL DELUSER x default", "-ERR The 'default' user cannot be removed"),
            ("ACL LOAD", ONLY_DEFAULT),
            ("ACL SAVE", ONLY_DEFAULT),
        ],
    );
    let log = client.ask(&["SLOWLOG", "GET"]).text();
    assert!(log.contains("ACL SETUSER (redacted) (redacted)") && !log.contains("secret"), "{log}");
}

#[test]
fn passwords_are_made_up_of_as_many_digits_as_their_bits_need() {
    let node = Server::node(&[]);
    let mut client = node.client();
    for (bits, digits) in [("1", 1), ("4", 1), ("5", 2), ("256", 64), ("4096", 1024)] {
        let password = client.ask(&["ACL", "GENPASS", bits]).text();
        assert!(password.len() == digits && password.bytes().all(|byte| byte.is_ascii_hexdigit()), "{bits}");
    }
    let [one, other] = [(); 2].map(|()| client.ask(&["ACL", "GENPASS"]).text());
    assert!(one.len() == 64 && one != other, "{one} {other}");
    let range = "-ERR ACL GENPASS argument must be the number of bits for the output password, a positive number up \
                 to 4096";
    asks(
        &mut client,
        &[
            ("ACL GENPASS 0", range),
            ("ACL GENPASS 4097", range),
            ("ACL GENPASS x", "-ERR value is not an integer or out of range"),
            (
                "ACL GENPASS 1 2",
                "-ERR unknown subcommand or wrong number of arguments for 'GENPASS'. Try ACL HELP.",
            ),
        ],
    );
}
