//! What is done to phones from their pages: each does what the API does, and says what came of it.

use std::sync::Arc;

use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::Timestamp;
use serde::Deserialize;

use super::visit::Visit;
use crate::api::AddPhone;
use crate::domain::MacAddr;
use crate::hub::Operations;

/// What a form about a phone says.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Fields {
    mac: String,
    model: String,
    /// Extensions, by blanks or commas.
    line: String,
    address: String,
}

type Filled = Result<Form<Fields>, FormRejection>;

fn fields(form: Filled) -> Result<Fields, String> {
    form.map(|Form(fields)| fields).map_err(|why| format!("the form cannot be read: {}", why.body_text()))
}

fn mac_of(text: &str) -> Result<MacAddr, String> {
    text.trim().parse().map_err(|why| format!("{text:?} is no phone: {why}"))
}

/// A phone that may never have been seen.
pub(super) async fn add(visit: Visit, State(desk): State<Arc<Operations>>, form: Filled) -> Response {
    visit.told("/", added(&desk, fields(form), &visit.who).await)
}

async fn added(desk: &Operations, fields: Result<Fields, String>, who: &str) -> Result<String, String> {
    let fields = fields?;
    let mac = mac_of(&fields.mac)?;
    let model = if fields.model.is_empty() { "auto".to_owned() } else { fields.model };
    desk.add(&AddPhone { mac, model, lines: lines(&fields.line) }, who).await
}

fn lines(text: &str) -> Vec<String> {
    text.split([',', ' ']).filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// A phone that was only seen, from the overview.
pub(super) async fn adopt(visit: Visit, State(desk): State<Arc<Operations>>, form: Filled) -> Response {
    visit.told("/", adopted(&desk, fields(form), &visit.who).await)
}

async fn adopted(desk: &Operations, fields: Result<Fields, String>, who: &str) -> Result<String, String> {
    let fields = fields?;
    let mac = mac_of(&fields.mac)?;
    let phone =
        desk.hub().phone(mac).ok_or_else(|| format!("phone {mac} is not there any more: it was not heard of late"))?;
    if phone.ownership != "seen" {
        return Err(format!("phone {mac} was not adopted: it is assigned already"));
    }
    if fields.line.trim().is_empty() {
        return Err(format!("phone {mac} was not adopted: choose an extension for it"));
    }
    let model = if fields.model.is_empty() { phone.model } else { fields.model };
    desk.add(&AddPhone { mac, model, lines: lines(&fields.line) }, who).await
}

/// `POST /phones/<MAC>/<verb>`
pub(super) async fn act(
    visit: Visit,
    State(desk): State<Arc<Operations>>,
    Path((mac, verb)): Path<(String, String)>,
    form: Filled,
) -> Response {
    let mac = match mac_of(&mac) {
        Ok(mac) => mac,
        Err(why) => return visit.told("/", Err(why)),
    };
    let page = format!("/phones/{mac}");
    let outcome = match verb.as_str() {
        "adopt" => {
            let fields = fields(form).map(|fields| Fields { mac: mac.to_string(), ..fields });
            adopted(&desk, fields, &visit.who).await
        }
        "remove" => desk.remove(mac, &visit.who).await,
        "approve" => approved(&desk, mac, fields(form), &visit.who),
        verb => match verb.parse() {
            Ok(verb) => desk.notify_for(mac, verb, &visit.who).await,
            Err(()) => Err(format!("a phone is told to resync, restart or reset, not to {verb:?}")),
        },
    };
    // Who is removed and was never seen has no page any more.
    let page = if verb == "remove" && outcome.is_ok() { "/" } else { &page };
    visit.told(page, outcome)
}

fn approved(desk: &Operations, mac: MacAddr, fields: Result<Fields, String>, who: &str) -> Result<String, String> {
    let address = match fields?.address.trim() {
        "" => None,
        text => Some(text.parse().map_err(|_| format!("phone {mac} was not approved: {text:?} is no IPv4 address"))?),
    };
    desk.approve(mac, address, who, Timestamp::now())
}
