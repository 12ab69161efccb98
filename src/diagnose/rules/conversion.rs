//! A conversion came to an end that needs a person: one code per way to fail. `trust-list` is a rule of its own.

use crate::convert::{Failure, text};
use crate::diagnose::{Evidence, Finding, Rule, Severity};
use crate::status::Health;

pub(super) const MANIFEST_REFUSED: Rule = Rule {
    code: "manifest-refused",
    title: "The phone asks for a load's manifest again and again and for nothing that it lists",
    text: "A phone reads the manifest (NAME.loads) first and then fetches what it lists. This one starts over each time: it does \
           not accept the load, because it is for other hardware, or because its boot loader is older than the load allows. \
           Other ways were tried where the catalogue of paths has one. Bring another release (`offhook firmware add`): for \
           Java phones 8.5(2), then 8.3(3) lead out of a loop on the term file; then `offhook convert start MAC`. What was \
           offered is served on, because the phone may need it.",
    health: Health::NeedsHands,
    check: |evidence| found(evidence, Failure::ManifestRefused).or_else(|| manifest_loop(evidence)),
    due: None,
    sources: &["HIP", "TICKETT", "QSOL"],
};

pub(super) const IMAGE_REFUSED: Rule = Rule {
    code: "image-refused",
    title: "The phone took a load whole more than once and runs its old one",
    text: "All of it was delivered and acknowledged, and the phone came back with its old application: its loader found the \
           image wrong for it. Some 7940 and 7960 take no SCCP load after 8.0(4): that one first. Bring another release \
           (`offhook firmware add`), then `offhook convert start MAC`. `offhook firmware list` says whether the set is as \
           the vendor published it.",
    health: Health::NeedsHands,
    check: |evidence| found(evidence, Failure::ImageRefused),
    due: None,
    sources: &["STRANGE"],
};

pub(super) const TRANSFER_STALLED: Rule = Rule {
    code: "transfer-stalled",
    title: "The transfer of one image failed again and again",
    text: "It began and did not end, three times. A duplex mismatch at the switch port shows like this, and a firewall that lets \
           port 69 through and not the ports above 1023 that the blocks are sent from. `offhook phones timeline MAC` has each \
           try. The phone keeps its old load until the new one is whole; it is served on.",
    health: Health::Stalled,
    check: |evidence| found(evidence, Failure::TransferStalled).or_else(|| stalled(evidence)),
    due: None,
    sources: &[],
};

pub(super) const UNHEEDED: Rule = Rule {
    code: "offer-unheeded",
    title: "The phone reads a configuration that names a load and does nothing about it",
    text: "A 7940 or 7960 compares at a boot only, and so do most Java phones: power-cycle it. One that has read five and still \
           asks for nothing runs an application that does not heed this file, or runs the load already: see `Settings, Status, \
           Firmware Versions` on the phone, and tell offhook what it runs with `offhook convert start MAC --running LOAD`.",
    health: Health::NeedsHands,
    check: |evidence| found(evidence, Failure::Unheeded),
    due: None,
    sources: &["TEO", "FW812"],
};

pub(super) const SILENT: Rule = Rule {
    code: "download-silent",
    title: "The phone began to download and fell silent",
    text: "Half an hour without a sign. It lost power or network, or hangs. Power-cycle it, never while its lamps blink: it begins \
           anew and finds the same files here. A phone that stays dark is reset with the keys that the finding names.",
    health: Health::Stalled,
    check: |evidence| found(evidence, Failure::Silent),
    due: None,
    sources: &["CTS"],
};

pub(super) const NOT_BACK: Rule = Rule {
    code: "not-back",
    title: "The phone took every image and did not come back",
    text: "Writing its flash takes a phone a few minutes; a quarter of an hour is over. See its display. Where it is dark or \
           blinks no more, power-cycle it; where that does not help, reset it with the keys that the finding names: it then \
           asks for its firmware anew, and for that firmware.erased says what a phone gets that has lost its name.",
    health: Health::NeedsHands,
    check: |evidence| found(evidence, Failure::NotBack),
    due: None,
    sources: &["CTS"],
};

/// So often a manifest is read, or a transfer begun, before that is no chance.
const TIMES: u32 = 3;

/// A phone that nobody converts, and that does not work.
fn by_itself<'a>(evidence: &'a Evidence<'_>) -> Option<&'a crate::fleet::Desired> {
    let by_itself = evidence.conversion.is_none_or(crate::convert::Conversion::done) && evidence.contacts.is_empty();
    let by_itself = by_itself && !evidence.speaks_sccp();
    evidence.wanted().filter(|_| by_itself)
}

/// It was told the load by somebody else, or was reset.
fn manifest_loop(evidence: &Evidence<'_>) -> Option<Finding> {
    let desired = by_itself(evidence)?;
    let read = evidence.boot.signs.manifest.as_ref().filter(|manifest| manifest.times >= TIMES)?;
    let summary = format!(
        "the phone read {} {} times and asked for nothing that it lists: it does not accept this load",
        read.name, read.times
    );
    let remedy = text::remedy(Failure::ManifestRefused, desired.model.family, &desired.model.name);
    Some(
        Finding::new(&MANIFEST_REFUSED, Severity::Error, summary, remedy)
            .because([format!("last read at {}", read.last)]),
    )
}

fn stalled(evidence: &Evidence<'_>) -> Option<Finding> {
    let desired = by_itself(evidence).filter(|_| evidence.boot.signs.delivered)?;
    let file = evidence.boot.signs.stalled.as_ref().filter(|stalled| stalled.times >= TIMES)?;
    let summary = format!("the transfer of {} began {} times and did not end", file.name, file.times);
    let remedy = text::remedy(Failure::TransferStalled, desired.model.family, &desired.model.name);
    Some(Finding::new(&TRANSFER_STALLED, Severity::Error, summary, remedy).because([format!("last at {}", file.last)]))
}

fn found(evidence: &Evidence<'_>, failure: Failure) -> Option<Finding> {
    let conversion = evidence.conversion.filter(|conversion| conversion.failed() == Some(failure))?;
    let step = conversion.step()?;
    let works = !evidence.contacts.is_empty();
    Some(Finding {
        code: failure.code().to_owned(),
        // A phone that registered with its old load works.
        severity: if works { Severity::Warning } else { Severity::Error },
        summary: format!("on its way to {}: {}", step.to, text::failure(failure)),
        evidence: vec![format!("failed at the step {} -> {} at {}", step.from, step.to, step.since)],
        remedy: text::remedy(failure, conversion.family, &conversion.model),
    })
}
