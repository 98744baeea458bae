//! What clients are told without having asked for it at that moment.
//!
//! | file | owns |
//! |---|---|
//! | `pubsub` | channels, patterns and keyspace events |
//! | `tracking` | invalidations for clients' caches |
//! | `monitor` | MONITOR |

pub(in crate::node) mod monitor;
pub(in crate::node) mod pubsub;
pub(in crate::node) mod tracking;

use crate::commands::NodeCommand as N;
use crate::node::clients::subscriptions::Topic;
use crate::node::exec::flow::{Flow, Handlers};
use crate::node::node::Node;

pub(in crate::node) const HANDLERS: Handlers = &[
    (N::ClientCaching, tracking::client_caching),
    (N::ClientGetredir, tracking::client_getredir),
    (N::ClientTracking, Node::client_tracking),
    (N::ClientTrackinginfo, tracking::client_trackinginfo),
    (N::Monitor, Node::monitor),
    (N::Psubscribe, |node, session, args| node.subscribe(session, Topic::Pattern, args)),
    (N::Publish, |node, session, args| {
        let receivers = node.publish(args.get(1), args.get(2));
        node.forward(session, args);
        session.out.integer(receivers);
        Ok(Flow::Next)
    }),
    (N::PubsubChannels, |node, session, args| node.list_channels(session, Topic::Channel, args)),
    (N::PubsubNumpat, |node, session, _| {
        session.out.integer(node.clients.pubsub.count(Topic::Pattern) as i64);
        Ok(Flow::Next)
    }),
    (N::PubsubNumsub, |node, session, args| node.count_listeners(session, Topic::Channel, args)),
    (N::PubsubShardchannels, |node, session, args| node.list_channels(session, Topic::Shard, args)),
    (N::PubsubShardnumsub, |node, session, args| node.count_listeners(session, Topic::Shard, args)),
    (N::Punsubscribe, |node, session, args| node.unsubscribe(session, Topic::Pattern, args)),
    (N::Spublish, |node, session, args| {
        let receivers = node.publish_to_shard(args.get(1), args.get(2));
        node.forward(session, args);
        session.out.integer(receivers);
        Ok(Flow::Next)
    }),
    (N::Ssubscribe, |node, session, args| node.subscribe(session, Topic::Shard, args)),
    (N::Subscribe, |node, session, args| node.subscribe(session, Topic::Channel, args)),
    (N::Sunsubscribe, |node, session, args| node.unsubscribe(session, Topic::Shard, args)),
    (N::Unsubscribe, |node, session, args| node.unsubscribe(session, Topic::Channel, args)),
];
