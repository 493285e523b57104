//! Things in one row of memory, found by number, or at once by whoever knows their place.

use super::HashMap;
use crate::thing::ThingId;

/// Things of one kind. To find one by its number takes a look into a map; the place it gives stays
/// right as long as the table lives, so that what is always reached from another thing needs no map.
#[derive(Debug)]
pub(super) struct Numbered<R> {
    rows: Box<[R]>,
    places: HashMap<ThingId, u32>,
}

impl<R> Numbered<R> {
    pub(super) fn get(&self, id: ThingId) -> Option<&R> {
        self.at(self.place(id)?)
    }

    pub(super) fn place(&self, id: ThingId) -> Option<u32> {
        self.places.get(&id).copied()
    }

    pub(super) fn at(&self, place: u32) -> Option<&R> {
        self.rows.get(place as usize)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &R> {
        self.rows.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }
}

impl<R> Default for Numbered<R> {
    fn default() -> Self {
        Self { rows: Box::default(), places: HashMap::default() }
    }
}

impl<R> FromIterator<(ThingId, R)> for Numbered<R> {
    fn from_iter<I: IntoIterator<Item = (ThingId, R)>>(things: I) -> Self {
        let (ids, rows): (Vec<ThingId>, Vec<R>) = things.into_iter().unzip();
        Self { rows: rows.into(), places: ids.into_iter().zip(0..).collect() }
    }
}
