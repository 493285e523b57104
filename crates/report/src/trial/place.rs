//! Where a click ends, as it is counted and shown.

use crate::finish::Names;
use model::route::Ending;
use model::thing::{Kind, ThingId};
use serde::Serialize;

/// An ending that outlives the table it comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Place {
    Lander { lander: ThingId, offer: Option<ThingId> },
    Offer(ThingId),
    Url(String),
    Status(u16),
    Closed(ThingId),
    Nowhere,
}

impl From<Ending<'_>> for Place {
    fn from(ending: Ending<'_>) -> Self {
        match ending {
            Ending::Lander { lander, offer } => Self::Lander { lander, offer },
            Ending::Offer(offer) => Self::Offer(offer),
            Ending::Url(url) => Self::Url(url.to_string()),
            Ending::Status(code) => Self::Status(code),
            Ending::Closed(campaign) => Self::Closed(campaign),
            Ending::Nowhere => Self::Nowhere,
        }
    }
}

/// Where clicks end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct PlaceView {
    /// `lander`, `offer`, `url`, `status`, `closed` (where a campaign that takes no clicks sends them) or
    /// `nowhere`.
    pub target: &'static str,
    /// The lander.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lander: Option<ThingId>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lander_name: Option<String>,
    /// The offer, or the one behind the first link of the lander.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<ThingId>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer_name: Option<String>,
    /// A path's own URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The status of an answer that leads nowhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The campaign that takes no clicks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign: Option<ThingId>,
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub campaign_name: Option<String>,
}

impl PlaceView {
    pub(super) fn of(place: &Place, names: &dyn Names) -> Self {
        let name = |kind, id: Option<ThingId>| names.thing(kind, id?).map(str::to_owned);
        let mut view = Self {
            target: "nowhere",
            lander: None,
            lander_name: None,
            offer: None,
            offer_name: None,
            url: None,
            status: None,
            campaign: None,
            campaign_name: None,
        };
        match place {
            Place::Lander { lander, offer } => {
                (view.target, view.lander, view.offer) = ("lander", Some(*lander), *offer);
            }
            Place::Offer(offer) => (view.target, view.offer) = ("offer", Some(*offer)),
            Place::Url(url) => (view.target, view.url) = ("url", Some(url.clone())),
            Place::Status(code) => (view.target, view.status) = ("status", Some(*code)),
            Place::Closed(id) => (view.target, view.campaign) = ("closed", Some(*id)),
            Place::Nowhere => {}
        }
        view.lander_name = name(Kind::Lander, view.lander);
        view.offer_name = name(Kind::Offer, view.offer);
        view.campaign_name = name(Kind::Campaign, view.campaign);
        view
    }
}
