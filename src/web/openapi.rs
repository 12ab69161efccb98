//! `/api/v1/openapi.json`: the API as OpenAPI 3.1 has it, its schemas made from the types that are sent. One row for each
//! operation; a test holds the rows against the routes.

mod rows;

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::{Map, Value, json};

use crate::api::Problem;
use crate::domain::MacAddr;
use rows::{Body, OPERATIONS, Operation, of};

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
        |(name, required, kind)| json!({"name": name, "in": "query", "required": required, "schema": of_query(kind)}),
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

/// What is a number is how many.
fn of_query(kind: &str) -> Value {
    match kind {
        "integer" => json!({"type": kind, "minimum": 0, "maximum": u32::MAX}),
        _ => json!({"type": kind}),
    }
}

fn answer(body: Body, schemas: &mut SchemaGenerator) -> Value {
    content(body, schemas)
        .map_or_else(|| json!({"description": "Done"}), |content| json!({"description": "Done", "content": content}))
}

fn content(body: Body, schemas: &mut SchemaGenerator) -> Option<Value> {
    match body {
        Body::None => None,
        Body::Json(schema) => Some(json!({"application/json": {"schema": schema(schemas)}})),
        Body::Text => Some(json!({"text/plain": {"schema": {"type": "string"}}})),
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
            include_str!("helping.rs"),
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
