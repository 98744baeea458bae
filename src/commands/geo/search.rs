//! GEOSEARCH and GEORADIUS in all their forms.

use super::hash::{GeoHash, Place};
use super::place::{place_of, read_place, write_coordinate, write_distance};
use super::shape::Shape;
use crate::commands::partial_sort::sort_first;
use crate::commands::sorted_sets::store_result;
use crate::commands::{ArgCursor, CmdError, CmdResult, Ctx};
use crate::protocol::Args;
use crate::store::{Direction, ScoreBound, ScoreRange, Zset, parse_score};

/// What a command's name fixes already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// GEORADIUS: the place follows the key.
    Around,
    /// GEORADIUSBYMEMBER: a member follows the key.
    AroundMember,
    /// GEOSEARCH: everything is named.
    Search,
    /// GEOSEARCHSTORE: the destination comes first.
    SearchStore,
}

impl Form {
    fn is_search(self) -> bool {
        matches!(self, Self::Search | Self::SearchStore)
    }

    fn source(self) -> usize {
        if self == Self::SearchStore { 2 } else { 1 }
    }
}

/// Metres that a unit has.
pub(super) fn unit(text: &[u8]) -> CmdResult<f64> {
    match text {
        unit if unit.eq_ignore_ascii_case(b"m") => Ok(1.0),
        unit if unit.eq_ignore_ascii_case(b"km") => Ok(1000.0),
        unit if unit.eq_ignore_ascii_case(b"ft") => Ok(0.3048),
        unit if unit.eq_ignore_ascii_case(b"mi") => Ok(1609.34),
        _ => Err(CmdError::text("ERR unsupported unit provided. please use M, KM, FT, MI")),
    }
}

/// What is looked for, and what becomes of it.
#[derive(Debug, Default)]
struct Options<'a> {
    center: Option<Place>,
    /// A place was named, if only by a member of a key that is missing.
    from_member: bool,
    from_place: bool,
    circle: bool,
    rectangle: bool,
    shape: Option<Shape>,
    /// Metres of the unit that distances are given in.
    unit: f64,
    with_distance: bool,
    with_hash: bool,
    with_place: bool,
    any: bool,
    sort: Option<Direction>,
    count: Option<usize>,
    store: Option<&'a [u8]>,
    store_distance: bool,
}

impl<'a> Options<'a> {
    /// Reads `radius unit`.
    fn radius(&mut self, [radius, of]: [&[u8]; 2]) -> CmdResult {
        let radius = parse_score(radius).ok_or(CmdError::text("ERR need numeric radius"))?;
        if radius < 0.0 {
            return Err(CmdError::text("ERR radius cannot be negative"));
        }
        self.unit = unit(of)?;
        self.shape = Some(Shape::Circle { radius: radius * self.unit });
        Ok(())
    }

    /// Reads `width height unit`.
    fn rectangle(&mut self, [width, height, of]: [&[u8]; 3]) -> CmdResult {
        let width = parse_score(width).ok_or(CmdError::text("ERR need numeric width"))?;
        let height = parse_score(height).ok_or(CmdError::text("ERR need numeric height"))?;
        if width < 0.0 || height < 0.0 {
            return Err(CmdError::text("ERR height or width cannot be negative"));
        }
        self.unit = unit(of)?;
        self.shape = Some(Shape::Box { width: width * self.unit, height: height * self.unit });
        Ok(())
    }

    fn member(&mut self, zset: Option<&Zset>, member: &[u8]) -> CmdResult {
        if let Some(zset) = zset {
            let place = place_of(zset, member);
            self.center = Some(place.ok_or(CmdError::text("ERR could not decode requested zset member"))?);
        }
        Ok(())
    }

    fn parse(args: &Args<'a>, form: Form, may_store: bool, zset: Option<&Zset>) -> CmdResult<Self> {
        let mut options = Self { unit: 1.0, ..Self::default() };
        let first = match form {
            Form::Around => {
                options.center = Some(read_place([args.get(2), args.get(3)])?);
                options.radius([args.get(4), args.get(5)])?;
                6
            }
            Form::AroundMember => {
                if zset.is_some() {
                    options.member(zset, args.get(2))?;
                    options.radius([args.get(3), args.get(4)])?;
                }
                5
            }
            Form::Search => 2,
            Form::SearchStore => {
                options.store = Some(args.get(1));
                3
            }
        };
        let mut words = ArgCursor::new(args, first);
        while words.has_more() {
            options.option(&mut words, form, may_store, zset)?;
        }
        options.check(args, form)?;
        Ok(options)
    }

    /// Reads the next option.
    fn option(
        &mut self,
        words: &mut ArgCursor<'a>,
        form: Form,
        may_store: bool,
        zset: Option<&Zset>,
    ) -> CmdResult {
        let (search, stores) = (form.is_search(), may_store && !form.is_search());
        let (takes_member, takes_place) = (search && !self.from_place, search && !self.from_member);
        let (takes_circle, takes_box) = (search && !self.rectangle, search && !self.circle);
        if words.flag("WITHDIST") {
            self.with_distance = true;
        } else if words.flag("WITHHASH") {
            self.with_hash = true;
        } else if words.flag("WITHCOORD") {
            self.with_place = true;
        } else if words.flag("ANY") {
            self.any = true;
        } else if words.flag("ASC") {
            self.sort = Some(Direction::Forward);
        } else if words.flag("DESC") {
            self.sort = Some(Direction::Backward);
        } else if let Some(count) = words.integer("COUNT")? {
            let count = usize::try_from(count).ok().filter(|count| *count > 0);
            self.count = Some(count.ok_or(CmdError::text("ERR COUNT must be > 0"))?);
        } else if stores && let Some([key]) = words.option("STORE") {
            (self.store, self.store_distance) = (Some(key), false);
        } else if stores && let Some([key]) = words.option("STOREDIST") {
            (self.store, self.store_distance) = (Some(key), true);
        } else if form == Form::SearchStore && words.flag("STOREDIST") {
            self.store_distance = true;
        } else if takes_member && let Some([member]) = words.option("FROMMEMBER") {
            self.member(zset, member)?;
            self.from_member = true;
        } else if takes_place && let Some(place) = words.option("FROMLONLAT") {
            self.center = Some(read_place(place)?);
            self.from_place = true;
        } else if takes_circle && let Some(circle) = words.option("BYRADIUS") {
            self.radius(circle)?;
            self.circle = true;
        } else if takes_box && let Some(sides) = words.option("BYBOX") {
            self.rectangle(sides)?;
            self.rectangle = true;
        } else {
            return Err(CmdError::Syntax);
        }
        Ok(())
    }

    /// Options that do not go together, or are missing.
    fn check(&self, args: &Args<'_>, form: Form) -> CmdResult {
        let needed = |what: &str| {
            let name = String::from_utf8_lossy(args.name());
            Err(format!("ERR exactly one of {what} can be specified for {name}").into())
        };
        if self.store.is_some() && (self.with_distance || self.with_hash || self.with_place) {
            let who = if form == Form::SearchStore { "GEOSEARCHSTORE" } else { "STORE option in GEORADIUS" };
            let with = "WITHDIST, WITHHASH and WITHCOORD options";
            return Err(format!("ERR {who} is not compatible with {with}").into());
        }
        if form.is_search() && !(self.from_member || self.from_place) {
            return needed("FROMMEMBER or FROMLONLAT");
        }
        if form.is_search() && !(self.circle || self.rectangle) {
            return needed("BYRADIUS and BYBOX");
        }
        if self.any && self.count.is_none() {
            return Err(CmdError::text("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }

    /// What lies within, sorted and counted as asked for.
    fn find(&self, zset: &Zset) -> Vec<Found> {
        let (Some(center), Some(shape)) = (self.center, self.shape) else { return Vec::new() };
        let enough = if self.any { self.count.unwrap_or(usize::MAX) } else { usize::MAX };
        let mut found = Vec::new();
        let mut last: Option<GeoHash> = None;
        for (nth, area) in shape.areas(center).into_iter().enumerate() {
            let Some(area) = area else { continue };
            // Around half of the earth, neighbours are the same rectangle. As in Redis, the one of the centre is
            // not compared with.
            if last == Some(area) {
                continue;
            }
            if found.len() >= enough {
                break;
            }
            collect(zset, area, enough, &mut found, |place| shape.distance_within(center, place));
            last = (nth > 0).then_some(area).or(last);
        }
        // The nearest ones are meant, unless any will do.
        let sort = self.sort.or((self.count.is_some() && !self.any).then_some(Direction::Forward));
        let wanted = self.count.unwrap_or(usize::MAX);
        if let Some(direction) = sort {
            let compare = |a: &Found, b: &Found| match direction {
                Direction::Forward => a.distance.total_cmp(&b.distance),
                Direction::Backward => b.distance.total_cmp(&a.distance),
            };
            if found.len() <= wanted {
                found.sort_by(compare);
            } else {
                sort_first(&mut found, wanted, compare);
            }
        }
        found.truncate(wanted);
        for found in &mut found {
            found.distance /= self.unit;
        }
        found
    }
}

/// A member that lies within.
#[derive(Debug)]
struct Found {
    member: Vec<u8>,
    score: f64,
    distance: f64,
    place: Place,
}

/// Adds the members of one rectangle that `within` accepts, until there are enough.
fn collect(
    zset: &Zset,
    area: GeoHash,
    enough: usize,
    found: &mut Vec<Found>,
    within: impl Fn(Place) -> Option<f64>,
) {
    let next = GeoHash { bits: area.bits + 1, ..area };
    let range = ScoreRange {
        min: ScoreBound::Inclusive(area.aligned() as f64),
        max: ScoreBound::Exclusive(next.aligned() as f64),
    };
    for (member, score) in zset.range(zset.ranks_by_score(&range), Direction::Forward) {
        let place = GeoHash::of_score(score).place();
        if let Some(distance) = within(place) {
            found.push(Found { member: member.bytes().into_owned(), score, distance, place });
        }
        if found.len() >= enough {
            return;
        }
    }
}

fn search(ctx: &mut Ctx<'_>, args: &Args<'_>, form: Form, may_store: bool) -> CmdResult {
    let (zset, _) = ctx.read_as::<Zset>(args.get(form.source()))?;
    let options = Options::parse(args, form, may_store, zset)?;
    let found = zset.map_or(Vec::new(), |zset| options.find(zset));
    match options.store {
        Some(key) => store(ctx, key, found, &options, form),
        None => answer(ctx, &found, &options),
    }
    Ok(())
}

fn store(ctx: &mut Ctx<'_>, key: &[u8], found: Vec<Found>, options: &Options<'_>, form: Form) {
    let score = |found: &Found| if options.store_distance { found.distance } else { found.score };
    let members: Vec<_> = found.into_iter().map(|found| (score(&found), found.member)).collect();
    let event = if form.is_search() { "geosearchstore" } else { "georadiusstore" };
    let stored = store_result(ctx, key, members, event);
    ctx.effects.dirty += (stored as u64).saturating_sub(1);
}

fn answer(ctx: &mut Ctx<'_>, found: &[Found], options: &Options<'_>) {
    let extras = [options.with_distance, options.with_hash, options.with_place];
    let extras = extras.into_iter().filter(|wanted| *wanted).count();
    ctx.out.array(found.len());
    for found in found {
        if extras > 0 {
            ctx.out.array(extras + 1);
        }
        ctx.out.bulk(&found.member);
        if options.with_distance {
            write_distance(ctx.out, found.distance);
        }
        if options.with_hash {
            ctx.out.integer(found.score as i64);
        }
        if options.with_place {
            ctx.out.array(2);
            write_coordinate(ctx.out, found.place.longitude);
            write_coordinate(ctx.out, found.place.latitude);
        }
    }
}

/// `GEORADIUS key longitude latitude radius unit [options]`. O(log n), and the members of nine rectangles.
pub(in crate::commands) fn georadius(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    search(ctx, args, Form::Around, true)
}

/// `GEORADIUS_RO key longitude latitude radius unit [options]`: GEORADIUS that stores nothing.
pub(in crate::commands) fn georadius_ro(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    search(ctx, args, Form::Around, false)
}

/// `GEORADIUSBYMEMBER key member radius unit [options]`. O(log n), and the members of nine rectangles.
pub(in crate::commands) fn georadiusbymember(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    search(ctx, args, Form::AroundMember, true)
}

/// `GEORADIUSBYMEMBER_RO key member radius unit [options]`: GEORADIUSBYMEMBER that stores nothing.
pub(in crate::commands) fn georadiusbymember_ro(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    search(ctx, args, Form::AroundMember, false)
}

/// `GEOSEARCH key FROMMEMBER … | FROMLONLAT … BYRADIUS … | BYBOX … [options]`. O(log n), and the members of nine
/// rectangles.
pub(in crate::commands) fn geosearch(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    search(ctx, args, Form::Search, false)
}

/// `GEOSEARCHSTORE destination source …`: GEOSEARCH into another key.
pub(in crate::commands) fn geosearchstore(ctx: &mut Ctx<'_>, args: &Args<'_>) -> CmdResult {
    search(ctx, args, Form::SearchStore, false)
}
