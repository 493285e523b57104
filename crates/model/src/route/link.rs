//! The offers behind the links of a lander.

use super::Visit;
use super::trace::Silent;
use super::walk::{Chooser, path_scope};
use crate::draw::Level;
use crate::field::Field;
use crate::keys::Secret;
use crate::table::{PathTarget, RoutingTable};
use crate::thing::ThingId;

/// The offer that a link of a lander leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkOffer {
    /// Which one.
    pub offer: ThingId,
    /// Who pays for it.
    pub network: Option<ThingId>,
    /// Offers passed over because they were over their caps ([`crate::record::tag::CAPPED`]).
    pub capped: Vec<ThingId>,
}

/// The offer behind link `link` (from 1) of the lander of the click whose facts `visit` has
/// ([`super::Stored::visit`]), its caps and keepsakes being those of now. The first link leads where
/// the click was promised, or to what is drawn now where the path draws after the lander. Links lead
/// to different offers while the path has enough of them; further links start over.
pub fn offer_of_link(
    table: &RoutingTable,
    visit: &Visit<'_>,
    link: usize,
    draws: &Secret,
) -> Option<LinkOffer> {
    let number = |field: Field| visit.facts.int(field).and_then(|id| u32::try_from(id).ok());
    let flow = table.flow(number(Field::Flow)?)?;
    let path = flow.path(number(Field::Path)?)?;
    let PathTarget::Offers { offers, .. } = &path.target else { return None };
    let mut chooser = Chooser::new(table, visit, draws);
    chooser.keep_path(flow, path.id);
    let scope = path_scope(flow.id, path.id);
    let promised = number(Field::Offer).filter(|offer| table.offer(*offer).is_some());
    let first = promised.or_else(|| chooser.offer(flow, scope, offers, &mut Silent))?;
    let ranked = chooser.draw(flow, Level::Offer, scope, offers).ranked();
    let mut order = vec![first];
    order.extend(ranked.into_iter().filter(|offer| *offer != first));
    let at = link.saturating_sub(1) % order.len();
    let offer = if at == 0 { first } else { below_cap(&mut chooser, &order[at..])? };
    let network = table.offer(offer).and_then(|offer| offer.network);
    Some(LinkOffer { offer, network, capped: chooser.capped })
}

/// The first offer, else whom it passes on to, else the next one; the first where all are over.
fn below_cap(chooser: &mut Chooser<'_>, offers: &[ThingId]) -> Option<ThingId> {
    for &offer in offers {
        if !chooser.is_capped(offer) {
            return Some(offer);
        }
        if let Some(next) = chooser.overflow(offer) {
            return Some(next);
        }
    }
    offers.first().copied()
}
