//! One row for each operation of the API.

use schemars::generate::SchemaGenerator;
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value};

use crate::api::{
    AddPhone, Approve, Audited, Boot, Check, Conversion, Convert, DhcpHeard, DhcpListen, Done, Event, FileDiff,
    FileName, Lease, Outcome, Phone, Settings, Support,
};
use crate::convert::Campaign;
use crate::diagnose::Finding;
use crate::firmware::import::Imported;
use crate::firmware::set::FirmwareSet;

pub(super) type Schemas = fn(&mut SchemaGenerator) -> Schema;

pub(super) fn of<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Schema {
    schemas.subschema_for::<T>()
}

/// What goes in, or comes out.
#[derive(Clone, Copy)]
pub(super) enum Body {
    None,
    Json(Schemas),
    Octets,
    Text,
    /// Server-sent events.
    Events,
}

/// One operation.
pub(super) struct Operation {
    pub(super) method: &'static str,
    /// As the router has it.
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    /// What may stand for `{verb}`.
    pub(super) verbs: &'static [&'static str],
    /// Name, whether it must be there, type.
    pub(super) query: &'static [(&'static str, bool, &'static str)],
    pub(super) takes: Body,
    pub(super) gives: Body,
    /// Statuses of refusals.
    pub(super) errors: &'static [u16],
}

const GET: Operation = Operation {
    method: "get",
    path: "",
    id: "",
    summary: "",
    verbs: &[],
    query: &[],
    takes: Body::None,
    gives: Body::None,
    errors: &[],
};
/// Of one phone, that may not be there.
const OF_PHONE: Operation = Operation { errors: &[400, 404], ..GET };
const POST: Operation = Operation { method: "post", ..GET };
const DELETE: Operation = Operation { method: "delete", ..GET };

/// All, by path.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation {
        path: "/api/v1/check",
        id: "check",
        summary: "What `offhook check` says of the daemon, the PBX and the phones",
        gives: Body::Json(of::<Vec<Check>>),
        ..GET
    },
    Operation {
        path: "/api/v1/conversions",
        id: "conversions",
        summary: "Conversions, each at its step",
        gives: Body::Json(of::<Vec<Conversion>>),
        ..GET
    },
    Operation {
        path: "/api/v1/conversions",
        id: "startConversions",
        summary: "Starts conversions",
        takes: Body::Json(of::<Convert>),
        gives: Body::Json(of::<Vec<Outcome>>),
        errors: &[400, 409],
        ..POST
    },
    Operation {
        path: "/api/v1/conversions/campaign",
        id: "campaign",
        summary: "The campaign, or null",
        gives: Body::Json(of::<Option<Campaign>>),
        ..GET
    },
    Operation {
        path: "/api/v1/conversions/campaign/{verb}",
        id: "steerCampaign",
        summary: "Pauses, resumes or aborts all conversions",
        verbs: &["pause", "resume", "abort"],
        gives: Body::Json(of::<Done>),
        errors: &[404, 409],
        ..POST
    },
    Operation {
        path: "/api/v1/conversions/log",
        id: "audit",
        summary: "Who did what",
        gives: Body::Json(of::<Vec<Audited>>),
        errors: &[409],
        ..GET
    },
    Operation {
        path: "/api/v1/conversions/plan",
        id: "planConversions",
        summary: "What conversions would do",
        takes: Body::Json(of::<Convert>),
        gives: Body::Json(of::<Vec<Conversion>>),
        errors: &[400, 409],
        ..POST
    },
    Operation {
        path: "/api/v1/dhcp/listen",
        id: "listenDhcp",
        summary: "Asks DHCP servers what they tell phones",
        takes: Body::Json(of::<DhcpListen>),
        gives: Body::Json(of::<DhcpHeard>),
        errors: &[400],
        ..POST
    },
    Operation {
        path: "/api/v1/events",
        id: "events",
        summary: "What happens, as it happens, as server-sent events; `Last-Event-ID` has what is still kept come first",
        query: &[("mac", false, "string"), ("kind", false, "string"), ("last", false, "integer")],
        gives: Body::Events,
        errors: &[400],
        ..GET
    },
    Operation {
        path: "/api/v1/firmware",
        id: "firmware",
        summary: "Loads of the store",
        gives: Body::Json(of::<Vec<FirmwareSet>>),
        ..GET
    },
    Operation {
        path: "/api/v1/firmware",
        id: "addFirmware",
        summary: "Takes an archive in",
        query: &[("name", true, "string"), ("replace", false, "boolean")],
        takes: Body::Octets,
        gives: Body::Json(of::<Imported>),
        errors: &[400, 409, 413, 422, 500, 507],
        ..POST
    },
    Operation {
        path: "/api/v1/firmware/check",
        id: "checkFirmware",
        summary: "Reads every file of the store again",
        gives: Body::Json(of::<Vec<FirmwareSet>>),
        errors: &[500],
        ..POST
    },
    Operation {
        path: "/api/v1/firmware/{load}",
        id: "removeFirmware",
        summary: "Removes a load",
        gives: Body::Json(of::<Done>),
        errors: &[404, 409, 500],
        ..DELETE
    },
    Operation {
        path: "/api/v1/firmware/{load}/check",
        id: "checkLoad",
        summary: "Reads the files of a load again",
        gives: Body::Json(of::<Vec<FirmwareSet>>),
        errors: &[404, 500],
        ..POST
    },
    Operation {
        path: "/api/v1/leases",
        id: "leases",
        summary: "Addresses that our DHCP server has given",
        gives: Body::Json(of::<Vec<Lease>>),
        ..GET
    },
    Operation {
        path: "/api/v1/openapi.json",
        id: "openapi",
        summary: "This document",
        gives: Body::Json(of::<Map<String, Value>>),
        ..GET
    },
    Operation {
        path: "/api/v1/phones",
        id: "phones",
        summary: "Phones, assigned ones and strangers",
        gives: Body::Json(of::<Vec<Phone>>),
        ..GET
    },
    Operation {
        path: "/api/v1/phones",
        id: "addPhone",
        summary: "Assigns a phone",
        takes: Body::Json(of::<AddPhone>),
        gives: Body::Json(of::<Done>),
        errors: &[400, 409],
        ..POST
    },
    Operation {
        path: "/api/v1/phones/{mac}",
        id: "phone",
        summary: "One phone",
        gives: Body::Json(of::<Phone>),
        ..OF_PHONE
    },
    Operation {
        path: "/api/v1/phones/{mac}",
        id: "removePhone",
        summary: "Takes an assignment of our own away",
        gives: Body::Json(of::<Done>),
        errors: &[400, 409],
        ..DELETE
    },
    Operation {
        path: "/api/v1/phones/{mac}/approve",
        id: "approvePhone",
        summary: "Says that a phone is at an address",
        takes: Body::Json(of::<Approve>),
        gives: Body::Json(of::<Done>),
        errors: &[400, 409],
        ..POST
    },
    Operation {
        path: "/api/v1/phones/{mac}/boots",
        id: "phoneBoots",
        summary: "The same by boots, what repeats in one entry",
        gives: Body::Json(of::<Vec<Boot>>),
        ..OF_PHONE
    },
    Operation {
        path: "/api/v1/phones/{mac}/diff/{*name}",
        id: "phoneFileDiff",
        summary: "What changed in a file since the phone last fetched it, secrets masked",
        gives: Body::Json(of::<FileDiff>),
        ..OF_PHONE
    },
    Operation {
        path: "/api/v1/phones/{mac}/files",
        id: "phoneFiles",
        summary: "Names of a phone's files, each with how it compares with what the phone last fetched",
        gives: Body::Json(of::<Vec<FileName>>),
        ..OF_PHONE
    },
    Operation {
        path: "/api/v1/phones/{mac}/files/{*name}",
        id: "phoneFile",
        summary: "A file as the phone would get it, secrets masked unless `reveal`",
        query: &[("reveal", false, "boolean")],
        gives: Body::Octets,
        ..OF_PHONE
    },
    Operation {
        path: "/api/v1/phones/{mac}/findings",
        id: "phoneFindings",
        summary: "What is wrong with a phone",
        gives: Body::Json(of::<Vec<Finding>>),
        ..OF_PHONE
    },
    Operation {
        path: "/api/v1/phones/{mac}/replay",
        id: "phoneReplay",
        summary: "The same as a script that can be played, without what is secret",
        gives: Body::Text,
        ..OF_PHONE
    },
    Operation {
        path: "/api/v1/phones/{mac}/timeline",
        id: "phoneTimeline",
        summary: "What happened to a phone, oldest first",
        gives: Body::Json(of::<Vec<Event>>),
        ..OF_PHONE
    },
    Operation {
        path: "/api/v1/phones/{mac}/{verb}",
        id: "notifyPhone",
        summary: "Tells a phone to read its files again, to restart or to reset",
        verbs: &["resync", "restart", "reset"],
        gives: Body::Json(of::<Done>),
        errors: &[400, 404, 409, 500],
        ..POST
    },
    Operation {
        path: "/api/v1/settings",
        id: "settings",
        summary: "The configuration in force, and where each value is from; passwords are dots",
        gives: Body::Json(of::<Settings>),
        ..GET
    },
    Operation {
        path: "/api/v1/support",
        id: "support",
        summary: "What a support bundle has of the daemon, without what is secret; timelines of so many phones at most",
        query: &[("phones", false, "integer")],
        gives: Body::Json(of::<Support>),
        errors: &[400, 500],
        ..GET
    },
];
