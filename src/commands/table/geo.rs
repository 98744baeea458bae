//! Places on earth, kept in sorted sets.

use super::key_specs::{OW_UPDATE, RO_ACCESS, RW_UPDATE};
use super::{Command, Flags, Group, KeySpec, Run};
use crate::commands::geo;

const READ: Flags = Flags::READONLY;
const GROW: Flags = Flags::WRITE.or(Flags::DENYOOM);
const MAY_STORE: Flags = GROW.or(Flags::MOVABLEKEYS);

const AROUND: &str = "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
    [COUNT count [ANY]] [ASC | DESC] [STORE key] [STOREDIST key]";
const AROUND_RO: &str = "key longitude latitude radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
    [COUNT count [ANY]] [ASC | DESC]";
const AROUND_MEMBER: &str = "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
    [COUNT count [ANY]] [ASC | DESC] [STORE key] [STOREDIST key]";
const AROUND_MEMBER_RO: &str = "key member radius <M | KM | FT | MI> [WITHCOORD] [WITHDIST] [WITHHASH] \
    [COUNT count [ANY]] [ASC | DESC]";
const SEARCH: &str = "key <FROMMEMBER member | FROMLONLAT longitude latitude> \
    <BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI>> \
    [ASC | DESC] [COUNT count [ANY]] [WITHCOORD] [WITHDIST] [WITHHASH]";
const SEARCH_STORE: &str = "destination source <FROMMEMBER member | FROMLONLAT longitude latitude> \
    <BYRADIUS radius <M | KM | FT | MI> | BYBOX width height <M | KM | FT | MI>> \
    [ASC | DESC] [COUNT count [ANY]] [STOREDIST]";
const SEARCH_COST: &str = "O(N+log(M)) for N members in the rectangles around the shape, M in the set";

/// A command of this family.
const fn one(name: &'static str, arity: i16, run: Run, flags: Flags, specs: &'static [KeySpec]) -> Command {
    Command::new(name, arity, run).flags(flags).keys(specs).group(Group::Geo, &["@geo"])
}

const READS: &[KeySpec] = &[KeySpec::first(RO_ACCESS)];
const AROUND_KEYS: &[KeySpec] = &[
    KeySpec::first(RO_ACCESS),
    KeySpec::next("STORE", 6, OW_UPDATE),
    KeySpec::next("STOREDIST", 6, OW_UPDATE),
];
const AROUND_MEMBER_KEYS: &[KeySpec] = &[
    KeySpec::first(RO_ACCESS),
    KeySpec::next("STORE", 5, OW_UPDATE),
    KeySpec::next("STOREDIST", 5, OW_UPDATE),
];

/// The commands of this family.
pub(super) const COMMANDS: &[Command] = &[
    one("geoadd", -5, Run::Data(geo::geoadd), GROW, &[KeySpec::first(RW_UPDATE)])
        .since("3.2.0")
        .cost("O(log(N)) for each member added, N of them in the set")
        .takes("key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]")
        .does("Adds places, or moves those that are there."),
    one("geopos", -2, Run::Data(geo::geopos), READ, READS)
        .since("3.2.0")
        .cost("O(N) for N members asked for")
        .takes("key [member [member ...]]")
        .does("Returns longitude and latitude of places, null where there is none."),
    one("geodist", -4, Run::Data(geo::geodist), READ, READS)
        .since("3.2.0")
        .cost("O(log(N))")
        .takes("key member1 member2 [M | KM | FT | MI]")
        .does("Returns the distance of two places."),
    one("geohash", -2, Run::Data(geo::geohash), READ, READS)
        .since("3.2.0")
        .cost("O(log(N)) for each member asked for")
        .takes("key [member [member ...]]")
        .does("Returns places as geohashes of eleven letters."),
    one("geosearch", -7, Run::Data(geo::geosearch), READ, READS)
        .since("6.2.0")
        .cost(SEARCH_COST)
        .takes(SEARCH)
        .does("Returns the places within a circle or a rectangle."),
    one(
        "geosearchstore",
        -8,
        Run::Data(geo::geosearchstore),
        GROW,
        &[KeySpec::first(OW_UPDATE), KeySpec::new(2, 2, 1, RO_ACCESS)],
    )
    .since("6.2.0")
    .cost(SEARCH_COST)
    .takes(SEARCH_STORE)
    .does("Stores the places within a circle or a rectangle."),
    one("georadius", -6, Run::Data(geo::georadius), MAY_STORE, AROUND_KEYS)
        .since("3.2.0")
        .deprecated("6.2.0", "GEOSEARCH and GEOSEARCHSTORE with BYRADIUS")
        .cost(SEARCH_COST)
        .takes(AROUND)
        .does("Returns or stores the places within a circle."),
    one("georadius_ro", -6, Run::Data(geo::georadius_ro), READ, READS)
        .since("3.2.10")
        .deprecated("6.2.0", "GEOSEARCH with BYRADIUS")
        .cost(SEARCH_COST)
        .takes(AROUND_RO)
        .does("Returns the places within a circle."),
    one("georadiusbymember", -5, Run::Data(geo::georadiusbymember), MAY_STORE, AROUND_MEMBER_KEYS)
        .since("3.2.0")
        .deprecated("6.2.0", "GEOSEARCH and GEOSEARCHSTORE with BYRADIUS and FROMMEMBER")
        .cost(SEARCH_COST)
        .takes(AROUND_MEMBER)
        .does("Returns or stores the places within a circle around a member."),
    one("georadiusbymember_ro", -5, Run::Data(geo::georadiusbymember_ro), READ, READS)
        .since("3.2.10")
        .deprecated("6.2.0", "GEOSEARCH with BYRADIUS and FROMMEMBER")
        .cost(SEARCH_COST)
        .takes(AROUND_MEMBER_RO)
        .does("Returns the places within a circle around a member."),
];
