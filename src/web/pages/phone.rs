//! `/phones/<MAC>`: how a phone is, what is wrong and what to do, what happened, its files, and what can be done to it.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use jiff::Timestamp;

use super::conversions::{self, Ride};
use super::lot::Lot;
use super::overview::{Free, free, models};
use super::visit::{Chrome, Visit};
use super::words::{Row, When, explained, iso, when};
use super::{absent, shown};
use crate::api::{self, FetchState, FileName};
use crate::diagnose::{APPROVABLE, Finding, Severity};
use crate::domain::MacAddr;
use crate::hub::Operations;
use crate::pbx::roster::Origin;

#[derive(Template)]
#[template(path = "web/phone.html")]
struct Page {
    chrome: Chrome,
    mac: String,
    model: String,
    description: String,
    class: String,
    lot: &'static str,
    stage: String,
    health: String,
    reason: String,
    explained: Option<String>,
    summary: String,
    since: When,
    last: Option<When>,
    next: String,
    ip: String,
    load: String,
    target: String,
    lines: Vec<api::PhoneLine>,
    announced: Vec<(&'static str, String)>,
    findings: Vec<Found>,
    ride: Option<Ride>,
    runs: Vec<Run>,
    files: Vec<FileRow>,
    is_seen: bool,
    is_own: bool,
    can_be_told: bool,
    can_be_approved: bool,
    can_convert: bool,
    free: Vec<Free>,
    models: Vec<String>,
}

struct Found {
    class: &'static str,
    severity: &'static str,
    code: String,
    explained: Option<String>,
    summary: String,
    evidence: Vec<String>,
    remedy: String,
}

/// A boot.
struct Run {
    /// When it began, where that is known.
    began: Option<String>,
    summary: String,
    rows: Vec<Row>,
}

struct FileRow {
    name: String,
    link: Option<String>,
    state: String,
    /// When the phone last took it whole.
    taken: Option<When>,
    /// How that compares with what it would get.
    compared: &'static str,
}

pub(super) async fn page(visit: Visit, State(desk): State<Arc<Operations>>, Path(mac): Path<String>) -> Response {
    let Ok(mac) = mac.parse::<MacAddr>() else {
        return absent(&visit, format!("{mac:?} is no MAC: twelve hexadecimal digits."));
    };
    let Some(phone) = desk.hub().phone(mac) else {
        return absent(&visit, format!("The phone {mac} is not assigned and was never seen."));
    };
    let files = desk.files(mac).await.unwrap_or_default();
    shown(&page_of(&visit, &desk, &phone, files, Timestamp::now()))
}

fn page_of(visit: &Visit, desk: &Operations, phone: &api::Phone, files: Vec<FileName>, now: Timestamp) -> Page {
    let (hub, snapshot, mac) = (desk.hub(), desk.hub().snapshot(), phone.mac);
    let findings = hub.findings(mac);
    let conversion = hub.conversions().into_iter().find(|conversion| conversion.mac == mac);
    let assignment = snapshot.assignment(mac);
    let is_seen = assignment.is_none();
    let next = match (&conversion, findings.iter().find(|finding| finding.code == phone.reason)) {
        (Some(conversion), _) if conversion.state != crate::convert::StepState::Verified => conversion.next.clone(),
        (_, Some(finding)) => finding.remedy.clone(),
        _ if is_seen => "Give it an extension, or leave it.".to_owned(),
        _ => String::new(),
    };
    // Said once: the sentence of a phone that converts has it already.
    let next = if phone.summary.contains(&next) { String::new() } else { next };
    let lot = if is_seen { Lot::NeedsHands } else { Lot::of_words(&phone.stage, &phone.health, &phone.reason) };
    Page {
        chrome: visit.chrome(format!("Phone {mac}"), ""),
        mac: mac.to_string(),
        model: phone.model.clone(),
        description: assignment.map(|assignment| assignment.description.clone()).unwrap_or_default(),
        class: lot.key(),
        lot: if is_seen { "unknown" } else { lot.name() },
        stage: phone.stage.clone(),
        health: phone.health.clone(),
        reason: phone.reason.clone(),
        explained: explained(&phone.reason),
        summary: phone.summary.clone(),
        since: when(phone.since, now),
        last: phone.last.map(|last| when(last, now)),
        next,
        ip: phone.ip.map(|ip| ip.to_string()).unwrap_or_default(),
        load: phone.load.clone().unwrap_or_default(),
        target: phone.target_load.clone().unwrap_or_default(),
        lines: phone.lines.clone(),
        announced: phone.announced.as_ref().map(announced).unwrap_or_default(),
        can_be_told: phone.lines.iter().any(|line| line.registered),
        can_be_approved: findings.iter().any(|finding| finding.code == APPROVABLE),
        can_convert: !is_seen,
        findings: findings.into_iter().map(found).collect(),
        ride: conversion.map(|conversion| conversions::ride(&conversion, now)),
        files: files.into_iter().map(|file| file_row(mac, file, now)).collect(),
        runs: runs(hub.boots(mac, now)),
        is_seen,
        is_own: assignment.is_some_and(|assignment| assignment.origin == Origin::Own),
        free: free(&snapshot),
        models: models(&snapshot),
    }
}

fn found(finding: Finding) -> Found {
    let (class, severity) = match finding.severity {
        Severity::Error => ("bad", "error"),
        Severity::Warning => ("warn", "warning"),
    };
    Found {
        class,
        severity,
        explained: explained(&finding.code),
        code: finding.code,
        summary: finding.summary,
        evidence: finding.evidence,
        remedy: finding.remedy,
    }
}

fn announced(announced: &api::Announced) -> Vec<(&'static str, String)> {
    let rows = [
        ("model", announced.model.clone()),
        ("load", announced.load.clone()),
        ("hardware", announced.hardware.clone()),
        ("serial number", announced.serial.clone()),
        ("voice VLAN", announced.vlan.map(|vlan| vlan.to_string())),
        ("address", announced.ip.map(|ip| ip.to_string())),
    ];
    rows.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// The last boot first, and in it what happened last.
fn runs(boots: Vec<api::Boot>) -> Vec<Run> {
    let row = |entry: api::Entry| {
        let last = entry.events.into_iter().next_back()?;
        Some(Row { summary: entry.summary, ..Row::from(last) })
    };
    let run = |boot: api::Boot| Run {
        began: boot.began.map(iso),
        summary: boot.summary,
        rows: boot.entries.into_iter().rev().filter_map(row).collect(),
    };
    boots.into_iter().rev().map(run).collect()
}

fn file_row(mac: MacAddr, file: FileName, now: Timestamp) -> FileRow {
    let state = match file.refused.as_deref() {
        None => "served".to_owned(),
        Some("fall-through") => "from tftp.fall_through, where it is there".to_owned(),
        Some(why) => format!("not served ({why})"),
    };
    let compared = file.fetched.as_ref().map_or("", |fetched| match fetched.state {
        FetchState::Never => "not since it is assigned",
        FetchState::Unknown => "",
        FetchState::Same => "the same as now",
        FetchState::Secret => "only a secret changed since",
        FetchState::Changed => "changed since",
    });
    FileRow {
        link: file.served.then(|| format!("/phones/{mac}/files/{}", file.name)),
        name: file.name,
        state,
        taken: file.fetched.and_then(|fetched| fetched.last).map(|last| when(last, now)),
        compared,
    }
}
