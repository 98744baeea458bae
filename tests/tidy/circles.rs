//! No circle of files that use each other: whoever reads one file can stop at those below it.

use std::collections::{BTreeMap, BTreeSet};

use syn::visit::Visit;
use syn::{Attribute, ItemMod, ItemUse, UseTree, Visibility};

/// A module's path from the root of the crate: `["node", "exec", "flow"]`.
type Module = Vec<String>;

/// The composition root: every part of a node has methods of `Node`, and `Node` has every part.
const ROOT: &str = "node/node";

/// What one file names.
#[derive(Default)]
struct Names {
    /// Paths, each with whether others may use it from here (`pub use`).
    paths: Vec<(Module, bool)>,
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|word| word == "test")
    })
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        if !is_for_tests(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        if !is_for_tests(&item.attrs) {
            let is_public = !matches!(item.vis, Visibility::Inherited);
            self.flatten(&item.tree, &mut Vec::new(), is_public);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let words: Module = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if words.len() > 1 {
            self.paths.push((words, false));
        }
        syn::visit::visit_path(self, path);
    }
}

impl Names {
    fn flatten(&mut self, tree: &UseTree, before: &mut Module, is_public: bool) {
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.flatten(&path.tree, before, is_public);
                before.pop();
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.flatten(tree, before, is_public));
            }
            UseTree::Name(name) => {
                self.paths.push(([&before[..], &[name.ident.to_string()]].concat(), is_public));
            }
            UseTree::Rename(name) => {
                self.paths.push(([&before[..], &[name.ident.to_string()]].concat(), is_public));
            }
            UseTree::Glob(_) => self.paths.push((before.clone(), is_public)),
        }
    }
}

/// The files of the crate, and what each names.
struct Tree(BTreeMap<Module, Vec<(Module, bool)>>);

impl Tree {
    fn of(files: &[(String, String)]) -> Self {
        let mut tree = BTreeMap::new();
        for (name, text) in files {
            let Some(path) = name.strip_prefix("src/").and_then(|path| path.strip_suffix(".rs")) else {
                continue;
            };
            let mut module: Module = path.split('/').map(str::to_owned).collect();
            if module.iter().any(|part| part.ends_with("tests")) || module == ["main"] {
                continue;
            }
            if matches!(module.last().map(String::as_str), Some("mod" | "lib")) {
                module.pop();
            }
            let mut names = Names::default();
            names.visit_file(&syn::parse_file(text).unwrap());
            tree.insert(module, names.paths);
        }
        Self(tree)
    }

    /// A path as seen from `here`, from the root of the crate.
    fn absolute(&self, here: &Module, path: &Module) -> Option<Module> {
        let mut base = here.clone();
        let mut rest = &path[..];
        match rest[0].as_str() {
            "crate" => (base, rest) = (Vec::new(), &rest[1..]),
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|word| word == "super") {
                    base.pop()?;
                    rest = &rest[1..];
                }
            }
            first => {
                base = self.module_called(here, first)?;
                rest = &rest[1..];
            }
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// The module that `here` calls `name`: one of its own, or one that it has imported.
    fn module_called(&self, here: &Module, name: &str) -> Option<Module> {
        let own = [&here[..], &[name.to_owned()]].concat();
        if self.0.contains_key(&own) {
            return Some(own);
        }
        let is_import = |path: &Module| {
            ["crate", "self", "super"].contains(&path[0].as_str())
                && path.last().is_some_and(|last| last == name)
        };
        let imports = self.0[here].iter().map(|(path, _)| path).filter(|path| is_import(path));
        imports.filter_map(|path| self.absolute(here, path)).find(|module| self.0.contains_key(module))
    }

    /// The file that an item stands in, also if another file hands it on.
    fn home(&self, path: &Module) -> Option<Module> {
        let len = (0..=path.len()).rev().find(|len| self.0.contains_key(&path[..*len]))?;
        let module = path[..len].to_vec();
        let item = path.get(len)?;
        let handed_on =
            self.0[&module].iter().find(|(path, is_public)| *is_public && path.last() == Some(item));
        match handed_on.and_then(|(path, _)| self.absolute(&module, path)) {
            Some(further) if further != *path => self.home(&further),
            _ => Some(module),
        }
    }

    /// The files that each file uses. A module that hands on what its own files hold does not use them.
    fn uses(&self) -> BTreeMap<&Module, BTreeSet<Module>> {
        let uses_of = |(here, paths): (&Module, &Vec<(Module, bool)>)| {
            let found = paths.iter().filter_map(|(path, is_public)| {
                let home = self.home(&self.absolute(here, path)?)?;
                let is_own = *is_public && home.starts_with(here);
                (home != *here && !is_own && home.join("/") != ROOT).then_some(home)
            });
            found.collect()
        };
        self.0.iter().map(|entry| (entry.0, uses_of(entry))).collect()
    }
}

/// The circles, each as the sorted names of its files.
fn circles(files: &[(String, String)]) -> BTreeSet<Vec<String>> {
    let tree = Tree::of(files);
    let uses = tree.uses();
    let below = |start: &Module| {
        let (mut seen, mut next) = (BTreeSet::new(), vec![start.clone()]);
        while let Some(module) = next.pop() {
            for used in uses.get(&module).into_iter().flatten() {
                if seen.insert(used.clone()) {
                    next.push(used.clone());
                }
            }
        }
        seen
    };
    let below: BTreeMap<&Module, BTreeSet<Module>> =
        tree.0.keys().map(|module| (module, below(module))).collect();
    let circle_of = |module: &Module| {
        let around = below[module].iter().filter(|other| below[*other].contains(module));
        around.map(|module| module.join("/")).collect::<Vec<_>>()
    };
    tree.0.keys().map(circle_of).filter(|circle| !circle.is_empty()).collect()
}

#[test]
fn no_files_use_each_other_in_a_circle() {
    let found = circles(&super::files());
    let lines: Vec<String> = found.iter().map(|circle| circle.join(" ")).collect();
    super::assert_none(&lines, "files use each other in a circle");
}

#[test]
fn the_rule_finds_circles_of_every_form() {
    let tree = |files: &[(&str, &str)]| {
        let file = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        circles(&files.iter().map(file).collect::<Vec<_>>())
    };
    let lib = ("src/lib.rs", "pub mod a; pub mod b;");
    let circle = BTreeSet::from([vec!["a".to_owned(), "b".to_owned()]]);
    for (a, b) in [
        ("use crate::b::B; pub struct A;", "use crate::a::A; pub struct B;"),
        ("pub struct A(super::b::B);", "pub fn f() -> crate::a::A { loop {} }"),
        ("use crate::{b::{B, C}}; pub struct A;", "fn f() { crate::a::A; }"),
        ("use super::b; pub struct A; fn f() { b::g(); }", "pub fn g() -> crate::a::A { loop {} }"),
    ] {
        assert_eq!(tree(&[lib, ("src/a.rs", a), ("src/b.rs", b)]), circle, "{a} {b}");
    }
    let one_way = [lib, ("src/a.rs", "use crate::b::B; pub struct A;"), ("src/b.rs", "pub struct B;")];
    assert_eq!(tree(&one_way), BTreeSet::new());
    let in_tests = ("src/b.rs", "pub struct B; #[cfg(test)] mod tests { use crate::a::A; }");
    assert_eq!(tree(&[lib, one_way[1], in_tests]), BTreeSet::new());
    // What a face hands on counts for the file that it comes from.
    let face = [
        ("src/lib.rs", "pub mod room;"),
        ("src/room/mod.rs", "mod a; mod b; pub use a::A;"),
        ("src/room/a.rs", "use super::b::B; pub struct A;"),
        ("src/room/b.rs", "use crate::room::A; pub struct B;"),
    ];
    assert_eq!(tree(&face), BTreeSet::from([vec!["room/a".to_owned(), "room/b".to_owned()]]));
}
