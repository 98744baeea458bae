//! Channels, patterns and shard channels: who listens to what, and messages on their way to them.
//!
//! Keyspace events are messages too. Must not know sockets: a message ends in the outboxes of its receivers.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::commands::{
    Case, CmdError, CmdResult, Command, Flags, KeyspaceEvents, NodeCommand, Run, glob_matches,
};
use crate::node::clients::client::{Client, ClientId};
use crate::node::clients::session::Session;
use crate::node::clients::subscriptions::Topic;
use crate::node::exec::flow::Flow;
use crate::node::node::Node;
use crate::protocol::{Args, Replies};

type Listeners = BTreeMap<ClientId, Rc<Client>>;

/// Who listens to what in a node.
#[derive(Debug, Default)]
pub(in crate::node) struct PubSub {
    by_topic: [BTreeMap<Rc<[u8]>, Listeners>; 3],
}

impl PubSub {
    fn of(&self, topic: Topic) -> &BTreeMap<Rc<[u8]>, Listeners> {
        &self.by_topic[topic as usize]
    }

    /// How many different names of one topic somebody listens to.
    pub(in crate::node) fn count(&self, topic: Topic) -> usize {
        self.of(topic).len()
    }

    fn listeners(&self, topic: Topic, name: &[u8]) -> impl Iterator<Item = &Rc<Client>> {
        self.of(topic).get(name).into_iter().flat_map(BTreeMap::values)
    }

    fn join(&mut self, client: &Rc<Client>, topic: Topic, name: &[u8]) {
        let name: Rc<[u8]> = name.into();
        client.subscriptions.borrow_mut().add(topic, &name);
        let listeners = self.by_topic[topic as usize].entry(name).or_default();
        listeners.insert(client.id, Rc::clone(client));
    }

    fn leave(&mut self, client: &Client, topic: Topic, name: &[u8]) {
        client.subscriptions.borrow_mut().remove(topic, name);
        if let Some(listeners) = self.by_topic[topic as usize].get_mut(name) {
            listeners.remove(&client.id);
            if listeners.is_empty() {
                self.by_topic[topic as usize].remove(name);
            }
        }
    }

    /// A client has gone, or started anew.
    pub(in crate::node) fn leave_all(&mut self, client: &Client) {
        for topic in Topic::ALL {
            let names = client.subscriptions.borrow().names(topic);
            for name in &names {
                self.leave(client, topic, name);
            }
        }
    }
}

/// An array of bulk strings.
fn frame(parts: &[&[u8]]) -> Vec<u8> {
    let mut frame = Replies::new();
    frame.bulks(parts.iter().copied());
    frame.take()
}

impl Node {
    pub(super) fn subscribe(
        &mut self,
        session: &mut Session,
        topic: Topic,
        args: &Args<'_>,
    ) -> CmdResult<Flow> {
        if topic == Topic::Shard && self.data.collected.is_some() {
            // Redis lets the older two pass, for the sake of old clients.
            return Err(CmdError::text("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client"));
        }
        for name in args.from(1) {
            self.clients.pubsub.join(&session.client, topic, name);
            let count = session.client.subscriptions.borrow().shown_count(topic);
            session.out.push(3);
            session.out.bulk(topic.joined());
            session.out.bulk(name);
            session.out.integer(count as i64);
        }
        Ok(Flow::Next)
    }

    pub(super) fn unsubscribe(
        &mut self,
        session: &mut Session,
        topic: Topic,
        args: &Args<'_>,
    ) -> CmdResult<Flow> {
        let names: Vec<Rc<[u8]>> = if args.len() > 1 {
            args.from(1).map(Rc::from).collect()
        } else {
            session.client.subscriptions.borrow().names(topic)
        };
        for name in &names {
            self.clients.pubsub.leave(&session.client, topic, name);
            write_left(session, topic, Some(name));
        }
        if names.is_empty() {
            write_left(session, topic, None);
        }
        Ok(Flow::Next)
    }

    /// Sends `message` to all who listen to `channel`, and returns how many times it was sent. O(listeners +
    /// patterns).
    pub(in crate::node) fn publish(&mut self, channel: &[u8], message: &[u8]) -> i64 {
        let mut sent = 0;
        let mut too_slow = Vec::new();
        let plain = frame(&[b"message", channel, message]);
        for client in self.clients.pubsub.listeners(Topic::Channel, channel) {
            self.post(client, &plain, &mut too_slow);
            sent += 1;
        }
        for (pattern, listeners) in self.clients.pubsub.of(Topic::Pattern) {
            if glob_matches(pattern, channel, Case::Sensitive) {
                let matched = frame(&[b"pmessage", pattern, channel, message]);
                for client in listeners.values() {
                    self.post(client, &matched, &mut too_slow);
                }
                sent += listeners.len() as i64;
            }
        }
        self.cut_slow_readers(&too_slow);
        sent
    }

    /// [`Node::publish`] for a shard channel, which no pattern matches.
    pub(in crate::node) fn publish_to_shard(&mut self, channel: &[u8], message: &[u8]) -> i64 {
        let mut too_slow = Vec::new();
        let plain = frame(&[b"smessage", channel, message]);
        let listeners: Vec<_> = self.clients.pubsub.listeners(Topic::Shard, channel).collect();
        for client in &listeners {
            self.post(client, &plain, &mut too_slow);
        }
        let sent = listeners.len() as i64;
        self.cut_slow_readers(&too_slow);
        sent
    }

    /// PUBLISH changes no data, yet the replicas' listeners want the message too.
    pub(super) fn forward(&mut self, session: &mut Session, args: &Args<'_>) {
        if !self.data.effects.streaming {
            return;
        }
        let parts: Vec<&[u8]> = args.from(0).collect();
        let command = (session.db, crate::replication::encode_command(&parts));
        if let Some(collected) = &mut self.data.collected {
            collected.push(command);
        } else {
            self.propagate_collected(&[command]);
            session.last_write = self.replication.history.offset();
        }
    }

    pub(super) fn list_channels(
        &self,
        session: &mut Session,
        topic: Topic,
        args: &Args<'_>,
    ) -> CmdResult<Flow> {
        if args.len() > 3 {
            let word = String::from_utf8_lossy(args.get(1)).into_owned();
            return Err(CmdError::from(format!(
                "ERR unknown subcommand or wrong number of arguments for '{word}'. Try PUBSUB HELP."
            )));
        }
        let pattern = if args.len() == 3 { args.get(2) } else { b"*" };
        let names =
            self.clients.pubsub.of(topic).keys().filter(|name| glob_matches(pattern, name, Case::Sensitive));
        let names: Vec<&[u8]> = names.map(|name| &**name).collect();
        session.out.bulks(names.into_iter());
        Ok(Flow::Next)
    }

    pub(super) fn count_listeners(
        &self,
        session: &mut Session,
        topic: Topic,
        args: &Args<'_>,
    ) -> CmdResult<Flow> {
        session.out.array((args.len() - 2) * 2);
        for name in args.from(2) {
            session.out.bulk(name);
            session.out.integer(self.clients.pubsub.of(topic).get(name).map_or(0, BTreeMap::len) as i64);
        }
        Ok(Flow::Next)
    }

    /// Notes which classes of keyspace events go anywhere (`notify-keyspace-events`).
    pub(in crate::node) fn update_notifying(&mut self) {
        let classes = self.config.notify_keyspace_events;
        let anywhere = classes.has(KeyspaceEvents::KEYSPACE) || classes.has(KeyspaceEvents::KEYEVENT);
        self.data.effects.notifying = if anywhere { classes } else { KeyspaceEvents::NONE };
    }

    /// Publishes the events that the last command left. Replicas get none: they make their own.
    pub(in crate::node) fn publish_events(&mut self) {
        if !self.data.effects.has_events()
            || (self.clients.pubsub.of(Topic::Channel).is_empty()
                && self.clients.pubsub.of(Topic::Pattern).is_empty())
        {
            return;
        }
        let classes = self.data.effects.notifying;
        let events: Vec<_> =
            self.data.effects.events().map(|(db, name, key)| (db, name.to_owned(), key.to_vec())).collect();
        for (db, name, key) in events {
            if classes.has(KeyspaceEvents::KEYSPACE) {
                let channel = [format!("__keyspace@{db}__:").as_bytes(), &key].concat();
                self.publish(&channel, name.as_bytes());
            }
            if classes.has(KeyspaceEvents::KEYEVENT) {
                self.publish(format!("__keyevent@{db}__:{name}").as_bytes(), &key);
            }
        }
    }
}

/// Commands that a RESP2 client may call while it listens: their replies cannot be taken for messages.
pub(in crate::node) fn serves_subscribers(command: &Command) -> bool {
    use NodeCommand as N;
    changes_subscriptions(command) || matches!(command.run, Run::Node(N::Ping | N::Quit | N::Reset))
}

/// Commands that are answered with messages, which CLIENT REPLY does not silence.
pub(in crate::node) fn changes_subscriptions(command: &Command) -> bool {
    command.flags.has(Flags::PUBSUB.or(Flags::NOSCRIPT))
}

fn write_left(session: &mut Session, topic: Topic, name: Option<&[u8]>) {
    let count = session.client.subscriptions.borrow().shown_count(topic);
    session.out.push(3);
    session.out.bulk(topic.left());
    session.out.bulk_or_null(name);
    session.out.integer(count as i64);
}
