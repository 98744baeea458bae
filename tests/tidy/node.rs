//! The node stays a house of few rooms: its folders, and the parts of its struct.

use std::collections::BTreeSet;

/// Files and folders directly in `src/node`.
const ENTRIES_MAX: usize = 20;
/// Fields of `struct Node`: each is a part with methods of its own.
const FIELDS_MAX: usize = 14;

#[test]
fn the_node_has_few_rooms() {
    let files = super::files();
    let inside = files.iter().filter_map(|(name, _)| name.strip_prefix("src/node/"));
    let entries: BTreeSet<&str> = inside.filter_map(|path| path.split('/').next()).collect();
    assert!((10..=ENTRIES_MAX).contains(&entries.len()), "{} entries: {entries:?}", entries.len());
}

#[test]
fn the_node_has_few_parts() {
    let files = super::files();
    let (_, text) = files.iter().find(|(name, _)| name == "src/node/node.rs").unwrap();
    let file = syn::parse_file(text).unwrap();
    let mut structs = file.items.iter().filter_map(|item| match item {
        syn::Item::Struct(item) => Some(item),
        _ => None,
    });
    let node = structs.find(|item| item.ident == "Node").unwrap();
    assert!((5..=FIELDS_MAX).contains(&node.fields.len()), "{} fields", node.fields.len());
}
