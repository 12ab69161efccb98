//! `/conversions/plan`: the ways of the phones that are meant, nothing begun; and what begins, holds and ends them.

use std::sync::Arc;

use askama::Template;
use axum::Form;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use serde::Deserialize;

use super::notices::Notice;
use super::shown;
use super::visit::{Chrome, Visit};
use crate::api::{Conversion, Convert};
use crate::convert::Mode;
use crate::hub::Operations;

/// Outcomes that are told one by one.
const TOLD: usize = 20;

/// Who is meant: as a form says it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(super) struct Which {
    /// MACs, by blanks or commas; `all` or nothing else.
    macs: String,
    all: String,
    model: String,
    to: String,
    running: String,
    limit: String,
    accept_one_way: String,
}

impl Which {
    fn asked(&self) -> Result<Convert, String> {
        let some = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        let macs = self.macs.split([',', ' ', '\n', '\r']).filter(|mac| !mac.is_empty());
        let macs: Result<Vec<_>, String> =
            macs.map(|mac| mac.parse().map_err(|why| format!("{mac:?} is no phone: {why}"))).collect();
        let limit = some(&self.limit).map(|limit| match limit.parse() {
            Ok(limit) if limit > 0 => Ok(limit),
            _ => Err(format!("{limit:?} is no number of phones")),
        });
        Ok(Convert {
            macs: macs?,
            all: !self.all.is_empty(),
            model: some(&self.model),
            to: some(&self.to),
            running: some(&self.running),
            limit: limit.transpose()?,
            accept_one_way: !self.accept_one_way.is_empty(),
        })
    }
}

#[derive(Template)]
#[template(path = "web/plan.html")]
struct Page {
    chrome: Chrome,
    which: Which,
    why_none: Option<String>,
    ways: Vec<Way>,
    possible: usize,
    one_way: usize,
    accepted: bool,
}

/// Phones that go the same way.
struct Way {
    macs: Vec<String>,
    plan: Conversion,
}

pub(super) async fn page(
    visit: Visit,
    State(desk): State<Arc<Operations>>,
    query: Result<Query<Which>, QueryRejection>,
) -> Response {
    let (which, plans) = match query {
        Ok(Query(which)) => {
            let plans = which.asked().and_then(|asked| desk.plan(&asked));
            (which, plans)
        }
        Err(why) => (Which::default(), Err(why.body_text())),
    };
    let (plans, why_none) = match plans {
        Ok(plans) => (plans, None),
        Err(why) => (Vec::new(), Some(why)),
    };
    let begins = |plan: &&Conversion| plan.refused.is_none() && !plan.steps.is_empty();
    shown(&Page {
        possible: plans.iter().filter(begins).count(),
        one_way: plans.iter().filter(begins).filter(|plan| plan.one_way).count(),
        accepted: desk.hub().accepts_one_way(),
        ways: ways(plans),
        chrome: visit.chrome("Plan of a conversion", "/conversions"),
        which,
        why_none,
    })
}

/// Ways, each with the phones that have it: forty phones have three, and nobody reads one of them twenty times.
fn ways(plans: Vec<Conversion>) -> Vec<Way> {
    let mut ways: Vec<Way> = Vec::new();
    let same = |a: &Conversion, b: &Conversion| {
        let names = |plan: &Conversion| plan.steps.iter().map(|step| step.to.clone()).collect::<Vec<_>>();
        (&a.model, &a.from, &a.target, &a.refused, &a.warning) == (&b.model, &b.from, &b.target, &b.refused, &b.warning)
            && names(a) == names(b)
    };
    for plan in plans {
        let mac = plan.mac.to_string();
        match ways.iter_mut().find(|way| same(&way.plan, &plan)) {
            Some(way) => way.macs.push(mac),
            None => ways.push(Way { macs: vec![mac], plan }),
        }
    }
    ways
}

/// `POST /conversions/<verb>`
pub(super) async fn act(
    visit: Visit,
    State(desk): State<Arc<Operations>>,
    Path(verb): Path<String>,
    form: Result<Form<Which>, FormRejection>,
) -> Response {
    let mode = match verb.as_str() {
        "start" => return visit.back("/conversions", started(&desk, form, &visit.who)),
        "pause" => Mode::Paused,
        "resume" => Mode::Running,
        "abort" => Mode::Aborted,
        _ => return visit.told("/conversions", Err("a conversion is started, paused, resumed or aborted".to_owned())),
    };
    visit.told("/conversions", desk.steer(mode, &visit.who))
}

fn started(desk: &Operations, form: Result<Form<Which>, FormRejection>, who: &str) -> Vec<Notice> {
    let asked = form.map_err(|why| why.body_text()).and_then(|Form(which)| which.asked());
    let outcomes = match asked.and_then(|asked| desk.start(&asked, who)) {
        Ok(outcomes) => outcomes,
        Err(why) => return vec![Err(why).into()],
    };
    let begun = outcomes.iter().filter(|outcome| outcome.done).count();
    let (count, more) = (outcomes.len(), outcomes.len().saturating_sub(TOLD));
    // What was not done is read first, and never left out for what was.
    let (done, not): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|outcome| outcome.done);
    let mut told: Vec<Notice> = not.into_iter().map(|outcome| Err(outcome.summary).into()).collect();
    told.extend(done.into_iter().map(|outcome| Ok(outcome.summary).into()));
    told.truncate(TOLD);
    if more > 0 {
        told.push(Ok(format!("and {more} more: {begun} of {count} phones are taken in")).into());
    }
    if begun > 0 {
        let next = "phones that are registered are told to boot as their turn comes; power-cycle the others";
        told.push(Ok(next.to_owned()).into());
    }
    told
}
