//! Why a postback became what it became: stable codes, and sentences that say what to do.

use model::money::MoneyError;
use model::postback::PostbackParam;
use std::borrow::Cow;

/// A reason with its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Intake refused it (wrong key or address).
    Intake(String),
    /// No parameter holds a click id.
    IdMissing,
    /// The parameter of the click id holds a macro.
    IdUnexpanded,
    /// The id has a wrong length or alphabet.
    IdMalformed,
    /// The id was not given out here.
    IdUnverified,
    /// The id was cut off; the MAC proved the rest.
    IdTruncated,
    /// One character of the id was altered; the MAC proved the right one.
    IdAltered,
    /// The id stood in other characters, or was encoded twice.
    IdWrapped,
    /// No click carries this id of its source.
    ExternalIdUnknown,
    /// No person's click carries this id of an ad platform.
    PlatformIdUnknown,
    /// The click belongs to another workspace than the network that called.
    OtherWorkspace,
    /// The id's time lies ahead of the postback.
    IdInFuture,
    /// The click is older than the attribution window.
    OutsideWindow,
    /// The click is not stored; campaign and time come from the id.
    ClickNotStored,
    /// The amount cannot be read.
    Payout(MoneyError),
    /// The currency is no code.
    Currency,
    /// No rate to the workspace's currency; the amount is kept and summed nowhere.
    CurrencyWithoutRate,
    /// A word for the status that is in no map.
    StatusUnmapped(String),
    /// The transaction id was reported for another click.
    TxidOnOtherClick,
    /// The same conversion with the same status and amount.
    Repeated,
    /// A further conversion where the first only counts.
    FirstOnly,
    /// The status of a known conversion changed.
    StatusChanged,
    /// The amount of a known conversion changed.
    AmountChanged,
    /// A negative amount took something off a known conversion.
    Reversal,
    /// A negative amount for a conversion nobody reported.
    ReversalOfNothing,
    /// A further amount in another currency than the conversion's.
    CurrencyDiffers,
    /// An encrypted notification that cannot be opened.
    Sealed,
    /// A test of the network, or news of something else than a conversion.
    NotConversion(String),
    /// Judged again after a later call changed the same conversion.
    Overtaken,
}

impl Reason {
    /// The stable code.
    pub fn code(&self) -> &str {
        match self {
            Self::Intake(code) => code,
            Self::IdMissing => "click_id_missing",
            Self::IdUnexpanded => "click_id_unexpanded",
            Self::IdMalformed => "click_id_malformed",
            Self::IdUnverified => "click_id_unverified",
            Self::IdTruncated => "click_id_truncated",
            Self::IdAltered => "click_id_altered",
            Self::IdWrapped => "click_id_wrapped",
            Self::ExternalIdUnknown => "external_id_unknown",
            Self::PlatformIdUnknown => "platform_id_unknown",
            Self::OtherWorkspace => "click_of_other_workspace",
            Self::IdInFuture => "click_id_in_future",
            Self::OutsideWindow => "outside_window",
            Self::ClickNotStored => "click_not_stored",
            Self::Payout(MoneyError::Empty) => "payout_empty",
            Self::Payout(MoneyError::Unexpanded) => "payout_unexpanded",
            Self::Payout(MoneyError::NotANumber) => "payout_not_a_number",
            Self::Payout(MoneyError::Ambiguous) => "payout_ambiguous",
            Self::Payout(MoneyError::TooLarge) => "payout_too_large",
            Self::Currency => "currency_unknown",
            Self::CurrencyWithoutRate => "currency_without_rate",
            Self::StatusUnmapped(_) => "status_unmapped",
            Self::TxidOnOtherClick => "txid_on_other_click",
            Self::Repeated => "repeated",
            Self::FirstOnly => "first_only",
            Self::StatusChanged => "status_changed",
            Self::AmountChanged => "amount_changed",
            Self::Reversal => "reversal",
            Self::ReversalOfNothing => "reversal_of_nothing",
            Self::CurrencyDiffers => "currency_differs",
            Self::Overtaken => "overtaken",
            Self::Sealed => "notification_sealed",
            Self::NotConversion(_) => "not_a_conversion",
        }
    }

    /// The parameter that is to blame.
    pub fn param(&self) -> Option<PostbackParam> {
        Some(match self {
            Self::IdUnexpanded
            | Self::IdMalformed
            | Self::IdUnverified
            | Self::IdTruncated
            | Self::IdAltered
            | Self::IdWrapped => PostbackParam::ClickId,
            Self::ExternalIdUnknown => PostbackParam::ExternalId,
            Self::Payout(_) => PostbackParam::Payout,
            Self::Currency => PostbackParam::Currency,
            Self::StatusUnmapped(_) => PostbackParam::Status,
            Self::TxidOnOtherClick => PostbackParam::Txid,
            _ => return None,
        })
    }

    /// Whether a macro stands where a value should.
    pub fn is_about_macro(&self) -> bool {
        matches!(self, Self::IdUnexpanded | Self::Payout(MoneyError::Unexpanded))
    }

    /// What happened and what to do about it.
    pub fn message(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Intake(code) => return intake_message(code),
            Self::Payout(error) => {
                return format!("{error}: check the payout parameter of the postback URL").into();
            }
            Self::StatusUnmapped(word) => {
                return format!(
                    "the status `{word}` is not in the network's status map: add it there"
                )
                .into();
            }
            Self::IdMissing
            | Self::IdUnexpanded
            | Self::IdMalformed
            | Self::IdUnverified
            | Self::IdTruncated
            | Self::IdAltered
            | Self::IdWrapped
            | Self::ExternalIdUnknown
            | Self::PlatformIdUnknown => self.id_message(),
            Self::OtherWorkspace => {
                "the click belongs to another workspace than the network whose key was used: use a network of the campaign's workspace"
            }
            Self::IdInFuture => "the click lies ahead of the postback: check this machine's clock",
            Self::OutsideWindow => {
                "the click is older than the workspace's attribution window: lengthen the window if such conversions should count"
            }
            Self::ClickNotStored => {
                "the click is not stored: its campaign and time come from its id, its other fields are empty"
            }
            Self::Currency => {
                "the currency is no code of three letters: send an ISO 4217 code such as USD"
            }
            Self::CurrencyWithoutRate => {
                "there is no rate to the workspace's currency for that day: the amount is kept, but no sum holds it; import rates, or set one"
            }
            Self::TxidOnOtherClick => {
                "this transaction id was reported for another click: check which macro the network sends as `txid`"
            }
            Self::Repeated => "the same conversion was reported before: nothing to do",
            Self::FirstOnly => {
                "the click has this conversion already and only the first one counts: have the network send a `txid`, or choose another repeat policy"
            }
            Self::StatusChanged => "the conversion changed its status",
            Self::AmountChanged => "the conversion changed its amount",
            Self::Reversal => "the amount was taken off the conversion",
            Self::ReversalOfNothing => {
                "a negative amount, but the click has no such conversion: check `txid` and `type`"
            }
            Self::NotConversion(word) => {
                return format!(
                    "`{word}` arrived and was read, but reports no conversion: nothing to do"
                )
                .into();
            }
            Self::Sealed => {
                "the encrypted notification cannot be opened: set the network's `notification_secret`, and call /postback/KEY with its `postback_key`"
            }
            Self::Overtaken => {
                "a later call changed this conversion meanwhile, and what it said stands: nothing to do"
            }
            Self::CurrencyDiffers => {
                "the amount has another currency than the conversion it belongs to: send that one"
            }
        })
    }

    /// The same of an id that is missing, wrong or repaired.
    fn id_message(&self) -> &'static str {
        match self {
            Self::IdMissing => {
                "no parameter holds a click id: put the network's macro for it behind `clickid=`"
            }
            Self::IdUnexpanded => {
                "the network did not expand its macro for the click id: check the macro's spelling at the network"
            }
            Self::IdMalformed => {
                "the click id has a wrong length or alphabet: check which macro the network sends"
            }
            Self::IdUnverified => {
                "the click id was not given out by this installation: check that the network sends the id it was given"
            }
            Self::IdTruncated => {
                "the click id was cut off and could be completed: allow 32 characters for the sub id"
            }
            Self::IdAltered => {
                "one character of the click id was altered and could be set right: look for whoever types or rewrites ids"
            }
            Self::IdWrapped => {
                "the click id stood in other characters or was encoded twice, and could be read: have the network send it as it was given"
            }
            Self::ExternalIdUnknown => {
                "no person's click before the call carried this id of its source: put the network's macro for our id behind `clickid=`"
            }
            Self::PlatformIdUnknown => {
                "no person's click before the call carried this id of an ad platform: put the network's macro for our id behind `clickid=`"
            }
            _ => "",
        }
    }
}

fn intake_message(code: &str) -> Cow<'static, str> {
    Cow::Borrowed(match code {
        "missing_key" => "the network demands its postback key: put it into the postback URL",
        "wrong_key" => {
            "the postback key is not the network's: put the right one into the postback URL"
        }
        "unreadable_line" => "the line cannot be read: correct the column, and report it again",
        "batch_too_long" => {
            "one call reported more than 1000 conversions: split it, and send them again"
        }
        "wrong_address" => {
            "the call comes from an address that is not the network's: add the address to the network, or only report such calls"
        }
        _ => return format!("refused on arrival: {code}").into(),
    })
}
