//! `/api/v1/openapi.json`: the API as OpenAPI 3.1 has it, its schemas made from the types that are sent. One row for each
//! operation; a test holds the rows against the routes.

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use schemars::{JsonSchema, Schema};
use serde_json::{Map, Value, json};

use crate::api::{
    AddPhone, Approve, Audited, Boot, Check, Conversion, Convert, DhcpHeard, DhcpListen, Done, Event, FileDiff,
    FileName, Lease, Outcome, Phone, Problem,
};
use crate::convert::Campaign;
use crate::diagnose::Finding;
use crate::domain::MacAddr;
use crate::firmware::import::Imported;
use crate::firmware::set::FirmwareSet;

type Schemas = fn(&mut SchemaGenerator) -> Schema;

fn of<T: JsonSchema>(schemas: &mut SchemaGenerator) -> Schema {
    schemas.subschema_for::<T>()
}

/// What goes in, or comes out.
#[derive(Clone, Copy)]
enum Body {
    None,
    Json(Schemas),
    Octets,
    /// Server-sent events.
    Events,
}

/// One operation.
struct Operation {
    method: &'static str,
    /// As the router has it.
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    /// What may stand for `{verb}`.
    verbs: &'static [&'static str],
    /// Name, whether it must be there, type.
    query: &'static [(&'static str, bool, &'static str)],
    takes: Body,
    gives: Body,
    /// Statuses of refusals.
    errors: &'static [u16],
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
const OPERATIONS: &[Operation] = &[
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
];

/// Made once.
static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| document().to_string().into());

pub(super) async fn openapi() -> Response {
    let json = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, json)], DOCUMENT.clone()).into_response()
}

/// The document.
fn document() -> Value {
    let settings = |settings: SchemaSettings| {
        settings.with(|settings| {
            settings.meta_schema = None;
            settings.definitions_path = "/components/schemas".into();
        })
    };
    let mut given = settings(SchemaSettings::draft2020_12().for_serialize()).into_generator();
    // What is taken may leave out what is given always: its shapes stand where they are used.
    let taken = settings(SchemaSettings::draft2020_12().for_deserialize());
    let mut taken = taken.with(|settings| settings.inline_subschemas = true).into_generator();
    let mut paths = Map::new();
    for operation in OPERATIONS {
        let path = operation.path.replace("{*", "{");
        let item = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(item) = item.as_object_mut() {
            item.insert(operation.method.to_owned(), described(operation, &mut given, &mut taken));
        }
    }
    let problem = given.subschema_for::<Problem>();
    let schemas = given.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "offhook",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "On the unix socket without a login: its permissions are one.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {"Problem": {
                "description": "What was refused, why, and what to do (RFC 9457)",
                "content": {"application/problem+json": {"schema": problem}},
            }},
        },
    })
}

fn described(operation: &Operation, given: &mut SchemaGenerator, taken: &mut SchemaGenerator) -> Value {
    let in_path = operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
    let mut parameters: Vec<Value> = in_path
        .map(|name| {
            let name = name.trim_start_matches('*');
            let schema = match name {
                "mac" => of::<MacAddr>(given).into(),
                "verb" => json!({"type": "string", "enum": operation.verbs}),
                _ => json!({"type": "string"}),
            };
            json!({"name": name, "in": "path", "required": true, "schema": schema})
        })
        .collect();
    parameters.extend(operation.query.iter().map(
        |(name, required, kind)| json!({"name": name, "in": "query", "required": required, "schema": {"type": kind}}),
    ));
    let mut responses = Map::new();
    responses.insert("200".to_owned(), answer(operation.gives, given));
    for status in operation.errors {
        responses.insert(status.to_string(), json!({"$ref": "#/components/responses/Problem"}));
    }
    // What is no body of this operation at all is refused before it is looked at.
    responses.insert("default".to_owned(), json!({"$ref": "#/components/responses/Problem"}));
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.summary,
        "parameters": parameters,
        "responses": responses,
    });
    if let Some(content) = content(operation.takes, taken)
        && let Some(described) = described.as_object_mut()
    {
        described.insert("requestBody".to_owned(), json!({"required": true, "content": content}));
    }
    described
}

fn answer(body: Body, schemas: &mut SchemaGenerator) -> Value {
    content(body, schemas)
        .map_or_else(|| json!({"description": "Done"}), |content| json!({"description": "Done", "content": content}))
}

fn content(body: Body, schemas: &mut SchemaGenerator) -> Option<Value> {
    match body {
        Body::None => None,
        Body::Json(schema) => Some(json!({"application/json": {"schema": schema(schemas)}})),
        Body::Octets => Some(json!({"application/octet-stream": {}})),
        Body::Events => Some(json!({"text/event-stream": {}})),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Every route of these routers, in the words of their sources, is a row, and each row is a route.
    #[test]
    fn rows_are_routes() {
        let sources = [
            include_str!("api.rs"),
            include_str!("conversions.rs"),
            include_str!("dhcp.rs"),
            include_str!("firmware.rs"),
        ];
        let mut routes = BTreeSet::new();
        for route in sources.iter().flat_map(|source| source.split(".route(").skip(1)) {
            let path = route.split('"').nth(1).unwrap();
            let line = route.lines().next().unwrap();
            for method in ["get", "post", "delete", "put", "patch"] {
                if line.contains(&format!("{method}(")) {
                    assert!(routes.insert((path, method)), "{path} {method}");
                }
            }
        }
        assert!(routes.len() > 20);
        let rows: BTreeSet<_> = OPERATIONS.iter().map(|row| (row.path, row.method)).collect();
        assert_eq!((rows.len(), &rows), (OPERATIONS.len(), &routes));
        let ids: BTreeSet<_> = OPERATIONS.iter().map(|row| row.id).collect();
        assert_eq!(ids.len(), OPERATIONS.len());
    }

    /// Each schema that is named is there.
    #[test]
    fn references_lead_somewhere() {
        let document = document();
        let text = document.to_string();
        let references: BTreeSet<&str> =
            text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(references.len() > 10, "{references:?}");
        for reference in references {
            assert!(document.pointer(reference).is_some(), "{reference}");
        }
    }
}
