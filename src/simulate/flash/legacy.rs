//! How a 7940/7960 changes its load: one image into an old boot, two by the universal loader.

use super::super::model::{LoadId, Protocol};
use super::super::outcome::Ending;
use super::super::phone::Phone;
use super::{Boot, Flash, image, manifest, steps};

/// What stopped a change.
enum Stop {
    /// The server has no such file.
    NotServed(String),
    /// The phone does not take a file.
    Refused(String),
    /// The boot ends here.
    Ending(Ending),
}

impl From<Ending> for Stop {
    fn from(ending: Ending) -> Self {
        Self::Ending(ending)
    }
}

/// Goes to `wanted`; true = something new is in flash and the phone restarted, false = it goes on with what it has.
pub(crate) async fn change(phone: &mut Phone<'_>, wanted: &str) -> Result<bool, Ending> {
    if phone.running().is_some() && phone.has_refused(wanted) {
        return Ok(false);
    }
    let done = if phone.flash.has_universal_loader() {
        by_loader(phone, wanted).await
    } else {
        by_old_boot(phone, wanted).await
    };
    let why = match done {
        Ok(changed) => return Ok(changed),
        Err(Stop::Ending(ending)) => return Err(ending),
        Err(Stop::NotServed(file)) => match phone.running().and_then(|load| load.protocol()) {
            Some(Protocol::Sip) | None => format!("{file} is not served"),
            // An SCCP application was asked for SIP and cannot; there is nothing more to see.
            Some(_) => return Err(Ending::NotServed { file }),
        },
        Err(Stop::Refused(why)) => why,
    };
    phone.refuse(wanted, &why);
    match phone.running() {
        // A SIP application whose loader fails carries on; an SCCP one does and says so at its end.
        Some(running) => {
            if running.protocol() == Some(Protocol::Sip) {
                phone.complain(format!("W710 Loader failed upgrade to {wanted} ({why}), ignoring reset"));
            }
            Ok(false)
        }
        None => Err(Ending::ApplicationInvalid { why: format!("{wanted}: {why}") }),
    }
}

/// The universal loader: the list, the loader where its build differs, the application where its name does.
async fn by_loader(phone: &mut Phone<'_>, wanted: &str) -> Result<bool, Stop> {
    let running = phone.running();
    let same = running.as_ref().is_some_and(|load| load.as_str().eq_ignore_ascii_case(wanted));
    let file = format!("{wanted}.loads");
    let Some(bytes) = phone.fetch(&file).await? else {
        if same {
            phone.step(true, format!("{file} is not there to compare: goes on with {wanted}"));
            return Ok(false);
        }
        // Loads of the old signed boot have no list. That their image is asked for instead is an inference from the
        // way back that Cisco describes (rows 25 and 29 of the table).
        let old = LoadId::new(wanted);
        if old.is_before_universal_loader() && steps::is_signed(&old) {
            return single(phone, wanted).await;
        }
        return Err(Stop::NotServed(file));
    };
    let refused = |why: String| Stop::Refused(format!("{file}: {why}"));
    let list = image::signed(&bytes).map_err(refused)?;
    if list.name != file {
        return Err(refused(format!("it is {}", list.name)));
    }
    let list = manifest::legacy(list.payload).ok_or_else(|| refused("no list of two images".to_owned()))?;
    let (build, app) = match &phone.flash {
        Flash::Legacy { boot: Boot::Universal { build }, app } => (build.clone(), app.clone()),
        _ => return Err(Stop::Refused("no universal loader".to_owned())),
    };
    if build.as_ref() != Some(&list.build) && !(same && build.is_none()) {
        let Some(bytes) = phone.fetch(&list.loader).await? else { return Err(Stop::NotServed(list.loader)) };
        let marks = image::legacy(&bytes, &list.loader, true)
            .map_err(|why| Stop::Refused(format!("auth error: {}: {why}", list.loader)))?;
        let Some(build) = marks.build else { return Err(Stop::Refused(format!("{}: no loader", list.loader))) };
        phone.write(&list.loader, Flash::Legacy { boot: Boot::Universal { build: Some(build) }, app })?;
        return Ok(true);
    }
    if same {
        return Ok(false);
    }
    // An image that is not taken is fetched a second time before the old application starts (STRANGE).
    let mut why = String::new();
    for _ in 0..2 {
        let Some(bytes) = phone.fetch(&list.app).await? else { return Err(Stop::NotServed(list.app)) };
        match application(phone, &bytes, &list.app, wanted) {
            Ok(()) => {
                let boot = Boot::Universal { build };
                phone.write(&list.app, Flash::Legacy { boot, app: Some(LoadId::new(wanted)) })?;
                return Ok(true);
            }
            Err(reason) => {
                phone.step(false, format!("does not take {}: {reason}", list.app));
                why = reason;
            }
        }
    }
    Err(Stop::Refused(why))
}

fn application(phone: &Phone<'_>, bytes: &[u8], file: &str, wanted: &str) -> Result<(), String> {
    image::legacy(bytes, file, true).map_err(|why| format!("auth error: {file}: {why}"))?;
    let load = LoadId::new(wanted);
    takes(phone, &load)?;
    steps::legacy(phone.running().as_ref(), &load).map(|_| ())
}

/// Whether this unit is none of those that refuse `load`.
fn takes(phone: &Phone<'_>, load: &LoadId) -> Result<(), String> {
    let odd = phone.setup.rejects.iter().any(|bad| bad.as_str().eq_ignore_ascii_case(load.as_str()));
    if odd { Err(format!("auth error: this unit does not take {load}")) } else { Ok(()) }
}

async fn by_old_boot(phone: &mut Phone<'_>, wanted: &str) -> Result<bool, Stop> {
    if phone.running().is_some_and(|load| load.as_str().eq_ignore_ascii_case(wanted)) {
        return Ok(false);
    }
    single(phone, wanted).await
}

/// One image, which is a whole load of the old kind or a universal loader: unsigned for an unsigned boot, else signed.
async fn single(phone: &mut Phone<'_>, wanted: &str) -> Result<bool, Stop> {
    let signed = phone.flash.boot() != Some(&Boot::Unsigned);
    let file = format!("{wanted}.{}", if signed { "sbn" } else { "bin" });
    let Some(bytes) = phone.fetch(&file).await? else { return Err(Stop::NotServed(file)) };
    let marks =
        image::legacy(&bytes, &file, signed).map_err(|why| Stop::Refused(format!("auth error: {file}: {why}")))?;
    let load = LoadId::new(wanted);
    takes(phone, &load).map_err(Stop::Refused)?;
    steps::legacy(phone.running().as_ref(), &load).map_err(Stop::Refused)?;
    let flash = if marks.build.is_some() {
        // The loader takes the place of the whole old load.
        Flash::Legacy { boot: Boot::Universal { build: marks.build }, app: None }
    } else {
        let boot = if steps::is_signed(&load) { Boot::Signed } else { Boot::Unsigned };
        Flash::Legacy { boot, app: Some(load) }
    };
    phone.write(&file, flash)?;
    Ok(true)
}
