//! What lists say, against what the catalogue says: prices are brought up to date, everything else is only filled in where
//! nobody has looked yet. Lists know prices; of windows and last days they often know less than the makers' own pages.

use super::fact::{self, Fact, parts};
use super::offer::{List, Offer, Shape};
use crate::config::{Abilities, Catalog, CatalogRow, PartialPrice, Price, is_like};

/// From so many times as much, or so much less, a new price is taken for a mistake.
const SUSPICIOUS: u64 = 10;

/// What changes about one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The row's key.
    pub name: String,
    /// Whether the catalogue did not have it.
    pub is_new: bool,
    /// What changes, for people.
    pub fields: Vec<FieldChange>,
    /// What will stand in the file.
    pub facts: Vec<Fact>,
    /// The list that says so.
    pub source: String,
    /// Why nobody should believe it without having looked.
    pub doubt: Option<String>,
}

/// What changes about one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldChange {
    /// Such as `price.input`.
    pub key: &'static str,
    /// What stands there.
    pub old: Option<String>,
    /// What the list says.
    pub new: String,
}

/// What lists change about the catalogue; those that stand first are believed first. Models that it lacks are added where
/// their name fits one of the patterns.
#[must_use]
pub fn merge(catalog: &Catalog, lists: &[List], add: &[String]) -> Vec<Change> {
    let known = catalog.rows().iter().filter_map(|row| {
        let (offer, source) = offer_for(row, lists)?;
        known_row(row, &offer, source)
    });
    let mut changes: Vec<Change> = known.collect();
    for (offer, source) in new_offers(catalog, lists, add) {
        changes.push(new_row(&offer, source));
    }
    changes
}

/// What the lists say of a row's model, together, and the list that prices it, or else the first that knows it.
fn offer_for<'a>(row: &CatalogRow, lists: &'a [List]) -> Option<(Offer, &'a str)> {
    let offers = lists.iter().filter_map(|list| Some((offer_in(row, list)?, list.source.as_str())));
    let offers: Vec<(&Offer, &str)> = offers.collect();
    let priced = offers.iter().find(|(offer, _)| offer.price.complete().is_some());
    let (_, source) = priced.or_else(|| offers.first())?;
    let whole = offers.iter().fold(Offer::default(), |whole, (offer, _)| whole.or(offer));
    Some((whole, source))
}

fn offer_in<'a>(row: &CatalogRow, list: &'a List) -> Option<&'a Offer> {
    let names = std::iter::once(&row.name).chain(&row.names);
    let exact = names.filter(|name| !name.contains('*')).find_map(|name| list.find(name));
    match list.shape {
        Shape::LiteLlm => exact,
        // The maker stands before the name. Of open weights that says nothing of a price, which depends on the host.
        Shape::OpenRouter => exact.or_else(|| {
            let is_priced = row.abilities.price.is_some();
            let fits = |offer: &&Offer| {
                let name = offer.id.split_once('/').map(|(_, name)| name);
                name.is_some_and(|name| {
                    name == row.name || row.names.iter().any(|known| known == name)
                })
            };
            let mut fitting = list.offers.iter().filter(fits).filter(|_| is_priced);
            let first = fitting.next();
            first.filter(|_| fitting.next().is_none())
        }),
    }
}

fn known_row(row: &CatalogRow, offer: &Offer, source: &str) -> Option<Change> {
    let can = &row.abilities;
    let old_price = can.price.map(PartialPrice::from).unwrap_or_default();
    let new_price = offer.price.over(old_price);
    let mut change = Change {
        name: row.name.clone(),
        is_new: false,
        fields: Vec::new(),
        facts: Vec::new(),
        source: source.to_owned(),
        doubt: None,
    };
    if let Some(price) = new_price.complete().filter(|_| new_price != old_price) {
        change.doubt = can.price.and_then(|old| doubt(old, price));
        let pairs = parts(&old_price).into_iter().zip(parts(&new_price));
        let changed = pairs.filter(|((_, old), (_, new))| old != new);
        change.fields.extend(
            changed.filter_map(|((key, old), (_, new))| Some(FieldChange { key, old, new: new? })),
        );
        change.facts.push(Fact { key: "price", value: fact::price(&new_price) });
    }
    for fact in unknown(can, offer) {
        change.fields.push(FieldChange { key: fact.key, old: None, new: fact.value.clone() });
        change.facts.push(fact);
    }
    (!change.facts.is_empty()).then_some(change)
}

/// What a list says and the catalogue does not.
fn unknown(can: &Abilities, offer: &Offer) -> Vec<Fact> {
    let reads = [can.images, can.audio, can.files];
    let input = offer.input.as_deref().filter(|_| reads.iter().all(Option::is_none));
    let output = offer.output.as_deref().filter(|_| can.output.is_none());
    let last_day = offer.deprecated.filter(|_| can.deprecated.is_none());
    let number = |known: Option<u64>, said: Option<u64>| {
        said.filter(|_| known.is_none()).map(|tokens| tokens.to_string())
    };
    let truth = |known: Option<bool>, said: Option<bool>| {
        said.filter(|_| known.is_none()).map(|is_so| is_so.to_string())
    };
    let rows = [
        ("context", number(can.context, offer.context)),
        ("max_output", number(can.max_output, offer.max_output)),
        ("input", input.map(fact::modalities)),
        ("output", output.map(fact::modalities)),
        ("tools", truth(can.tools, offer.tools)),
        ("parallel_tools", truth(can.parallel_tools, offer.parallel_tools)),
        ("json_schema", truth(can.json_schema, offer.json_schema)),
        ("deprecated", last_day.map(|day| day.to_string())),
    ];
    rows.into_iter().filter_map(|(key, value)| Some(Fact { key, value: value? })).collect()
}

/// Why a price is taken for a mistake.
fn doubt(old: Price, new: Price) -> Option<String> {
    let pairs = [("input", old.input, new.input), ("output", old.output, new.output)];
    pairs.iter().find_map(|(key, before, after)| {
        let reason = if before == after {
            return None;
        } else if after.is_free() {
            "nothing"
        } else if before.is_exceeded(*after, SUSPICIOUS) {
            "ten times as much, or more"
        } else if after.is_exceeded(*before, SUSPICIOUS) {
            "a tenth, or less"
        } else {
            return None;
        };
        Some(format!("price.{key} {before} → {after} is {reason}"))
    })
}

/// Models that the catalogue does not have and somebody asks for, each once.
fn new_offers<'a>(catalog: &Catalog, lists: &'a [List], add: &[String]) -> Vec<(Offer, &'a str)> {
    let mut found: Vec<(Offer, &str)> = Vec::new();
    for list in lists {
        for offer in &list.offers {
            let is_wanted = add.iter().any(|pattern| is_like(pattern, &offer.id));
            if !is_wanted || catalog.has(&offer.id) {
                continue;
            }
            match found.iter_mut().find(|(earlier, _)| earlier.id == offer.id) {
                Some((earlier, _)) => *earlier = std::mem::take(earlier).or(offer),
                None => found.push((offer.clone(), &list.source)),
            }
        }
    }
    found
}

fn new_row(offer: &Offer, source: &str) -> Change {
    let mut facts = unknown(&Abilities::default(), offer);
    if offer.price.complete().is_some() {
        facts.push(Fact { key: "price", value: fact::price(&offer.price) });
    }
    let fields = facts.iter();
    let fields =
        fields.map(|fact| FieldChange { key: fact.key, old: None, new: fact.value.clone() });
    let (name, fields) = (offer.id.clone(), fields.collect());
    Change { name, is_new: true, fields, facts, source: source.to_owned(), doubt: None }
}
